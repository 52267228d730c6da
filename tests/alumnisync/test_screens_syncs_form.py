"""What a browser makes of the page of a sync: its form, filled in, and sent."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.forms.fields import as_typed, typed
from mappings.forms.schedule import cron_of, rhythm_of
from mappings.forms.wording import KIND_CHOICES, in_words
from mappings.kinds import kinds

Fields = dict[str, Any]
"""Name → what is sent under it, in order."""
WANTED = ("input", "select", "option", "textarea", "form")


class PageForm(HTMLParser):
    """The fields of a page's form as a browser would send them, but for buttons."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: Fields = {}
        self.actions: list[str] = []
        self.pressed: set[str] = set()
        self._depth = 0
        self._select, self._area = "", ""
        self._options: list[tuple[str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "template":
            self._depth += 1
        if tag == "form":
            self.actions.append(given.get("action") or "")
            self._is_ours = "data-editor" in given
        if self._depth or tag not in WANTED or not getattr(self, "_is_ours", False):
            return
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.add(name, value or ("on" if given.get("type") == "checkbox" else ""))
        if tag == "option" and self._select:
            self._options.append((value, "selected" in given))
        if tag == "select":
            self._select, self._options = name, []
        if tag == "textarea":
            self._area = name
            self.add(name, "")

    def handle_data(self, data: str) -> None:
        if self._area:
            # A browser leaves out the line break right after the tag, and sends others as two characters.
            said = self.fields[self._area][-1] + data
            self.fields[self._area][-1] = said.removeprefix("\n") if said.startswith("\n") else said

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._depth -= 1
        if tag == "form":
            self._is_ours = False
        if tag == "textarea" and self._area:
            self.fields[self._area][-1] = self.fields[self._area][-1].replace("\n", "\r\n")
            self._area = ""
        if tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            self.add(self._select, (chosen or [value for value, _ in self._options[:1]])[0])
            self._select = ""

    def add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def form_of(answer: Any) -> Fields:
    """The fields of the editor of a page."""
    return PageForm(answer.content.decode()).fields


@pytest.mark.parametrize(
    ("html", "sent"),
    [
        ('<input name="a" value="x &amp; y"><input type="checkbox" name="b" value="1">', {"a": ["x & y"]}),
        ('<input type="checkbox" name="a" checked>', {"a": ["on"]}),
        ('<input name="a" value="1"><input name="a" value="2">', {"a": ["1", "2"]}),
        ("<textarea name='a'>\none\ntwo</textarea>", {"a": ["one\r\ntwo"]}),
        ("<select name='a'><option value='1'><option value='2' selected></select>", {"a": ["2"]}),
        ("<template><input name='a'></template>", {}),
    ],
)
def test_a_form_is_read_as_a_browser_reads_it(html: str, sent: Fields) -> None:
    assert PageForm(f"<form data-editor>{html}</form><form><input name='other'></form>").fields == sent


scalars = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
said = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(), scalars, max_size=3)


@given(said)
def test_a_value_is_typed_as_it_is_shown(value: Any) -> None:
    back = typed(as_typed(value))
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize("text", ["007", "1e5", "NaN", "Infinity", "yes", "two words", "-", "{", "1,5"])
def test_what_is_no_number_to_a_person_is_a_text(text: str) -> None:
    assert typed(text) == text
    assert as_typed(text) == text


@pytest.mark.parametrize(
    ("cron", "name", "at"),
    [
        ("", "never", ""),
        ("0 1 * * *", "daily", "01:00"),
        ("15 * * * *", "hourly", "00:15"),
        ("30 6 * * 1-5", "weekdays", "06:30"),
        ("0 6 * * 0", "weekly", "06:00"),
        ("00 1 * * *", "cron", ""),
        ("0 1 1 * *", "cron", ""),
    ],
)
def test_a_schedule_is_said_in_words_where_they_say_exactly_it(cron: str, name: str, at: str) -> None:
    rhythm = rhythm_of(cron)
    assert (rhythm.name, rhythm.at) == (name, at)
    assert cron_of(rhythm, cron) == cron


@given(st.text(alphabet="0123456789*/-, ", max_size=14))
def test_no_schedule_is_changed_by_being_shown(cron: str) -> None:
    assert cron_of(rhythm_of(cron), cron) == cron


def test_a_time_that_is_none_is_left_for_the_reader_to_refuse() -> None:
    assert cron_of(rhythm_of("0 1 * * *")._replace(at="noon"), "") == "noon"


def test_every_format_can_be_chosen() -> None:
    assert [name for name, _ in KIND_CHOICES] == list(kinds())


def test_a_sentence_of_the_reader_is_said_in_the_words_of_the_page() -> None:
    said = in_words(
        "“to_left: off” on line 7; the right side has “left_id” on the left.", SIDES, lambda line: f"row {line}"
    )
    assert said == "“Changes to Directory: off” at row 7; CRM has “left_id” in Directory."


SIDES = {"left": "Directory", "right": "CRM"}
