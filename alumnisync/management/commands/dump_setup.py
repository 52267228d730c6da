"""dump_setup: the whole configuration as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Failure
from mappings.setup.dumping import dump_setup


class Command(AnsweringCommand):
    help = (
        "Writes all connections and syncs as a setup file that load_setup takes. Secrets are left out: "
        "the file has placeholders like ${CRM_API_KEY}, and names on top which variables they need."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", help="where to write it; default: standard output")

    def answer(self, **options: Any) -> Answer:
        setup = dump_setup()
        if not options["file"]:
            return Answer({"setup": setup}, [setup.rstrip("\n")])
        path = Path(options["file"])
        try:
            path.write_text(setup, encoding="utf-8")
        except OSError as error:
            raise Failure(f"{path} can't be written: {error.strerror}.") from error
        return Answer({"file": str(path)}, [f"Written to {path}."])
