"""What an answer is: its JSON, its words, and how long it asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.answers import LONGEST_PAUSE, WORDS_LENGTH, Answer, decode, meaning


def test_retry_after_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = Answer(503, {"Retry-After": soon}).retry_after
    assert found is not None
    assert 3500 < found <= 3600


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("", None), ("soon", None), ("-5", None)])
def test_retry_after_otherwise(text: str, seconds: float | None) -> None:
    assert Answer(503, {"Retry-After": text}).retry_after == seconds


@pytest.mark.parametrize("text", ["9" * 400, "100000", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_nobody_is_waited_for_longer_than_a_day(text: str) -> None:
    assert Answer(429, {"Retry-After": text}).retry_after == LONGEST_PAUSE


@given(st.text() | st.from_regex(r"Fri, [0-9]{1,20} Dec [0-9]{1,12} [0-9:]{1,9} [+-][0-9]{1,9}", fullmatch=True))
@example("Fri 99999999999999999999 Dec 1 1:1:1")
def test_no_retry_after_is_too_strange(text: str) -> None:
    found = Answer(429, {"Retry-After": text}).retry_after
    assert found is None or 0 <= found <= LONGEST_PAUSE


def test_retry_after_in_the_past_is_now() -> None:
    assert Answer(429, {"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}).retry_after == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("No", "No"),
        ([{"message": "A"}, {"message": "B"}], "A B"),
        ({"error": "x", "error_description": "Longer"}, "Longer"),
        ({"errors": ["A", "B"]}, "A B"),
        ({"error": {"message": "Inner"}}, "Inner"),
        ({"code": 5}, ""),
        (None, ""),
        ("x" * 1000, "x" * WORDS_LENGTH),
    ],
)
def test_a_systems_words(data: Any, words: str) -> None:
    assert Answer(400, {}, data).words == words


def test_text_is_words_and_a_web_page_is_none() -> None:
    assert Answer(400, {}, text="bad field").words == "bad field"
    assert Answer(400, {}, text="<html>bad field").words == ""


def test_a_lone_surrogate_does_not_spoil_a_page() -> None:
    assert decode(b'[{"name": "a\\ud800b"}, {"name": "c"}]') == [{"name": "a\ud800b"}, {"name": "c"}]


def test_what_is_no_number_is_not_read_as_blank() -> None:
    # As numbers, JSON could not say them again: they would be kept as null.
    assert decode(b"[NaN, 1e999, -Infinity, 1.5]") == ["NaN", "1e999", "-Infinity", 1.5]


@given(st.binary(max_size=40))
def test_decoding_raises_nothing_but_value_errors(body: bytes) -> None:
    try:
        decode(body)
    except ValueError:
        return


def test_a_meaning_names_the_system() -> None:
    assert "360Alumni" in meaning(Answer(401, {}), "360Alumni").message
