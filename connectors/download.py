"""An answer that is too large to be held: read piece by piece as it comes, or laid by on disk first.

The file has no name and is readable by nobody else: it is gone with the process, however that ends.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO

import requests

from connectors.deadline import answered_by
from connectors.records import ConnectorError, NeedsAttention

PIECE = 65_536
"""Bytes that have to come within the longest call, so that a slow answer is not cut and a stalled one is."""
LARGEST = 20_000_000_000
"""Bytes of an answer, unpacked."""
LARGEST_PART = 64_000_000
"""Bytes between two records: whoever sends more in one would fill our memory with it."""


class Download:
    """An answer's body, to be read like a file and then closed.

    position  how many bytes were read
    Reading raises Temporary where the answer breaks off, stalls, or can't be what was promised.
    """

    def __init__(
        self, response: requests.Response, patience: float, failed: Callable[[Exception | str], ConnectorError]
    ) -> None:
        self.position = 0
        self._response, self._patience, self._failed = response, patience, failed
        self._pieces: Iterator[bytes] = response.iter_content(PIECE)
        self._left = b""
        self._file: IO[bytes] | None = None
        self._mark = self._came = self._renewed_at = 0
        self._until = 0.0

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def read(self, size: int = -1) -> bytes:
        """At most that many bytes, all there are where no number is given; none at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        piece = self._left or (self._file.read(size) if self._file else self._next())
        piece, self._left = piece[:size], piece[size:]
        self.position += len(piece)
        if self.position - self._mark > LARGEST_PART:
            raise self._failed(f"with more than {LARGEST_PART // 1_000_000} MB for one record")
        return piece

    def begins_with(self, character: bytes) -> bool:
        """Whether this is the first character that isn't a space; nothing counts as read by asking."""
        while not self._left.strip() and (piece := self._next()):
            self._left += piece
        return self._left.lstrip().startswith(character)

    def mark(self) -> None:
        """A record is complete here."""
        self._mark = self.position

    def lay_by(self) -> Iterator[int]:
        """Fetch the rest to disk; how many bytes came so far, again and again, until all are there.

        From then on it is read from there. Raises Temporary like `read`, NeedsAttention where the disk is full.
        """
        self._file = rest = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the download
        try:
            while piece := self._next():
                rest.write(piece)
                yield self._came
            rest.seek(0)
        except OSError as error:
            raise NeedsAttention(
                "There is no room on this computer's disk for a large list while it is read. Make some, in the "
                "folder for temporary files (TMPDIR)."
            ) from error

    def close(self) -> None:
        """Read no further: whatever the system still sends is not wanted."""
        self._response.close()
        if self._file:
            self._file.close()

    def _next(self) -> bytes:
        """The next piece as it comes from the network."""
        if self._came >= self._renewed_at:
            self._until, self._renewed_at = time.monotonic() + self._patience, self._came + PIECE
        try:
            with answered_by(self._until):
                piece = next(self._pieces, b"")
        except requests.RequestException as problem:
            self._response.close()
            raise self._failed(problem) from None
        self._came += len(piece)
        if self._came > LARGEST:
            raise self._failed(f"with more than {LARGEST // 1_000_000_000} GB at once")
        return piece
