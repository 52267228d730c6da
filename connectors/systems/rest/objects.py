"""The kinds of record as one setting: a mapping, or the same as a setup file writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import yaml
from django import forms
from django.core.exceptions import ValidationError

from connectors.object_forms import TypedObjects
from connectors.systems.rest.description import Place, read_objects
from connectors.systems.rest.widget import DescribedWidget, label_of


class ObjectsField(forms.Field):
    """Name → its parts. Every mistake is told with its line, or its place."""

    widget = DescribedWidget

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return {}
        lines: dict[Place, int] = {}
        if isinstance(value, str):
            value, lines = _parsed(value)
        if not isinstance(value, Mapping):
            raise ValidationError("Write each kind of record by its name, like person: {list: {path: /people}}.")
        _, mistakes = read_objects(value)
        if "" in value:
            mistakes.append((("",), "Give each kind of record a name, like person."))
        say = label_of if isinstance(value, TypedObjects) else partial(_place_of, lines=lines)
        if mistakes:
            raise ValidationError([f"{say(place)}: {sentence}" for place, sentence in mistakes])
        return dict(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial != data)


def _parsed(text: str) -> tuple[Any, dict[Place, int]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        # Texts and numbers only: what YAML makes a date of stays as it was written.
        return yaml.load(text, Loader=_Loader), dict(_lines(root, ()))  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"Line {mark.line + 1}: t" if mark else "T"
        raise ValidationError(f"{line}his can't be read: {error.problem or error.context}.") from None
    except yaml.YAMLError:
        raise ValidationError("This can't be read: there is a character in it that doesn't belong there.") from None
    except (ValueError, RecursionError):
        raise ValidationError("This can't be read: write it as in the example.") from None


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        letter: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
        for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _lines(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    if node is not None:
        yield place, node.start_mark.line + 1
    # Three names deep: a kind of record, a part of it, and a setting of that.
    if isinstance(node, yaml.MappingNode) and len(place) < 3:
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1


def _place_of(place: Place, lines: Mapping[Place, int]) -> str:
    nearest = next((place[:end] for end in range(len(place), 0, -1) if place[:end] in lines), None)
    said = ", ".join(place)
    return f"Line {lines[nearest]}, {said}" if nearest else said
