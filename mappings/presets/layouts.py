"""Field pairs laid out as a vendor's own mapping template has them, which its customers' staff know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import yaml

from mappings.paths import root
from mappings.sheets import SIDES, Column, Current, Kind, Labels, Row, rows_of

FOLDER = Path(__file__).parent / "templates"
THE_OTHERS = 10_000


@dataclass(frozen=True)
class Layout:
    """A vendor's template.

    columns  (heading, what stands there): number, field, label, the `about` of a field, or a column of ours by its
             key, where `own` and `other` stand for the sides
    orders   name of an order → what it is called
    about    field → what its vendor says of it, by column; in the order in which the vendor's people think of them
    """

    label: str
    objects: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    orders: Mapping[str, str]
    about: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def number(self, path: str) -> int:
        """A field's place in the vendor's order, from 1; fields that it doesn't list come last."""
        return self._places.get(path) or self._places.get(root(path), THE_OTHERS)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.about, start=1)}


@cache
def layouts() -> Mapping[str, Layout]:
    """System → its template."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.yaml"))}


def _read(path: Path) -> Layout:
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    columns = tuple((str(title), str(what)) for title, what in said["columns"])
    fields = {str(name): about or {} for name, about in said["fields"].items()}
    return Layout(said["label"], tuple(said["objects"]), columns, said["orders"], fields)


def layout_for(current: Current, systems: Mapping[str, str]) -> tuple[str, Layout] | None:
    """The side whose system has a template for its kind of record, and that. systems: connection → its system"""
    for side in SIDES:
        settings = current.contents.sides.get(side, {})
        layout = layouts().get(systems.get(settings.get("connection", ""), ""))
        if layout and settings["object"] in layout.objects:
            return side, layout
    return None


def laid_out(
    current: Current, side: str, layout: Layout, order: str, labels: Labels | None = None
) -> tuple[list[Row], Sequence[Column]]:
    """The field pairs under the template's headings, sorted as one of its orders says."""
    other = "right" if side == "left" else "left"
    columns = []
    for title, what in layout.columns:
        key = what.replace("own", side).replace("other", other)
        columns.append(Column(key, title.format(own=current.names[side], other=current.names[other])))
    rows = [_row(row, row[side], layout) for row in rows_of(current, Kind.PAIRS, labels)]
    by_name = order == "field"
    rows.sort(key=lambda row: (0 if by_name else layout.number(row[side]), row[side].casefold()))
    return rows, columns


def _row(row: Row, path: str, layout: Layout) -> Row:
    number = layout.number(path)
    about = layout.about.get(path) or layout.about.get(root(path)) or {}
    required = "*" if about.get("required") else ""
    told = {name: str(value) for name, value in about.items() if name != "required"}
    return {**row, **told, "number": "" if number == THE_OTHERS else str(number), "field": f"{path}{required}"}
