"""One field pair as a form: the row that is always seen, and what is folded away beneath it."""

from __future__ import annotations

from typing import Any, cast

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from mappings.forms import wording
from mappings.forms.fields import Shown, as_typed, choice, text, typed
from mappings.forms.parts import SIDES, TYPED_HINT, Part, country_of
from mappings.forms.wording import SideWords
from mappings.setup.contents import Plain

WORDS = ("kind", "to_left", "to_right", "conflict", "first_meeting", "on_blank", "on_invalid")
TEXTS = ("group", "currency", "through", "value_map")
EXPRESSIONS = ("read_left", "write_left", "read_right", "write_right")
SEEN = ("left", "right", "kind", "to_right", "to_left", "conflict")
"""The fields of the row itself."""
SHORT = {
    "group": "group",
    "value_map": "drop-down pairs",
    "through": "linked by",
    "keep_old_left": "old value to",
    "keep_old_right": "old value to",
    "region": "country",
    "read_left": "clean-up",
    "read_right": "clean-up",
    "write_left": "clean-up",
    "write_right": "clean-up",
}
BY_SIDE = ("default", "keep_old", "currency_field", "restricted_when")
PATHS = ("keep_old", "currency_field")
NAMED = {
    "to": "Changes to {}",
    "default": "Value instead, for {}",
    "keep_old": "Keep the old value of {} in",
    "currency_field": "Currency of {} is named by",
    "restricted_when": "Restricted in {} when it is",
    "read": "Clean-up when reading from {}",
    "write": "Clean-up when writing to {}",
}


class PairPart(Part):
    """A field pair. Choices between the sides carry the systems' names."""

    also = {
        "default": "default_right",
        "keep_old": "keep_old_right",
        "currency_field": "currency_field_left",
        "restricted_when": "restricted_when_left",
    }
    left = text("")
    right = text("")
    kind = choice("Format", wording.KIND_CHOICES)
    to_right = choice("", wording.WORD_CHOICES)
    to_left = choice("", wording.WORD_CHOICES)
    conflict = choice("Both changed", [])
    group = text("Group", listed="groups", hint="Fields of one group are compared and decided together.")
    first_meeting = choice("When they differ at the first meeting", [])
    on_blank = choice("When a value was removed", wording.ON_BLANK_CHOICES)
    on_invalid = choice("When a value can't be sent", wording.ON_INVALID_CHOICES)
    default_left = text("")
    default_right = text("")
    keep_old_left = text("", listed="fields-left")
    keep_old_right = text("", listed="fields-right")
    region = text(
        "Country",
        listed="countries",
        hint="Of phone numbers without a country code, and of how numbers are written there.",
    )
    currency = text("Currency", hint="Three letters, like USD. Amounts in another one are not sent.")
    currency_field_left = text("", listed="fields-left")
    currency_field_right = text("", listed="fields-right")
    through = text(
        "Linked by the sync",
        listed="syncs",
        hint="For links to another record, such as the person of a gift: the sync that links those records.",
    )
    restricted_when_left = text("")
    restricted_when_right = text("", hint=TYPED_HINT)
    value_map = text("Drop-down pairs", listed="maps", hint="The name of drop-down pairs on this page.")
    read_left = text("", lines=1)
    write_right = text("", lines=1)
    read_right = text("", lines=1)
    write_left = text("", lines=1)

    def __init__(self, *args: Any, sides: SideWords, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["conflict"].widget.choices = wording.conflict_choices(sides)
        self.fields["first_meeting"].widget.choices = wording.first_meeting_choices(sides)
        for side in SIDES:
            self.fields[side].label = f"{sides[side]} field"
            self.fields[side].widget.attrs |= {"list": f"fields-{side}", "data-field": side}
            for name, label in NAMED.items():
                self.fields[f"{name}_{side}"].label = label.format(sides[side])
        for name in SEEN:
            self.fields[name].widget.attrs["aria-label"] = self.fields[name].label
        for name in EXPRESSIONS:
            self.fields[name].widget.attrs["data-cleanup"] = name.partition("_")[0]

    @staticmethod
    def filled(plain: Plain) -> Plain:
        """What the form shows for a pair's settings."""
        shown = {word: plain[word] for word in ("left", "right", *WORDS, *TEXTS, "region", *EXPRESSIONS)}
        for word in BY_SIDE:
            plainly = word in PATHS
            shown |= {f"{word}_{side}": value if plainly else as_typed(value) for side, value in plain[word].items()}
        return shown

    @property
    def is_blank(self) -> bool:
        """Whether nobody named a field: the row that waits for the next pair."""
        self.full_clean()
        return not self.said("left") and not self.said("right")

    @property
    def key(self) -> str:
        return f"{self['left'].value() or ''}|{self['right'].value() or ''}"

    @property
    def below(self) -> SafeString:
        """The fields that are folded away, in their order."""
        return format_html_join(
            "", "{}", ((cast(Shown, self[name]).block,) for name in self.fields if name not in SEEN)
        )

    @property
    def said_below(self) -> str:
        """What is set in the fields that are folded away, briefly."""
        return " · ".join(f"{SHORT[name]} {self[name].value()}".strip() for name in SHORT if self[name].value())

    @property
    def has_mistakes_below(self) -> bool:
        """Whether something is wrong in what is folded away."""
        return bool(set(self.errors) - set(SEEN))

    def plain(self) -> Plain:
        said = {"left": self.said("left"), "right": self.said("right")}
        said |= {word: value for word in (*WORDS, *TEXTS, *EXPRESSIONS) if (value := self.said(word))}
        if region := self.said("region"):
            said["region"] = country_of(region)
        by_side: Plain = {word: self.sides_said(word) for word in PATHS}
        for word in ("default", "restricted_when"):
            by_side[word] = {side: typed(value) for side, value in self.sides_said(word).items()}
        return {**said, **{word: value for word, value in by_side.items() if value}}
