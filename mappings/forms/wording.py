"""The words of the forms: choices in plain words, and the reader's sentences in the words of the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Choices = list[tuple[str, str]]
SideWords = Mapping[str, str]
"""Side → what people call it: the connection's name."""

DASH = "\N{EN DASH}"


def explained(meanings: Mapping[str, str]) -> Choices:
    """Words with what they mean beside them."""
    return [(word, f"{word} {DASH} {meaning}" if meaning else word) for word, meaning in meanings.items()]


WORD_CHOICES = explained(
    {
        "off": "never",
        "fill": "only where it is blank",
        "review": "a person looks first",
        "automatic": "",
    }
)
KIND_CHOICES: Choices = [
    ("text", "text"),
    ("email", "e-mail"),
    ("phone", "phone number"),
    ("country", "country"),
    ("state", "state or province"),
    ("date", "date"),
    ("datetime", "date and time"),
    ("number", "number"),
    ("money", "money"),
    ("yes_no", "yes or no"),
    ("choice", "drop-down"),
    ("url", "web address"),
    ("list", "list"),
    ("consent", "consent"),
    ("deceased", "deceased"),
    ("reference", "link to another record"),
]
ON_BLANK_CHOICES = explained(
    {"keep": "the other side keeps its value", "ask": "a person decides", "carry": "it is removed there too"}
)
ON_INVALID_CHOICES: Choices = [
    ("set_aside", "set aside, for a person"),
    ("skip_field", "leave this field as it is"),
    ("use_default", "write the value below instead"),
]
CREATE_CHOICES = explained({"off": "never", "review": "a person looks first", "automatic": ""})
GONE_CHOICES: Choices = [
    ("ignore", "say nothing"),
    ("flag", "list the person under “No longer found”"),
    ("review", "ask a person"),
]
ABSENCES = {
    "missing": "missing from two complete lists in a row",
    "deleted": "deleted there",
    "merged": "merged into another record there",
    "disabled": "switched off there",
}
"""Why a record doesn't stand for its person any more, in words."""
DRIFT_CHOICES: Choices = [("weekly", "compare all linked people every week"), ("off", "only when somebody asks")]
UNMAPPED_CHOICES: Choices = [
    ("set_aside", "set aside, for a person"),
    ("pass", "send the option as it is"),
    ("use_default", "use the option below"),
]

LIMITS = {
    "changed": ("Changed", "so many would get another value in one field"),
    "blanked": ("Emptied", "so many would lose their value in one field"),
    "same_value": ("One value for many", "so many would get one and the same new value in one field"),
    "created": ("New records", "so many would be made"),
    "gone": ("No longer found", "so many linked people are no longer found"),
    "list": ("Shorter list", "the list of records is shorter than the last by so many"),
}
"""Safety limit → its name, and what it watches."""
READY_CLEANUPS: Choices = [
    ("trim", "without spaces at both ends"),
    ("title_case", "names with capitals: MARY O'NEIL becomes Mary O'Neil"),
    ("upper", "all capitals"),
    ("lower", "no capitals"),
    ("capitalize", "a capital at the beginning"),
    ("strip_accents", "without accents"),
    ("digits", "only the digits"),
    ("first_line", "only the first line"),
    ("zip5", "ZIP code of five digits"),
    ("year", "only the year"),
    ("country_code", "refuse what is not a country's two letters"),
    ("state_code", "refuse what is not the two letters of a US state"),
    ("e164", "refuse what is not a phone number like +15735550100"),
    ("replace('#', '')", "replace # by nothing (change both as you need)"),
    ("split(',')", "a list of what stands between commas"),
    ("join('; ')", "a list as one text"),
    ("first", "the first of a list"),
    ("last", "the last of a list"),
    ("int", "as a whole number"),
    ("float", "as a number"),
    ("default('')", "something else where it is blank"),
]


def conflict_choices(sides: SideWords) -> Choices:
    """Who wins where both changed, with the systems' names."""
    named = [(side, f"{sides[side]} wins") for side in ("left", "right")]
    return [("ask", "ask a person"), *named, ("newest", "the newest wins")]


def first_meeting_choices(sides: SideWords) -> Choices:
    """What becomes of values that differ when two records are linked."""
    named = [(side, f"take {sides[side]}'s") for side in ("left", "right")]
    return [("leave", "leave both as they are"), ("ask", "ask a person"), *named]


SETTINGS = {
    "key_field": "Key field",
    "object": "Kind of record",
    "on_create": "Set on new records",
    "deactivate": "Set to switch a record off",
    "create": "New records",
    "scope": "Who takes part",
    "filter": "The system's own filter",
    "gone": "No longer found",
    "disabled": "Who is switched off",
    "connection": "Connection",
    "conflict": "Both changed",
    "first_meeting": "First meeting",
    "on_blank": "When a value was removed",
    "on_invalid": "When a value can't be sent",
    "default": "Value instead",
    "keep_old": "Keep the old value in",
    "currency": "Currency",
    "currency_field": "Currency named by",
    "through": "Linked by the sync",
    "restricted_when": "Restricted when",
    "value_map": "Drop-down pairs",
    "unmapped": "Options without a pair",
    "kind": "Format",
    "region": "Country",
    "match": "Who is the same person",
    "fields": "Field pairs",
    "schedule": "Schedule",
    "time_zone": "Time zone",
    "alerts": "Who is told",
    "tolerance": "Tolerance",
    "drift_report": "Differences",
    "floor": "People",
    "share": "Share",
    "pairs": "Options",
    "pilot": "Only these records",
    "several": "Several records of one person",
    "write_once": "Records here are written once and never changed",
}
PHRASES = (
    ("a value map", "a list of drop-down pairs"),
    ("value map", "the drop-down pairs"),
    ("in this file", "on this page"),
)
_DIRECTION = re.compile(r"“(to|read|write)_(left|right)(: [^”]*)?”")
# What a system calls its fields and options is data, whatever else may be called so.
_SETTING = re.compile(r"(?<!field )(?<!option )(?<!mean )“(\w+)((?:: [^”]*)?)”")
_SIDE = re.compile(r"(?<!field “)(?<!option “)(?<!mean “)\b(?:the )?(left|right)(?: side)?\b")
_LINE = re.compile(r"\bon line (\d+)")
_DIRECTIONS = {"to": "Changes to", "read": "Clean-up when reading from", "write": "Clean-up when writing to"}


def in_words(sentence: str, sides: SideWords, place_of: Callable[[int], str]) -> str:
    """A sentence of the setup reader as the page says it: settings by their labels, sides by their systems' names.

    place_of: line → where on the page that is
    """
    said = _DIRECTION.sub(lambda found: f"“{_DIRECTIONS[found[1]]} {sides[found[2]]}{found[3] or ''}”", sentence)
    said = _SETTING.sub(lambda found: f"“{SETTINGS.get(found[1], found[1])}{found[2]}”", said)
    said = said.replace("on the left", "in the left").replace("on the right", "in the right")
    said = _SIDE.sub(lambda found: sides[found[1]], said)
    said = _LINE.sub(lambda found: f"at {place_of(int(found[1]))}", said)
    for word, shown in PHRASES:
        said = said.replace(word, shown)
    return said[:1].upper() + said[1:]
