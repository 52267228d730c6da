"""Values as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import MISSING
from connectors.showing import LONGEST_COMPARED, TOO_DEEP, as_text, is_nothing, marked
from tests.alumnisync.hostile import nested


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ada", "Ada"),
        ("", "(blank)"),
        (None, "(blank)"),
        ([], "(blank)"),
        (MISSING, "(not known)"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", 1], '["a",1]'),
        ({"city": "Zürich"}, '{"city":"Zürich"}'),
        ("Ada\ud800King", "Ada?King"),
        ([2**80, "\ud800"], '[1208925819614629174706176, "\\ud800"]'),
        (nested(300), "[" * 300 + '"hostile()"' + "]" * 300),
        (nested(5000), TOO_DEEP),
    ],
)
def test_a_value_is_written_out(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_what_differs_is_marked_word_by_word() -> None:
    assert marked("12 Oak Street", "14 Oak Street") == [("12", True), (" Oak Street", False)]
    assert marked("ada@example.org", "ada@example.com") == [("ada@example.", False), ("org", True)]


def test_against_nothing_the_whole_differs() -> None:
    assert marked("Ada", "") == [("Ada", True)]
    assert marked(None, "Ada") == [("(blank)", True)]
    assert marked("", None) == [("(blank)", False)]


def test_very_long_texts_are_not_compared_piece_by_piece() -> None:
    long = "word " * LONGEST_COMPARED
    assert marked(long, f"{long}!") == [(long, True)]


@given(st.text(min_size=1), st.text(min_size=1))
def test_marking_loses_nothing_and_marks_equal_texts_nowhere(value: str, other: str) -> None:
    assert "".join(piece for piece, _ in marked(value, other)) == as_text(value)
    assert not any(differs for _, differs in marked(value, value))


def render(template: str, **values: Any) -> str:
    return Template("{% load values %}" + template).render(Context(values))


def test_a_template_shows_markup_in_a_value_as_text() -> None:
    page = render("{{ a|shown }}|{{ a|marked_against:b }}", a="<script>1</script>", b="<b>")
    assert "<script>" not in page
    assert page.count("&lt;") == 4


def test_a_template_tells_nothing_from_the_word_for_it() -> None:
    assert render("{{ a|shown }}", a=None) == '<span class="as-none">(blank)</span>'
    assert render("{{ a|shown }}", a="(blank)") == '<span class="as-value">(blank)</span>'
    assert is_nothing(MISSING)


def test_a_template_marks_the_difference() -> None:
    assert render("{{ a|marked_against:b }}", a="Oak 12", b="Oak 14") == (
        '<span class="as-value">Oak <mark>12</mark></span>'
    )
