"""Looking for somebody by name, or by anything else that is kept of them. What was typed stands in no address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db.models import Prefetch, QuerySet

from alumnisync.engine.context import chunks
from alumnisync.inbox.wanted import MOST_CHOSEN, Wanted
from alumnisync.models import Match, Member
from connectors.models import RemoteRecord
from connectors.showing import as_text

LOOKED_AT = 20_000
"""Values are packed, so each record is opened: of longer lists the oldest questions are looked through."""


def found_by(wanted: Wanted, typed: str) -> list[int]:
    """The questions of a list about people who have all the words typed, one more at most than a list can show."""
    words = typed.casefold().split()
    if not words:
        return []
    ids = list(wanted.rows().order_by("pk").values_list("pk", flat=True)[:LOOKED_AT])
    fits = (pk for some in chunks(ids) for pk, records in _records(wanted, some) if _has(records, words))
    return list(islice(fits, MOST_CHOSEN + 1))


def _records(wanted: Wanted, ids: Sequence[int]) -> Iterable[tuple[int, list[RemoteRecord]]]:
    """Each question with the records it is about: three statements at most."""
    if wanted.model is Match:
        candidates = Prefetch("candidates", RemoteRecord.objects.defer("field_times"))
        matches = Match.objects.filter(pk__in=ids).select_related("record").prefetch_related(candidates).order_by("pk")
        return [(match.pk, [match.record, *match.candidates.all()]) for match in matches]
    questions: QuerySet[Any] = wanted.model._default_manager.filter(pk__in=ids)
    links = dict(questions.values_list("pk", "link"))
    of_link: dict[Any, list[RemoteRecord]] = defaultdict(list)
    for member in Member.objects.filter(link__in=links.values()).select_related("record").defer("record__field_times"):
        of_link[member.link_id].append(member.record)
    return [(pk, of_link[links[pk]]) for pk in ids if pk in links]


def _has(records: Iterable[RemoteRecord], words: Sequence[str]) -> bool:
    kept = " ".join(as_text(value) for record in records for value in record.values.values()).casefold()
    return all(word in kept for word in words)
