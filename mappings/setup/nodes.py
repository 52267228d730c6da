"""Plain values as the YAML nodes that the setup's reader takes, so that forms and spreadsheets are read by it too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from mappings.setup.sections import TAG

Place = tuple[str | int, ...]
"""Where in a document: the names and positions that lead there."""


def node_of(value: Any, line_at: Callable[[Place], int], place: Place = ()) -> yaml.Node:
    """A value that JSON can say, as a node; line_at: place → the line it is said to stand on, from 1."""
    line = line_at(place) - 1
    mark = yaml.Mark("", 0, line, 0, None, 0)
    if isinstance(value, dict):
        pairs = [
            (_scalar(name, _mark(line_at, (*place, name))), node_of(each, line_at, (*place, name)))
            for name, each in value.items()
        ]
        return yaml.MappingNode(f"{TAG}map", pairs, mark, mark)
    if isinstance(value, list | tuple):
        items = [node_of(each, line_at, (*place, index)) for index, each in enumerate(value)]
        return yaml.SequenceNode(f"{TAG}seq", items, mark, mark)
    return _scalar(value, mark)


def _mark(line_at: Callable[[Place], int], place: Place) -> yaml.Mark:
    return yaml.Mark("", 0, line_at(place) - 1, 0, None, 0)


def _scalar(value: Any, mark: yaml.Mark) -> yaml.ScalarNode:
    if value is None:
        return yaml.ScalarNode(f"{TAG}null", "", mark, mark)
    if isinstance(value, bool):
        return yaml.ScalarNode(f"{TAG}bool", str(value).lower(), mark, mark)
    if isinstance(value, int):
        return yaml.ScalarNode(f"{TAG}int", str(value), mark, mark)
    if isinstance(value, float):
        return yaml.ScalarNode(f"{TAG}float", f"{value:f}", mark, mark)
    return yaml.ScalarNode(f"{TAG}str", str(value), mark, mark)
