"""load_setup: the whole configuration from one file.

The JSON object: changed (with --preview: would be), preview, created [names], updated [{name, changes}],
unchanged [names], notes; where the file has mistakes: error, mistakes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Failure
from alumnisync.versions import activate
from mappings.setup.loading import Report, known_setup, load
from mappings.setup.reading import Setup, read_setup
from mappings.setup.sections import SetupError


class Command(AnsweringCommand):
    help = (
        "Makes the connections and syncs say what a setup file says. Loading twice changes nothing; "
        "connections and syncs that are not in the file stay as they are. ${NAME} in the settings of a "
        "connection is taken from the environment, and has to be set there."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE.yaml", help="the setup file")
        parser.add_argument("--preview", action="store_true", help="show what would change, and change nothing")

    def answer(self, **options: Any) -> Answer:
        setup = _read(Path(options["file"]))
        report = load(setup, activate=activate, preview=options["preview"])
        data = {
            "changed": report.is_changed,
            "preview": options["preview"],
            "created": report.created,
            "updated": [{"name": name, "changes": changes} for name, changes in report.updated.items()],
            "unchanged": report.unchanged,
            "notes": list(setup.notes),
        }
        return Answer(data, [*_lines(report), *setup.notes])


def _read(path: Path) -> Setup:
    try:
        return read_setup(path.read_text(encoding="utf-8-sig"), os.environ, known_setup())
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not a text file in UTF-8; save it as UTF-8 and load it again.") from error
    except SetupError as error:
        lines = "\n".join(f"  {mistake}" for mistake in error.mistakes)
        raise Failure(f"{path} was not loaded and nothing was changed:\n{lines}", mistakes=error.mistakes) from error


def _lines(report: Report) -> list[str]:
    lines = [f"new: {name}" for name in report.created]
    for name, changes in report.updated.items():
        lines += [f"changed: {name}", *(f"  {change}" for change in changes)]
    return lines or ["nothing to change"]
