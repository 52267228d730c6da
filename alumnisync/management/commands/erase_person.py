"""erase_person: everything that is held about a person, shown or erased for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Failure, whoami
from alumnisync.privacy.erasing import Preview, Refused, erase, preview
from alumnisync.privacy.finding import NotFound, find_record

NOT_SAID = "Nothing was erased. Look at it with --preview, then say --yes: it can't be undone."


class Command(AnsweringCommand):
    help = (
        "Erases a person: everything that is held about them here is removed or blanked, and never taken in again. "
        "In the systems nothing is deleted; what is left to do by hand there is printed."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("connection", metavar="CONNECTION", help="the connection's name")
        parser.add_argument("id", metavar="ID", help="the id of one of the person's records there")
        parser.add_argument("--type", default="", help="the kind of record, where several have this id")
        parser.add_argument("--ticket", default="", help="where the request is filed: a number, no name; it is kept")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--preview", action="store_true", help="show what is held and what would be left to do")
        way.add_argument("--yes", action="store_true", help="erase; it can't be undone")

    def answer(self, **options: Any) -> Answer:
        try:
            record = find_record(options["connection"], options["id"], options["type"])
            found = preview(record)
            if options["preview"]:
                return Answer(_data(found), [*_lines(found), *filter(None, [found.refusal])])
            if not options["yes"]:
                raise Failure(NOT_SAID)
            erasure = erase(record, by=whoami(), ticket=options["ticket"])
        except (NotFound, Refused) as error:
            raise Failure(str(error)) from error
        return Answer({"erasure": erasure.pk, **_data(found)}, [*_lines(found), f"Done: {erasure}."])


def _data(found: Preview) -> dict[str, Any]:
    return {
        "held": [{"what": what, "where": where, "count": count} for what, where, count in found.counts],
        "by_hand": [
            {"system": task.system, "what": task.what, "ids": [id for id, _ in task.ids]} for task in found.tasks
        ],
        "refusal": found.refusal,
    }


def _lines(found: Preview) -> Iterator[str]:
    for what, where, count in found.counts:
        yield f"{what}, {where}: {count:,}"
    for task in found.tasks:
        ids = ", ".join(id for id, _ in task.ids)
        yield f"By hand in {task.system}: delete {ids} ({task.what})" if ids else f"By hand: the file {task.what}"
