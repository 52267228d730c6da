"""A sync's settings as people edit them: out as a document in the setup file's shape, and back through its one reader.

Forms and spreadsheets meet here; both save through `save_rules`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db import transaction

from connectors.models import Connection
from mappings.models import MappingVersion, Sync, SyncSide, ValueMap
from mappings.setup.contents import (
    HEAD_WORDS,
    MAP_WORDS,
    SIDE_WORDS,
    Contents,
    Plain,
    contents_of,
    defaults_of,
    plain_row,
    store,
)
from mappings.setup.nodes import Place
from mappings.setup.reading import Known, read_document
from mappings.setup.syncs import SyncSetup
from mappings.versions import Outdated, newest_version, revise

LineAt = Callable[[Place], int]
EDITABLE = HEAD_WORDS[1:]
"""What is changed at once, without a new version; the state is changed by switching on and off only."""


def document_of(sync: Sync, contents: Contents) -> Plain:
    """What a sync and these rules say, as a document that `read_rules` reads back."""
    head = {word: value for word, value in plain_row(sync, HEAD_WORDS).items() if _is_said(value)}
    sides = {side: _said(settings) for side, settings in contents.sides.items()}
    said = {"name": sync.name, **head, **sides, "match": contents.match, "pilot": contents.pilot}
    fields = [_said(pair) for pair in contents.pairs.values()]
    maps = [{"name": name, **_said(each), "pairs": each["pairs"]} for name, each in contents.value_maps.items()]
    return {"syncs": [{**said, "fields": fields}], "value_maps": maps}


def read_rules(sync: Sync, document: Plain, line_at: LineAt) -> SyncSetup:
    """Reads a document with one sync in it: this one, as it would be.

    Raises SetupError; its `found` are the mistakes, each with the line that `line_at` gave its place. Drop-down pairs
    that no field pair uses yet are kept: somebody may be about to.
    """
    setup = read_document(document, line_at, known_besides(sync)).syncs[0]
    unused = {each["name"]: each for each in document.get("value_maps", ())}
    defaults = defaults_of(ValueMap, MAP_WORDS)
    maps = {
        str(name): setup.contents.value_maps.get(name) or {word: each.get(word, defaults[word]) for word in MAP_WORDS}
        for name, each in unused.items()
    }
    return replace(setup, contents=replace(setup.contents, value_maps=maps))


def known_besides(sync: Sync) -> Known:
    """What a sync may refer to, and the syncs beside it that share its systems: two statements, however many."""
    state = MappingVersion.State
    rows = SyncSide.objects.exclude(version__sync__name=sync.name).exclude(version__state=state.RETIRED)
    others: dict[str, Contents] = {}
    # Of a sync that has both, what is in force comes last, and counts.
    ordered = rows.select_related("version__sync", "connection").defer("connection__secrets")
    for row in ordered.order_by("-version__state", "version__number"):
        others.setdefault(row.version.sync.name, Contents()).sides[row.side] = plain_row(row, SIDE_WORDS)
    return Known(systems=dict(Connection.objects.values_list("name", "system")), syncs=others)


@transaction.atomic
def save_rules(
    sync: Sync, setup: SyncSetup, *, by: str, based_on: tuple[int, int] | None = None
) -> MappingVersion | None:
    """Keeps the settings of the sync at once, and its rules in the draft; None where the rules are as they were.

    Raises Outdated, and keeps nothing, where the rules were saved by somebody else since `based_on`.
    """
    row = Sync.objects.select_for_update().get(pk=sync.pk)
    version = None
    if not says_the_same(newest_contents(row), setup.contents):
        version = revise(row, setup.contents, by=by, based_on=based_on)
    if any(getattr(row, word) != setup.head[word] for word in EDITABLE):
        for word in EDITABLE:
            setattr(row, word, setup.head[word])
        row.save(update_fields=EDITABLE)
    return version


@transaction.atomic
def begin(name: str, contents: Contents, *, by: str) -> Sync:
    """A new sync that is not switched on, with these rules as its first draft. Raises SetupError."""
    sync = Sync(name=name, state=Sync.State.DRAFT)
    setup = read_rules(sync, document_of(sync, contents), lambda place: 1)
    sync.save()
    store(sync, setup.contents, by=by)
    return sync


@transaction.atomic
def discard(version: MappingVersion, *, based_on: tuple[int, int]) -> None:
    """Lays a draft aside, so that the rules in force are what people see again. Raises Outdated."""
    Sync.objects.select_for_update().get(pk=version.sync_id)
    version.refresh_from_db()
    if version.state != MappingVersion.State.DRAFT or (version.number, version.edit) != based_on:
        raise Outdated("This draft was changed or put in force meanwhile, so it was not discarded. Look at it again.")
    version.state = MappingVersion.State.RETIRED
    version.save(update_fields=["state"])


def newest_contents(sync: Sync) -> Contents:
    """The rules a person is at: the draft's, else those in force; empty where there are none yet."""
    version = newest_version(sync)
    return contents_of(version) if version else Contents()


def says_the_same(one: Contents, other: Contents) -> bool:
    """Whether two versions' rules are the same, the order of field pairs included."""
    return _written(one) == _written(other)


def _written(contents: Contents) -> str:
    # As JSON, for which 1 and true differ; for Python they are equal.
    parts = [contents.sides, contents.match, contents.pilot, list(contents.pairs.items()), contents.value_maps]
    return json.dumps(parts, sort_keys=True)


def _said(settings: Plain) -> Plain:
    return {word: value for word, value in settings.items() if _is_said(value)}


def _is_said(value: Any) -> bool:
    return value is not False and value not in ("", {}, [])
