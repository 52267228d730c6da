"""export_person: all that is held about a person, as one JSON document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Failure
from alumnisync.privacy.export import export
from alumnisync.privacy.finding import NotFound, find_record
from alumnisync.privacy.person import person_of


class Command(AnsweringCommand):
    help = "Writes all that is held about a person as one JSON document; a file that it makes is readable by you alone."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("connection", metavar="CONNECTION", help="the connection's name")
        parser.add_argument("id", metavar="ID", help="the id of one of the person's records there")
        parser.add_argument("file", metavar="FILE", nargs="?", help="a new file; default: standard output")
        parser.add_argument("--type", default="", help="the kind of record, where several have this id")

    def answer(self, **options: Any) -> Answer:
        try:
            record = find_record(options["connection"], options["id"], options["type"])
        except NotFound as error:
            raise Failure(str(error)) from error
        if not options["file"]:
            return self._print(export(person_of(record)), is_json=options["json"])
        path = Path(options["file"])
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise Failure(f"{path} can't be written: {error.strerror}.") from error
        with os.fdopen(handle, "wb") as file:
            for piece in export(person_of(record)):
                file.write(piece)
        return Answer({"file": str(path)}, [f"Written to {path}."])

    def _print(self, pieces: Iterator[bytes], *, is_json: bool) -> Answer:
        if is_json:
            raise Failure("Leave --json out, or name a file: what is written is JSON already.")
        for piece in pieces:
            self.stdout.write(piece.decode(), ending="")
        return Answer({}, ())
