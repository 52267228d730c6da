"""What somebody sends of a sheet: the file, or its rows once more as they were shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core import signing
from django.core.files.uploadedfile import UploadedFile

from mappings.models import Sync
from mappings.sheets import Current
from mappings.sheets.changes import Given, given_of, recognised
from mappings.sheets.files import LARGEST, UnreadableSheet, read_grid

SALT = "mappings.spreadsheet"
ACCEPTED = ".xlsx,.ods,.csv,.tsv,.txt"
NO_FILE = "Choose a file first. Then “Preview the changes” shows what it would do."
LOST = "This page is not the one that was shown, so nothing was stored. Upload the file again."


class UploadForm(forms.Form):
    """The file. What it holds is told by its contents."""

    file = forms.FileField(
        label="File",
        help_text=f"Excel (.xlsx), OpenDocument (.ods), CSV or TSV, up to {LARGEST // 1_000_000} MB.",
        widget=forms.ClearableFileInput({"class": "as-input", "accept": ACCEPTED}),
    )


@dataclass(frozen=True)
class Shown:
    """A sheet, and the version that it was compared with: number and edit."""

    given: Given
    based_on: tuple[int, int]
    keep: bool = False

    def signed(self, sync: Sync) -> str:
        """The same as a hidden field can hold it, so that what is stored is what was shown."""
        return signing.dumps([sync.pk, *self.based_on, self.keep, self.given.as_plain()], salt=SALT, compress=True)


def shown_of(data: Any, files: Any, sync: Sync, current: Current) -> Shown:
    """What was sent by either form. Raises UnreadableSheet."""
    if "rows" in data:
        return _signed(str(data["rows"]), sync)
    form = UploadForm(data, files)
    file = form.cleaned_data["file"] if form.is_valid() else None
    if not isinstance(file, UploadedFile):
        raise UnreadableSheet(NO_FILE)
    # One byte more than is taken tells that there is more; the rest is never read.
    given = recognised(read_grid(file.read(LARGEST + 1)), current)
    return Shown(given, (current.number, current.edit))


def _signed(rows: str, sync: Sync) -> Shown:
    try:
        pk, number, edit, keep, plain = signing.loads(rows, salt=SALT)
    except signing.BadSignature as error:
        raise UnreadableSheet(LOST) from error
    if pk != sync.pk:
        raise UnreadableSheet(LOST)
    return Shown(given_of(plain), (number, edit), keep)
