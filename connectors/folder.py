"""The one folder that connections may reach files in: whoever may enter a path must not read the whole machine."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError

from connectors.records import ConnectorError, NeedsAttention, Temporary

ONLY_MINE = 0o700
UPLOADS = "uploads"
"""Where in it the files lie that people upload, a folder for each connection."""


def inside(path: str) -> Path:
    """Where in the folder a path leads, links followed; relative ones begin there. Else NeedsAttention."""
    folder = settings.FILES_FOLDER.resolve()
    try:
        found = (folder / path).resolve()
    except (OSError, ValueError):
        found = folder.parent
    if not found.is_relative_to(folder):
        raise NeedsAttention(
            f"Files are read from the folder {folder} alone, and this path leads elsewhere. "
            "Put the file there and enter its path from there on, like people.csv; "
            "whoever installed this can choose another folder (FILES_FOLDER)."
        )
    return found


def name_of(path: Path) -> str:
    """A path inside the folder as people enter it: from the folder on."""
    return path.relative_to(settings.FILES_FOLDER.resolve()).as_posix()


def usable_path(value: str) -> None:
    """A form's check of a path."""
    try:
        inside(value)
    except NeedsAttention as error:
        raise ValidationError(error.message) from None


def make_private(folder: Path) -> None:
    """Makes a folder inside ours, and those above it, readable by the service alone."""
    for each in (*reversed(folder.parents), folder):
        if each.is_relative_to(settings.FILES_FOLDER.resolve()):
            each.mkdir(mode=ONLY_MINE, parents=True, exist_ok=True)


def create_private(path: Path) -> int:
    """A new file that only the service may read; its descriptor. Raises FileExistsError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def file_trouble(error: OSError, name: str) -> ConnectorError:
    """What to do about a file that can't be read or written."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NeedsAttention(f"There is no file {name} in the folder for files. Put it there, or correct the path.")
    if isinstance(error, PermissionError | IsADirectoryError):
        return NeedsAttention(f"AlumniSync may not open {name}. Let the user that it runs as read and write it.")
    return Temporary(f"{name} could not be read or written to its end just now.")
