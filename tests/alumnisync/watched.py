"""What the state machine plays with: field pairs under any rules, and a system that notes what must never happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from connectors.records import Write
from connectors.systems.memory import Store
from mappings.translate import raw_equal

words = st.sampled_from(["automatic", "automatic", "automatic", "review", "fill", "off"])


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
        said = {"left": True, "right": True}
        found.append({"left": "no_mail", "right": "no_mail", "kind": "consent", "restricted_when": said})
    if draw(st.booleans()):
        found.append({"left": "dead", "right": "dead", "kind": "deceased"})
    return found


class Watched(Store):
    """Notes what must never happen: a second create for one person, a write of what is there already."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.made_for: Counter[str] = Counter()
        self.wrongs: list[str] = []
        self.same: Callable[[str, Any, Any], bool] = lambda name, one, other: raw_equal(one, other)

    def carry_out(self, object_type: str, write: Write) -> str:
        if write.id is None and write.key:
            self.made_for[write.key[1]] += 1
            if self.made_for[write.key[1]] > 1:
                self.wrongs.append(f"{write.key[1]} was created twice")
        row = self.live(object_type).get(write.id or "")
        if row is not None and (not write.version or write.version == str(row.number)):
            for name, value in write.values.items():
                if self.same(name, row.values.get(name), value):
                    self.wrongs.append(f"{write.id} {name} was written though it held that already")
        return super().carry_out(object_type, write)
