"""What we write: a new file beside the one that was read, never that one itself.

Each row says how the whole row should read. The name says which content it was written for: once other content
is put there, that counts as it stands and these files say nothing any more.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.cells import escape, unescape
from connectors.folder import create_private

WRITTEN = re.compile(r"-changes-\d{8}-\d{6}-\d{6}-[0-9a-f]{12}\.csv$")
CHANGE = "AlumniSync: what changes"
NEW = "new row"
END = "\r\n"


def is_written_here(name: str) -> bool:
    """Whether a file of this name is one of ours."""
    return bool(WRITTEN.search(name))


def written_for(source: Path, content: str) -> list[Path]:
    """The files with changes to this content of a source, the oldest first."""
    ending = f"-{content}.csv"
    found = [path for path in source.parent.iterdir() if path.name.startswith(f"{source.stem}-changes-")]
    return sorted(path for path in found if is_written_here(path.name) and path.name.endswith(ending))


def rows_written(path: Path) -> Iterator[dict[str, str]]:
    """The rows of such a file, without one whose writing was cut off."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        last: dict[str, str] | None = None
        for cells in csv.DictReader(file, strict=False):
            if last is not None:
                yield last
            last = {name: unescape(cell or "") for name, cell in cells.items() if name not in (None, CHANGE)}
    if last is not None and _ends_whole(path):
        yield last


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-len(END), os.SEEK_END)
        return file.read() == END.encode()


class ChangesFile:
    """The file that one run writes for one content of a source; made with the first row."""

    def __init__(self, source: Path, content: str, columns: Sequence[str]) -> None:
        self.content, self.columns = content, list(columns)
        now = datetime.now(UTC)
        self.path = source.with_name(f"{source.stem}-changes-{now:%Y%m%d-%H%M%S-%f}-{content}.csv")
        self._is_made = False

    def add(self, rows: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """Add rows, each with what changes in it; on disk before this returns."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator=END)
        if not self._is_made:
            writer.writerow([CHANGE, *map(escape, self.columns)])
        for change, values in rows:
            writer.writerow([change, *(escape(values.get(name, "")) for name in self.columns)])
        data = text.getvalue().encode("utf-8" if self._is_made else "utf-8-sig")
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND) if self._is_made else create_private(self.path)
        with os.fdopen(handle, "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._is_made = True
