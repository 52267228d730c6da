"""What the machines play with: field pairs under any rules, and a system that notes what must never happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from connectors.models import FeedRow
from connectors.records import Field, ObjectType, Values, Write
from connectors.systems.memory import Failure, Store
from mappings.rules import Side
from mappings.translate import Translator, raw_equal, same
from tests.alumnisync.machine.histories import FIGURES

words = st.sampled_from(["automatic", "automatic", "automatic", "review", "fill", "off"])
LEVELS = {"pairs": [["student", "S"], ["friend", "F"]]}


def pair(draw: Callable[..., Any], name: str, **more: Any) -> dict[str, Any]:
    """A field pair under any rules."""
    return {
        "left": name,
        "right": name,
        "to_left": draw(words),
        "to_right": draw(words),
        "conflict": draw(st.sampled_from(["ask", "ask", "left", "right"])),
        "on_blank": draw(st.sampled_from(["keep", "ask", "carry"])),
        "first_meeting": draw(st.sampled_from(["leave", "ask", "left", "right"])),
        **more,
    }


@st.composite
def any_pairs(draw: st.DrawFn) -> list[dict[str, Any]]:
    home = pair(draw, "city", group="home")
    found = [
        pair(draw, "first"),
        pair(draw, "last"),
        pair(draw, "email", kind="email", keep_old=draw(st.sampled_from([{}, {"right": "old_email"}]))),
        pair(draw, "phone", kind="phone", region="US"),
        home,
        {**home, "left": "zip", "right": "zip"},
    ]
    if draw(st.booleans()):
        found.append(pair(draw, "level", kind="choice", value_map=LEVELS))
    if draw(st.booleans()):
        said = {"left": True, "right": True}
        found.append({"left": "no_mail", "right": "no_mail", "kind": "consent", "restricted_when": said})
    if draw(st.booleans()):
        found.append({"left": "dead", "right": "dead", "kind": "deceased"})
    return found


class Written(NamedTuple):
    """A field that was written through a connector, and what it held before."""

    id: str
    field: str
    before: Any


class Watched(Store):
    """Notes what must never happen: a second create for one person, a write of what is there already.

    readers   field → how the rules read it here
    written   what connectors wrote over, in order
    """

    def __init__(self, *types: ObjectType, **options: Any) -> None:
        # A drop-down besides what every system of the tests has.
        super().__init__(*(replace(kind, fields=(*kind.fields, Field("level"))) for kind in types), **options)
        self.made_for: Counter[tuple[str, str]] = Counter()
        self.wrongs: list[str] = []
        self.readers: dict[str, tuple[Translator, Side]] = {}
        self.written: list[Written] = []

    def same(self, name: str, one: Any, other: Any) -> bool:
        """Whether two values of a field are equal by kind."""
        if raw_equal(one, other) or name not in self.readers:
            return raw_equal(one, other)
        translator, side = self.readers[name]
        return same(translator.read_raw(side, one), translator.read_raw(side, other))

    def failure(self, call: str) -> Failure | None:
        found = super().failure(call)
        if found is not None:
            FIGURES[f"{call}: {type(found.error).__name__}{' after the effect' if found.after else ''}"] += 1
        return found

    def carry_out(self, object_type: str, write: Write) -> str:
        if write.id is None and write.key:
            self.made_for[write.key] += 1
            if self.made_for[write.key] > 1:
                self.wrongs.append(f"{write.key[1]} was created twice")
        row = self.live(object_type).get(write.id or "")
        if row is not None and (not write.version or write.version == str(row.number)):
            self._note(write, row.values)
        return super().carry_out(object_type, write)

    def _note(self, write: Write, held: Values) -> None:
        for name, value in write.values.items():
            self.written.append(Written(write.id or "", name, held.get(name)))
            # Of a field that the record does not show, nobody knows what it held.
            if name in held and self.same(name, held[name], value):
                self.wrongs.append(f"{write.id} {name} was written though it held that already")

    def process(self, object_type: str, change_ids: Sequence[str]) -> None:
        stored = set(FeedRow.objects.filter(change_id__in=change_ids).values_list("change_id", flat=True))
        if lost := set(change_ids) - stored:
            self.wrongs.append(f"{sorted(lost)} were acknowledged and never stored")
        super().process(object_type, change_ids)
