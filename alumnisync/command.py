"""What our commands have in common: `--json`, what goes to which stream, and the exit codes."""

from __future__ import annotations

import getpass
import json
import logging
import sys
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError, ProgrammingError

log = logging.getLogger(__name__)


class Exit(IntEnum):
    """Exit codes; where several apply, the highest."""

    DONE = 0
    SET_ASIDE = 1
    USAGE = 2
    HELD = 3
    FAILED = 4


@dataclass(frozen=True)
class Answer:
    """What a command found: `data` for --json, `lines` for people."""

    data: dict[str, Any]
    lines: Sequence[str]
    code: Exit = Exit.DONE


class Failure(Exception):
    """A command can't do what was asked. The text is for people; `details` are added to the JSON object."""

    def __init__(self, message: str, code: Exit = Exit.USAGE, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details = details


class AnsweringCommand(BaseCommand):
    """A command that works out an Answer, or raises Failure."""

    # Checked in `handle`: a missing setting is an answer too, and its exit code is ours.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object alone on standard output")
        self.add_own_arguments(parser)

    def add_own_arguments(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    @abstractmethod
    def answer(self, **options: Any) -> Answer:
        """Does what was asked."""

    def progress(self, text: str) -> None:
        """Tells people how far it is, on standard error."""
        self.stderr.write(text, str)

    def handle(self, *args: Any, **options: Any) -> None:
        # Whatever prints by the way (a console mail backend does) must not get between us and a script.
        with redirect_stdout(sys.stderr):
            answer = self._attempt(options)
        if options["json"]:
            self.stdout.write(json.dumps(answer.data, ensure_ascii=False))
        elif answer.lines:
            self.stdout.write("\n".join(answer.lines))
        if answer.code:
            sys.exit(answer.code)

    def _attempt(self, options: dict[str, Any]) -> Answer:
        try:
            refuse_wrong_settings()
            return self.answer(**options)
        except Failure as failure:
            return self._failed(failure)
        except (CommandError, ImproperlyConfigured) as error:
            return self._failed(Failure(str(error)))
        except (OperationalError, ProgrammingError) as error:
            words = str(error).strip() or type(error).__name__
            advice = "Run “python manage.py migrate”, or check DATABASE_URL."
            return self._failed(Failure(f"The database can't be used ({words}). {advice}", Exit.FAILED))
        except Exception:
            # Python would end with 1, which says "done" in our exit codes.
            log.exception("A fault in the program")
            sentence = "A fault in the program; what is above tells its makers more."
            return self._failed(Failure(sentence, Exit.FAILED))

    def _failed(self, failure: Failure) -> Answer:
        self.progress(failure.message)
        return Answer({"error": failure.message, **failure.details}, (), failure.code)


def who() -> str:
    """Who sits at the shell; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the command line"


def refuse_wrong_settings() -> None:
    """Raises Failure where a setting of the installation is missing or can't be used, with what to do about it."""
    found = [each for each in checks.run_checks() if each.is_serious() and not each.is_silenced()]
    if found:
        raise Failure("\n".join(" ".join(filter(None, (each.msg, each.hint))) for each in found))


def refuse_old_database() -> None:
    """Raises Failure where the database is not what this version of the program needs."""
    executor = MigrationExecutor(connections["default"])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Failure("The database is not ready for this version. Run “python manage.py migrate”.")
