"""Files that people upload for a connection: looked at first, and read only once somebody says which column is the key.

Each connection has a private folder inside the folder for files. What is replaced is deleted.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile

from connectors.base import Connector, FileLook
from connectors.folder import UPLOADS, create_private, inside, make_private
from connectors.models import Connection
from connectors.records import NeedsAttention
from connectors.registry import connectors
from connectors.storing import keep

LARGEST = 500_000_000
NAME = "people"
NO_FILE = "Choose a file first."


def takes_files(connection: Connection) -> bool:
    """Whether files are uploaded for it: its system reads files, and its settings don't say from where else."""
    kind = connectors().get(connection.system)
    if kind is None or not kind.file_kinds:
        return False
    return kind.reads_from(connection.settings) in ("", folder_of(connection))


def folder_of(connection: Connection) -> str:
    """Its folder, from the folder for files on."""
    return f"{UPLOADS}/connection-{connection.pk}"


def receive(connection: Connection, file: UploadedFile[bytes] | None) -> None:
    """Keeps a file to be looked at, instead of the one before. Raises NeedsAttention, with nothing kept."""
    kind = _kind(connection)
    ending = Path(file.name or "").suffix.lower() if file else ""
    if not takes_files(connection):
        raise NeedsAttention("This connection takes no uploaded files. Nothing was kept.")
    if file is None:
        raise NeedsAttention(NO_FILE)
    if ending not in kind.file_kinds:
        raise NeedsAttention(f"A file of this kind is not read. Its name must end in {', '.join(kind.file_kinds)}.")
    if not file.size or file.size > LARGEST:
        raise NeedsAttention(f"The file is empty, or larger than {LARGEST // 1_000_000} MB. Nothing was kept of it.")
    discard(connection)
    make_private(_waiting_folder(connection))
    with os.fdopen(create_private(_waiting_folder(connection) / f"{NAME}{ending}"), "wb") as kept:
        for chunk in file.chunks():
            kept.write(chunk)


def look(connection: Connection) -> FileLook | None:
    """The beginning of the file that waits; None where none does. Raises NeedsAttention where it can't be read."""
    path = _waiting(connection)
    if path is None:
        return None
    try:
        return _kind(connection).look_into(path, connection.settings)
    except NeedsAttention as error:
        # It is kept by another name than the one that people know it by.
        said = error.message.removeprefix(f"{path.name}: ").replace(path.name, "the file")
        raise NeedsAttention(said) from error


def discard(connection: Connection) -> None:
    """Deletes the file that waits."""
    shutil.rmtree(_waiting_folder(connection), ignore_errors=True)


def use(connection: Connection, column: str) -> list[str]:
    """Reads the file that waits from now on, instead of the one before; which settings changed."""
    path, found = _waiting(connection), look(connection)
    if path is None or found is None:
        raise NeedsAttention(NO_FILE)
    if column not in found.columns or not column:
        raise NeedsAttention("Choose the column that tells whose row it is.")
    kind, folder = _kind(connection), inside(folder_of(connection))
    path.replace(folder / path.name)
    for ending in set(kind.file_kinds) - {path.suffix}:
        (folder / f"{NAME}{ending}").unlink(missing_ok=True)
    discard(connection)
    settings = kind.with_file(connection.settings, folder_of(connection), column)
    return keep(connection, name=connection.name, settings=settings, secrets={})


def written(connection: Connection) -> list[Path]:
    """The files that were written for people to take in, the newest first."""
    return _kind(connection).files_written(connection.settings)


def kept(connection: Connection) -> list[Path]:
    """Everything in its folder: what is read, and what waits."""
    return sorted(path for path in inside(folder_of(connection)).rglob("*") if path.is_file())


def _kind(connection: Connection) -> type[Connector]:
    return connectors()[connection.system]


def _waiting_folder(connection: Connection) -> Path:
    return inside(folder_of(connection)) / "waiting"


def _waiting(connection: Connection) -> Path | None:
    folder = _waiting_folder(connection)
    return next((path for path in folder.iterdir() if path.is_file()), None) if folder.is_dir() else None
