"""YAML with its lines: what it is read as, and what is refused before anything is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mappings.setup.sections import Mistakes, Section, SetupError, compose, did_you_mean, value_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=10,
)


def node(text: str) -> yaml.Node:
    found = compose(text, Mistakes())
    assert found is not None
    return found


def refusal(text: str) -> str:
    with pytest.raises(SetupError) as refused:
        compose(text, Mistakes())
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        ("off", False),
        ("~", None),
        ("", None),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-05", "2026-01-05"),
        (".inf", ".inf"),
        ("'12'", "12"),
        ("{a: [1, x]}", {"a": [1, "x"]}),
    ],
)
def test_a_value_is_what_json_can_say_and_a_person_meant(text: str, value: Any) -> None:
    # A blank document has no node at all, so the value stands behind a name.
    (_, found), *_ = node(f"key: {text}").value
    assert json.dumps(value_of(found)) == json.dumps(value)


@given(JSON)
def test_whatever_json_says_survives_being_dumped_and_read(value: Any) -> None:
    text = yaml.safe_dump([value], allow_unicode=True)
    assert json.dumps(value_of(node(text)), sort_keys=True) == json.dumps([value], sort_keys=True)


def test_an_empty_file_has_no_node() -> None:
    assert compose("# nothing\n", Mistakes()) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1,\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: *nowhere\n", 1),
        ("a: 1\n b: 2\n", 2),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    assert refusal(text).startswith(f"line {line}: this can't be read as YAML: ")


def test_a_character_that_yaml_forbids_is_refused_with_its_line() -> None:
    assert refusal("a: 1\nb: \x01\n") == "line 2: there is a character here that YAML does not allow."


def test_nul_is_refused() -> None:
    assert refusal('a: 1\nb: "x\\0"\n') == "line 2: a text can't contain the character NUL."


def test_a_tag_is_refused() -> None:
    assert "has no meaning in a setup file" in refusal("a: !!python/object/apply:os.system [ls]")


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: &x {b: *x}", "a: &x [1, {b: [*x]}]"])
def test_a_value_that_contains_itself_is_refused(text: str) -> None:
    assert refusal(text) == "line 1: a value that contains itself can't be read."


def test_an_anchor_may_be_used_twice() -> None:
    assert value_of(node("a: &x {k: 1}\nb: *x\nc: *x\n")) == {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1}}


@pytest.mark.parametrize(
    ("word", "words", "end"),
    [
        ("to_rihgt", ["to_left", "to_right"], "; did you mean “to_right”?"),
        ("crm", ["CRM", "Platform"], "; did you mean “CRM”?"),
        ("xyz", ["one", "two"], "; it is one of: one, two."),
        ("xyz", [], "."),
        ("xyz", [f"field{n}" for n in range(50)], "."),
    ],
)
def test_an_unknown_word_gets_the_nearest_or_all(word: str, words: list[str], end: str) -> None:
    assert did_you_mean(word, words) == end


def test_a_text_that_is_too_long_is_a_mistake() -> None:
    found = Mistakes()
    Section(node(f"name: {'x' * 101}"), "a thing", ("name",), found).text("name", longest=100)
    with pytest.raises(SetupError, match=r"line 1: “name” has 101 characters; 100 is the most\."):
        found.stop_if_any()


def test_the_same_mistake_is_told_once_and_none_stops_nothing() -> None:
    found = Mistakes()
    found.stop_if_any()
    found.add(2, "second.")
    found.add(1, "first.")
    found.add(2, "second.")
    with pytest.raises(SetupError) as refused:
        found.stop_if_any()
    assert refused.value.mistakes == ("line 1: first.", "line 2: second.")
