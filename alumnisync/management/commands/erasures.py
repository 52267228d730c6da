"""erasures: the list of erasures as a file beside the backups, and everybody erased again after one was restored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Failure, whoami
from alumnisync.models import Erasure
from alumnisync.privacy.erasing import Refused
from alumnisync.privacy.replaying import Unreadable, dump, erase_again, load


class Command(AnsweringCommand):
    help = (
        "Lists the erasures. --dump writes them to a file that holds nothing of the people: keep it beside the "
        "backups. --load takes it in after a backup was restored, and erases again whoever came back with it."
    )

    def add_own_arguments(self, parser: CommandParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--dump", metavar="FILE", help="write the file")
        way.add_argument("--load", metavar="FILE", help="take the file in, and erase again")

    def answer(self, **options: Any) -> Answer:
        if options["dump"]:
            return _dump(Path(options["dump"]))
        if options["load"]:
            return _load(Path(options["load"]))
        rows = list(Erasure.objects.order_by("pk"))
        listed = [{"erasure": row.pk, "at": row.at.isoformat(), "by": row.by, "ticket": row.ticket} for row in rows]
        return Answer({"erasures": listed}, [f"{row}: {row.at:%Y-%m-%d %H:%M}, {row.by} {row.ticket}" for row in rows])


def _dump(path: Path) -> Answer:
    document = dump()
    try:
        path.write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}.") from error
    count = len(document["erasures"])
    return Answer({"file": str(path), "erasures": count}, [f"{count:,} erasures written to {path}."])


def _load(path: Path) -> Answer:
    try:
        added = load(json.loads(path.read_text(encoding="utf-8")))
        erased = erase_again(whoami())
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}.") from error
    except (Unreadable, Refused) as error:
        raise Failure(str(error)) from error
    except ValueError as error:
        raise Failure(f"{path} is no JSON file.") from error
    sentence = f"{added:,} erasures were new here; {erased:,} people were erased again."
    return Answer({"loaded": added, "erased": erased}, [sentence])
