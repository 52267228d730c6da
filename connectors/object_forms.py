"""Kinds of record that somebody describes in the browser: a form for each, and an empty one for another."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

MOST = 100


class TypedObjects(dict[str, Any]):
    """What was typed in the browser, where settings have labels and no lines."""


class ObjectsWidget(forms.Widget):
    """Takes a mapping of names to their parts, as setup files give it, as well as its own forms."""

    @abstractmethod
    def collected(self, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        """The parts that one form says; none where it was left empty."""

    @abstractmethod
    def shown(self, prefix: str, called: str, parts: Any) -> dict[str, Any]:
        """A form for the page: `fields`, and `parts` that fold; `was`, which comes back as it is."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        if name in data:
            return data[name]
        typed = TypedObjects()
        for prefix in _prefixes(data, name):
            called = str(data.get(f"{prefix}-name", "")).strip()
            parts = self.collected(data, prefix)
            if not data.get(f"{prefix}-remove") and (called or parts):
                typed[called] = parts
        return typed

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data and f"{name}-0-name" not in data

    def id_for_label(self, id_: str) -> str:
        return f"{id_}-0-name" if id_ else ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        known = value if isinstance(value, Mapping) else {}
        kinds = [self._form(f"{name}-{place}", called, parts) for place, (called, parts) in enumerate(known.items())]
        another = self._form(f"{name}-{len(kinds)}", "", {})
        return render_to_string("connectors/described.html", {"kinds": kinds, "another": another})

    def _form(self, prefix: str, called: str, parts: Any) -> dict[str, Any]:
        return {"prefix": prefix, "name": called, **self.shown(prefix, called, parts)}


def _prefixes(data: Mapping[str, Any], name: str) -> Iterator[str]:
    yield from (f"{name}-{place}" for place in range(MOST) if f"{name}-{place}-name" in data)
