"""What all kinds share: the shape of a kind, the settings it is given, and what blank means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Decimal
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from mappings.rules import PairRules, Side, Unmapped, ValuePairs


class Unreadable(ValueError):
    """A value that is not of its kind, or can't be written on the other side. The text is for people.

    It never repeats the value (drop-down options apart): whoever shows it shows the value beside it.
    """


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value.

    parse   raw (not blank), options of the side it was read from → canonical; Unreadable
    form    canonical, raw as read, options of the side it goes to → raw to write there; Unreadable
    blank   what a blank means: None, or for the few kinds that are never blank, a canonical value
    """

    name: str
    parse: Callable[[Any, Options], Hashable]
    form: Callable[[Any, Any, Options], Any]
    blank: Hashable = None

    def read(self, raw: Any, options: Options) -> Hashable:
        """The canonical form of a raw value; None where it is blank. Raises Unreadable."""
        return self.blank if is_blank(raw) else self.parse(raw, options)

    def write(self, value: Hashable, raw: Any, options: Options) -> Any:
        """What to write on the side of `options` for a value that was read from `raw`. Raises Unreadable."""
        return None if value is None else self.form(value, raw, options)


@dataclass(frozen=True, slots=True)
class Choices:
    """A value map, prepared for look-ups.

    classes   (side, option) → the pairs it hangs together with; equal classes are equal values
    partners  (side, option) → the option of the other side in the first pair that has it
    """

    classes: Mapping[tuple[Side, str], Hashable]
    partners: Mapping[tuple[Side, str], str]
    unmapped: Unmapped
    defaults: Mapping[Side, str]


@dataclass(slots=True)
class Linked:
    """Which records are one, as far as it was looked up: whoever reads references fills it beforehand.

    links  (sync, side, record id) → the link that the record is in
    ids    (sync, side, link) → the id of its record there
    """

    links: dict[tuple[str, Side, str], Hashable] = field(default_factory=dict)
    ids: dict[tuple[str, Side, Hashable], str] = field(default_factory=dict)

    def replace(self, other: Linked) -> None:
        """Know what the other knows, and nothing else."""
        self.links, self.ids = other.links, other.ids


@dataclass(frozen=True, slots=True)
class Options:
    """What a kind is told about one side of a field pair.


    through          kind reference: the sync that links what the ids name
    zone             of times without one
    restricted_when  kind consent: the value that means "restricted" on this side
    """

    side: Side = Side.LEFT
    region: str = ""
    currency: str = ""
    through: str = ""
    linked: Linked | None = field(default=None, repr=False, compare=False)
    zone: tzinfo = UTC
    case_matters: bool = True
    restricted_when: Any = True
    choices: Choices | None = field(default=None, repr=False)


def options_for(pair: PairRules, side: Side, time_zone: str = "UTC", linked: Linked | None = None) -> Options:
    """A pair's settings as the kinds want them. Raises ZoneInfoNotFoundError for an unknown zone."""
    return Options(
        side=side,
        region=pair.region.upper(),
        currency=pair.currency.upper(),
        through=pair.through,
        linked=linked,
        zone=ZoneInfo(time_zone),
        case_matters=pair.case_matters,
        restricted_when=pair.restricted_when.get(side, True),
        choices=_prepare(pair.value_map) if pair.value_map else None,
    )


def refuse_crossing(pairs: Iterable[tuple[str, str]]) -> None:
    """Raise ValueError where a pair joins two options that both have others: a→A, a→B and b→B, say.

    Equal has to be equal throughout: a would be A, and b too by way of B; so a change from a to b would
    count as none, and never arrive.
    """
    pairs = list(pairs)
    lefts, rights = Counter(left for left, _ in pairs), Counter(right for _, right in pairs)
    for left, right in pairs:
        if lefts[left] > 1 and rights[right] > 1:
            raise ValueError(
                f"The drop-down pairs name “{left}” and “{right}” as a pair, and each of the two in other pairs "
                "as well; it can't be told which options mean the same. Keep one of the two in this pair only."
            )


def is_blank(raw: Any) -> bool:
    """Whether a value says that there is nothing: None, empty or white text, an empty list or object."""
    if isinstance(raw, str):
        return not raw or raw.isspace()
    return raw is None or (isinstance(raw, (list, dict)) and not raw)


def text_of(raw: Any) -> str:
    """Text, a number or a yes/no as text. Raises Unreadable for lists and objects."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int) and raw.bit_length() < 1024:
        return str(raw)
    if isinstance(raw, float) and isfinite(raw):
        # 1998.0 is how some systems send a whole number.
        return str(int(raw)) if raw.is_integer() else format(Decimal(repr(raw)), "f")
    raise Unreadable(f"This is {_describe(raw)}, where a single value was expected.")


def _describe(raw: Any) -> str:
    if isinstance(raw, list):
        return "a list"
    return "an object with several fields" if isinstance(raw, dict) else "a number without meaning"


def _prepare(value_map: ValuePairs) -> Choices:
    pairs = list(dict.fromkeys((left.strip(), right.strip()) for left, right in value_map.pairs))
    refuse_crossing(pairs)
    defaults = {Side(side): option.strip() for side, option in value_map.defaults.items()}
    partners: dict[tuple[Side, str], str] = {}
    for left, right in pairs:
        partners.setdefault((Side.LEFT, left), right)
        partners.setdefault((Side.RIGHT, right), left)
    together = [((Side.LEFT, left), (Side.RIGHT, right)) for left, right in pairs]
    if value_map.unmapped is Unmapped.USE_DEFAULT:
        together += _pair_defaults(defaults, partners)
    return Choices(_join(together), partners, value_map.unmapped, defaults)


def _pair_defaults(
    defaults: Mapping[Side, str], partners: Mapping[tuple[Side, str], str]
) -> list[tuple[tuple[Side, str], tuple[Side, str]]]:
    # A default without a pair of its own is written for unmapped options and, being unmapped itself,
    # comes back as the other side's default: the two have to be equal, or they would never settle.
    nodes = [(side, option) for side, option in defaults.items()]
    if all(node in partners for node in nodes):
        return []
    return [(nodes[0], nodes[-1])]


def _join(together: list[tuple[tuple[Side, str], tuple[Side, str]]]) -> dict[tuple[Side, str], Hashable]:
    classes: dict[tuple[Side, str], Hashable] = {}
    for one, other in together:
        merged = classes.setdefault(one, ("options", *one))
        replaced = classes.setdefault(other, merged)
        if replaced != merged:
            classes = {node: merged if name == replaced else name for node, name in classes.items()}
    return classes
