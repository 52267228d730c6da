"""A setup file → Setup, or SetupError with every mistake in it. The database is not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from mappings.setup.checks import check_between, check_references, check_sync
from mappings.setup.connections import CONNECTION_KEYS, ConnectionSetup, read_connection
from mappings.setup.contents import MAP_WORDS, Contents, Plain
from mappings.setup.nodes import Place, node_of
from mappings.setup.pairs import read_value_map
from mappings.setup.sections import Mistakes, Section, SetupError, compose
from mappings.setup.syncs import SYNC_KEYS, ReadSync, SyncSetup, read_sync

FILE_KEYS = ("connections", "syncs", "value_maps")


@dataclass(frozen=True)
class Known:
    """What is in the database already.

    systems  connection → its system
    syncs    sync → its rules
    """

    systems: Mapping[str, str] = field(default_factory=dict)
    syncs: Mapping[str, Contents] = field(default_factory=dict)


@dataclass(frozen=True)
class Setup:
    """A setup file without mistakes. notes: sentences about what has no effect."""

    connections: tuple[ConnectionSetup, ...]
    syncs: tuple[SyncSetup, ...]
    notes: tuple[str, ...] = ()


def read_setup(text: str, environment: Mapping[str, str], known: Known) -> Setup:
    """Reads a whole file. Raises SetupError; its `mistakes` are all that is wrong, each with its line."""
    mistakes = Mistakes()
    root = compose(text, mistakes)
    if root is None:
        raise SetupError(["line 1: the file is empty; it needs “connections” and “syncs”."])
    return _read(root, environment, known, mistakes)


def read_document(document: Plain, line_at: Callable[[Place], int], known: Known) -> Setup:
    """Reads what a form or a spreadsheet says, in the shape of a setup file: {"syncs": […], "value_maps": […]}.

    line_at: the line that a mistake at a place is told with; of a place such as ("syncs", 0, "fields", 3, "kind").
    Raises SetupError; its `found` are the mistakes with those lines.
    """
    return _read(node_of(document, line_at), {}, known, Mistakes())


def _read(root: yaml.Node, environment: Mapping[str, str], known: Known, mistakes: Mistakes) -> Setup:
    file = Section(root, "a setup file", FILE_KEYS, mistakes)
    connections = _read_connections(file, environment, known)
    value_maps = _read_value_maps(file)
    # A connection may be in the database only: a file need not hold all of them.
    systems = {**known.systems, **{each.name: each.system for each in connections}}
    syncs = _read_syncs(file, systems, value_maps, known)
    mistakes.stop_if_any()
    return Setup(tuple(connections), tuple(each.setup for each in syncs), _unused(value_maps, syncs))


def _read_connections(file: Section, environment: Mapping[str, str], known: Known) -> list[ConnectionSetup]:
    sections = file.sections("connections", "a connection", CONNECTION_KEYS)
    found = [read_connection(each, environment, known.systems) for each in sections]
    _refuse_twice("connection", zip(sections, (each.name for each in found), strict=True))
    return found


def _read_value_maps(file: Section) -> dict[str, Plain]:
    sections = file.sections("value_maps", "a value map", ("name", *MAP_WORDS))
    found = [read_value_map(each) for each in sections]
    _refuse_twice("value map", zip(sections, (name for name, _ in found), strict=True))
    return dict(found)


def _read_syncs(
    file: Section, systems: Mapping[str, str], value_maps: Mapping[str, Plain], known: Known
) -> list[ReadSync]:
    sections = file.sections("syncs", "a sync", SYNC_KEYS)
    syncs = [read_sync(each, systems, value_maps) for each in sections]
    names = [each.setup.name for each in syncs]
    _refuse_twice("sync", zip(sections, names, strict=True))
    for sync in syncs:
        check_sync(sync)
    stored = {name: contents for name, contents in known.syncs.items() if name not in names}
    check_between(syncs, stored)
    check_references(syncs, stored)
    return syncs


def _refuse_twice(what: str, named: Iterable[tuple[Section, str]]) -> None:
    first: dict[str, int] = {}
    for section, name in named:
        if name and name in first:
            section.mistake("name", f"there is a {what} “{name}” on line {first[name]} already.")
        first.setdefault(name, section.line("name"))


def _unused(value_maps: Mapping[str, Plain], syncs: list[ReadSync]) -> tuple[str, ...]:
    used = {name for sync in syncs for name in sync.setup.contents.value_maps}
    return tuple(
        f"Value map “{name}” is used by no field pair and was left out." for name in value_maps if name not in used
    )
