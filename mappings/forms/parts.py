"""The parts of a sync's page, each a plain form: filled from the setup file's words, and saying them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django_countries import countries

from mappings.forms import wording
from mappings.forms.fields import RowsField, Shown, TwoColumns, as_typed, choice, text, typed
from mappings.forms.schedule import RHYTHMS, WEEKDAY_NAMES, Rhythm, cron_of, rhythm_of
from mappings.forms.wording import SideWords
from mappings.rules import AbsenceKind, gone_policies
from mappings.setup.contents import Plain
from mappings.setup.syncs import GUARDS

SIDES = ("left", "right")
CONSTANTS = ("on_create", "deactivate")
"""Settings of a side that are fields with values."""
TYPED_HINT = 'true, false and numbers are sent as such; put them in "quotes" to send them as text.'
SCOPE_HINT = (
    "Blank: everybody. Else a condition on the record, like record['Alumnus__c'] or "
    "record['class_year'] >= '1950' and not record['deceased']."
)


DISABLED_HINT = (
    "Blank: nobody. Else a condition on the record, like record['enabled'] == 0. "
    "The record is there all the same, and its fields are kept in step as long as it takes part."
)


class Part(forms.Form):
    """One part of the page. Its fields take any text: what is right is judged by the setup's reader alone."""

    bound_field_class = Shown
    use_required_attribute = False
    also: Mapping[str, str] = {}
    """Setting → the field that shows its mistakes, where it isn't called so."""

    def said(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")

    def sides_said(self, name: str) -> dict[str, str]:
        """Side → what was typed there for a setting that has a field for each side."""
        return {side: value for side in SIDES if (value := self.said(f"{name}_{side}"))}

    @property
    def row(self) -> str:
        """What this row of a list is called in the page."""
        return str(self.prefix).partition("-")[2]

    def field_at(self, place: tuple[str | int, ...]) -> str | None:
        """The field that shows what is wrong at a place within this part; None: the part as a whole."""
        if not place:
            return None
        names = ["_".join(str(step) for step in place[:2]), str(place[0]), self.also.get(str(place[0]), "")]
        return next((name for name in names if name in self.fields), None)


class SidePart(Part):
    """Who takes part on one side, and what may be done there."""

    connection = choice("Connection", [])
    object = text("Kind of record")
    scope = text("Who takes part", hint=SCOPE_HINT, lines=2)
    filter = text("The system's own filter", hint="Narrows what is asked for, in that system's own language.", lines=1)
    key_field = text("Key field", hint="The field here that holds the other system's record id.")
    create = choice("New records here", wording.CREATE_CHOICES)
    on_create = RowsField(
        label="Set on new records",
        required=False,
        widget=TwoColumns(("Field", "Value"), joint="="),
        help_text=TYPED_HINT,
    )
    gone_missing = choice("Missing from two complete lists in a row", wording.GONE_CHOICES)
    gone_deleted = choice("Deleted there", wording.GONE_CHOICES)
    gone_merged = choice("Merged into another record there", wording.GONE_CHOICES)
    gone_disabled = choice("Switched off there", wording.GONE_CHOICES)
    disabled = text("Who is switched off", hint=DISABLED_HINT, lines=1)
    deactivate = RowsField(
        label="Set to switch a record off",
        required=False,
        widget=TwoColumns(("Field", "Value"), joint="="),
        help_text="Offered for records that an undone run had made. Leave it empty where the system has no such field.",
    )
    write_once = forms.BooleanField(
        label="Records here are written once and never changed",
        required=False,
        widget=forms.CheckboxInput({"class": "as-check"}),
        help_text="For gifts and other books: what changes later is shown to a person, who corrects it by hand.",
    )
    several = forms.BooleanField(
        label="One person may have several records here",
        required=False,
        widget=forms.CheckboxInput({"class": "as-check"}),
    )

    def __init__(self, *args: Any, connections: list[str], side: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.side = side
        blank = [("", "choose a connection")]
        self.fields["connection"].widget.choices = blank + [(name, name) for name in connections]
        self.fields["object"].widget.attrs["list"] = f"kinds-{side}"
        self.fields["key_field"].widget.attrs["list"] = f"fields-{side}"
        for word in CONSTANTS:
            self.fields[word].widget.lists = (f"fields-{side}", "")

    @staticmethod
    def filled(plain: Plain) -> Plain:
        """What the form shows for a side's settings."""
        gone = {f"gone_{kind}": word.value for kind, word in gone_policies(plain.get("gone", {})).items()}
        if not plain.get("disabled"):
            gone["gone_disabled"] = "ignore"
        rows = {word: [(name, as_typed(value)) for name, value in plain.get(word, {}).items()] for word in CONSTANTS}
        return {**plain, **gone, **rows}

    def plain(self) -> Plain:
        words = ("scope", "filter", "key_field", "create", "disabled")
        gone = {kind.value: word for kind in AbsenceKind if (word := self.said(f"gone_{kind}"))}
        said = {"connection": self.said("connection"), "object": self.said("object")}
        said |= {word: value for word in words if (value := self.said(word))}
        constants = {
            word: {name: typed(value) for name, value in self.cleaned_data.get(word) or ()} for word in CONSTANTS
        }
        return {**said, **({"gone": gone} if gone else {}), **constants, **self._ticked()}

    @property
    def absences(self) -> list[Any]:
        """A field for each way of being no longer found."""
        return [self[f"gone_{kind}"] for kind in AbsenceKind]

    @property
    def has_gone_errors(self) -> bool:
        """Whether something is wrong with what is no longer found."""
        return any(field.errors for field in (*self.absences, self["disabled"]))

    def _ticked(self) -> Plain:
        return {word: bool(self.cleaned_data.get(word)) for word in ("several", "write_once")}


class HeadPart(Part):
    """What is saved at once: when it runs, who is told. And who alone takes part, which is a rule."""

    also = {"schedule": "cron"}
    rhythm = choice("Runs", RHYTHMS)
    at = text("At", type="time", hint="In the time zone below. Of “every hour”, only the minutes count.")
    day = choice("On", WEEKDAY_NAMES)
    cron = text("Cron line", hint="minute hour day month weekday, like 0 1 * * * for every night at 1:00.")
    time_zone = text("Time zone", listed="time-zones")
    alerts = text("E-mail addresses", hint="One on each line.", lines=3)
    tolerance = text(
        "Tolerance", hint="How many records that couldn't be sent are nothing unusual.", inputmode="numeric"
    )
    drift_report = choice("Differences", wording.DRIFT_CHOICES)
    pilot = text(
        "Only these records",
        hint="Record ids of either system, one on each line: nobody else takes part. Blank: everybody.",
        lines=3,
    )

    @staticmethod
    def filled(head: Plain, pilot: list[str]) -> Plain:
        """What the form shows for a sync's settings."""
        rhythm = rhythm_of(head["schedule"])
        lists = {"alerts": "\n".join(head["alerts"]), "pilot": "\n".join(pilot)}
        shown = {"rhythm": rhythm.name, "at": rhythm.at or "01:00", "day": rhythm.day, "cron": head["schedule"]}
        rest = {
            "time_zone": head["time_zone"],
            "tolerance": str(head["tolerance"]),
            "drift_report": head["drift_report"],
        }
        return {**shown, **rest, **lists}

    def plain(self) -> Plain:
        rhythm = Rhythm(self.said("rhythm"), self.said("at"), self.said("day"))
        lists = {
            name: [one.strip() for one in self.said(name).splitlines() if one.strip()] for name in ("alerts", "pilot")
        }
        zone = {"time_zone": zone} if (zone := self.said("time_zone")) else {}
        tolerance = self.said("tolerance") or "0"
        drift = {"drift_report": said} if (said := self.said("drift_report")) else {}
        return {"schedule": cron_of(rhythm, self.said("cron")), **zone, "tolerance": whole(tolerance), **drift, **lists}


@dataclass(frozen=True)
class Suggestion:
    """A limit that a sync's own history suggests. usual, most: what its runs came to."""

    floor: int
    share: float
    usual: int
    most: int

    @property
    def people(self) -> str:
        return f"{self.floor:,}"

    @property
    def percent(self) -> str:
        return percent(self.share)


class GuardsPart(Part):
    """The safety limits that differ from the usual ones."""

    def __init__(
        self,
        *args: Any,
        usual: Mapping[str, tuple[int, float]],
        suggested: Mapping[str, Suggestion] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.suggested = suggested or {}
        for name in GUARDS:
            floor, share = usual.get(name, (0, 0.0))
            self.fields[f"{name}_floor"] = _limit(name, "people", f"{floor:,}")
            self.fields[f"{name}_share"] = _limit(name, "percent", percent(share))

    @staticmethod
    def filled(guards: Plain) -> Plain:
        """What the form shows for limits; blank is the usual."""
        floors = {f"{name}_floor": str(limits["floor"]) for name, limits in guards.items() if "floor" in limits}
        return floors | {
            f"{name}_share": percent(limits["share"]) for name, limits in guards.items() if "share" in limits
        }

    def plain(self) -> Plain:
        limits = {name: self._limits(name) for name in GUARDS}
        return {name: each for name, each in limits.items() if each}

    @property
    def limits(self) -> list[Plain]:
        """A line of the page for each limit."""
        return [
            {
                "label": label,
                "about": about,
                "floor": self[f"{name}_floor"],
                "share": self[f"{name}_share"],
                "suggested": self.suggested.get(name),
            }
            for name, (label, about) in wording.LIMITS.items()
        ]

    def _limits(self, name: str) -> Plain:
        floor, share = self.said(f"{name}_floor"), self.said(f"{name}_share")
        return {**({"floor": whole(floor)} if floor else {}), **({"share": part(share)} if share else {})}


class RulePart(Part):
    """One match rule: the fields that must agree, a row each."""

    fields_agree = RowsField(label="Fields that agree", required=False, widget=TwoColumns())

    def __init__(self, *args: Any, sides: SideWords, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = self.fields["fields_agree"].widget
        widget.labels = [f"{sides[side]} field" for side in SIDES]
        widget.lists = [f"fields-{side}" for side in SIDES]

    @property
    def is_blank(self) -> bool:
        """Whether nobody named a field: the row that waits for the next rule."""
        self.full_clean()
        return not self.cleaned_data.get("fields_agree")

    def field_at(self, place: tuple[str | int, ...]) -> str | None:
        return "fields_agree"

    def plain(self) -> list[list[str]]:
        rows = self.cleaned_data.get("fields_agree") or ()
        return [[row[column] for row in rows if row[column]] for column in (0, 1)]


class MapPart(Part):
    """Drop-down options of one side paired with the other's."""

    also = {"default": "default_left"}
    name = text("Name", hint="Field pairs choose these drop-down pairs by this name.")
    unmapped = choice("Options without a pair", wording.UNMAPPED_CHOICES)
    default_left = text("")
    default_right = text("")
    pairs = RowsField(label="Options", required=False, widget=TwoColumns())

    def __init__(self, *args: Any, sides: SideWords, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pairs"].widget.labels = [f"Option in {sides[side]}" for side in SIDES]
        for side in SIDES:
            self.fields[f"default_{side}"].label = f"Option for {sides[side]}"

    @property
    def is_blank(self) -> bool:
        """Whether there is neither a name nor an option: the card that waits for the next drop-down pairs."""
        self.full_clean()
        return not self.said("name") and not self.cleaned_data.get("pairs")

    def plain(self) -> Plain:
        default = self.sides_said("default")
        said = {"name": self.said("name"), "pairs": [list(row) for row in self.cleaned_data.get("pairs") or ()]}
        unmapped = self.said("unmapped")
        return {**said, **({"unmapped": unmapped} if unmapped else {}), **({"default": default} if default else {})}


def _limit(name: str, what: str, usual: str) -> forms.CharField:
    label = f"{wording.LIMITS[name][0]}: {what}"
    return text(label, placeholder=usual, inputmode="decimal", aria_label=label)


def country_of(said: str) -> str:
    """A country's two letters, from them or from its name."""
    return said.upper() if len(said) == 2 else countries.by_name(said) or said


def whole(said: str) -> Any:
    """A whole number, with or without thousands apart; anything else stays the text for the reader to refuse."""
    digits = said.replace(",", "").strip()
    return int(digits) if digits.isdecimal() else said


def percent(share: float) -> str:
    """0.05 → 5"""
    return f"{(Decimal(str(share)) * 100).normalize():f}"


def part(said: str) -> Any:
    """5 or 5 % → 0.05; anything else stays the text."""
    try:
        return float(Decimal(said.removesuffix("%").strip()) / 100)
    except InvalidOperation:
        return said
