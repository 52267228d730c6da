"""Cells of spreadsheets: never taken for a formula, and got back as they were."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cells import FORMULA, escape, unescape
from connectors.tables.separated import separated

TEXTS = st.text() | st.builds(lambda first, rest: first + rest, st.sampled_from([*FORMULA, "'", "''"]), st.text())


@given(TEXTS)
def test_what_was_escaped_comes_back_as_it_was(text: str) -> None:
    assert unescape(escape(text)) == text


@given(TEXTS)
def test_nothing_escaped_begins_like_a_formula(text: str) -> None:
    assert not escape(text).startswith(FORMULA)


@given(TEXTS, TEXTS)
def test_two_texts_never_become_one(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@pytest.mark.parametrize("text", ["=1+1", "+1 573 555 0100", "-5", "@name", "\tx", "\rx", "'quoted", "'"])
def test_one_apostrophe_goes_before_what_needs_it(text: str) -> None:
    assert escape(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Ada", "1+1", "a@example.org", "5 - 3", " =1"])
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


def test_a_mark_within_the_texts_is_none_where_the_first_row_has_another() -> None:
    rows = list(separated(StringIO("left,right\r\n;,;\r\n;,;\r\n")))
    assert [row.cells for row in rows] == [["left", "right"], [";", ";"], [";", ";"]]
