"""The kinds that answer a question: yes/no, deceased, consent, and the options of a drop-down."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.kinds import Options, Unreadable, kinds, options_for, refuse_crossing
from mappings.rules import PairRules, Side, Unmapped, ValuePairs
from tests.mappings.test_kinds import carry, read, refuse

STATUS = ValuePairs((("active", "Active"), ("lost", "Lost alum"), ("missing", "Lost alum")))


def with_map(value_map: ValuePairs, side: Side = Side.LEFT) -> Options:
    return options_for(PairRules("k", {Side.LEFT: "a", Side.RIGHT: "b"}, kind="choice", value_map=value_map), side)


# --- yes/no, deceased, consent --------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, 1, 1.0, "1", "Yes", "y", " TRUE ", "t", "on"])
def test_yes(raw: Any) -> None:
    assert read("yes_no", raw) is True
    assert read("deceased", raw) is True
    assert carry("yes_no", raw) is True


@pytest.mark.parametrize("raw", [False, 0, "0", "No", "N", "false", "F", "off"])
def test_no(raw: Any) -> None:
    assert read("yes_no", raw) is False
    assert carry("deceased", raw) is False


@pytest.mark.parametrize("raw", [2, "maybe", "10"])
def test_neither_yes_nor_no(raw: Any) -> None:
    assert refuse("yes_no", raw)
    assert refuse("deceased", raw)


@pytest.mark.parametrize(
    ("restricted", "raw", "value"),
    [
        (True, True, "restricted"), (True, "1", "restricted"), (True, False, "free"), (True, None, "free"),
        (False, "no", "restricted"), (False, "yes", "free"), (False, "", "free"), ("N", "n", "restricted"),
        ("Opted out", "opted  OUT", "restricted"), ("Opted out", "Welcome", "free"),
    ],
)  # fmt: skip
def test_consent(restricted: Any, raw: Any, value: str) -> None:
    assert read("consent", raw, restricted_when=restricted) == value


def test_consent_that_is_neither_is_not_taken_for_free() -> None:
    assert refuse("consent", "perhaps", restricted_when=True)


@pytest.mark.parametrize(
    ("restricted", "free"),
    [
        (True, False),
        (False, True),
        (1, 0),
        (0, 1),
        ("Y", "N"),
        ("No", "Yes"),
        ("true", "false"),
        ("OFF", "ON"),
        ("1", "0"),
    ],
)
def test_consent_is_written_in_the_words_of_the_side(restricted: Any, free: Any) -> None:
    there = Options(side=Side.RIGHT, restricted_when=restricted)
    consent = kinds()["consent"]
    assert consent.write("restricted", True, there) == restricted
    assert repr(consent.write("free", False, there)) == repr(free)


def test_lifting_needs_a_word_for_it() -> None:
    with pytest.raises(Unreadable, match="Opted out"):
        kinds()["consent"].write("free", False, Options(restricted_when="Opted out"))


# --- choice ---------------------------------------------------------------------------------------


def test_options_without_a_map_are_compared_exactly() -> None:
    assert read("choice", " Active ") == "Active"
    assert read("choice", "active") != "Active"
    assert carry("choice", " Active ") == "Active"


def test_paired_options_are_equal_and_many_to_one_too() -> None:
    choice, left, right = kinds()["choice"], with_map(STATUS), with_map(STATUS, Side.RIGHT)
    assert choice.read("active", left) == choice.read("Active", right)
    assert choice.read("lost", left) == choice.read("missing ", left) == choice.read("Lost alum", right)
    assert choice.read("lost", left) != choice.read("active", left)


def test_the_first_pair_is_the_way_back() -> None:
    choice, left, right = kinds()["choice"], with_map(STATUS), with_map(STATUS, Side.RIGHT)
    assert choice.write(choice.read("Lost alum", right), "Lost alum", left) == "lost"
    assert choice.write(choice.read("missing", left), "missing", right) == "Lost alum"


def test_pairs_that_cross_are_refused() -> None:
    # Were a, b, A and B all equal, somebody's change from a to b would never arrive.
    crossing = ValuePairs((("a", "A"), ("b", "B"), ("a ", "B"), ("c", "C")))
    with pytest.raises(ValueError, match="name “a” and “B” as a pair"):
        with_map(crossing)


@pytest.mark.parametrize("pairs", [(("a", "A"), ("a", "A ")), (("a", "A"), ("a", "B")), (("a", "A"), ("b", "A"))])
def test_one_to_one_one_to_many_and_many_to_one_are_not(pairs: tuple[tuple[str, str], ...]) -> None:
    choice, left = kinds()["choice"], with_map(ValuePairs(pairs))
    assert {choice.write(choice.read("a", left), "a", with_map(ValuePairs(pairs), Side.RIGHT))} == {"A"}


def test_an_option_without_a_pair_is_named() -> None:
    with pytest.raises(Unreadable, match="“Active” has no pair among the drop-down pairs"):
        kinds()["choice"].read("Active", with_map(STATUS))


def test_unmapped_options_may_pass() -> None:
    passing = ValuePairs(STATUS.pairs, Unmapped.PASS)
    choice, left, right = kinds()["choice"], with_map(passing), with_map(passing, Side.RIGHT)
    assert choice.read("new", left) == choice.read("new", right) == "new"
    assert choice.write("new", "new", right) == "new"
    assert choice.read("Active", left) == choice.read("Active", right)


def test_unmapped_options_may_become_the_default() -> None:
    other = ValuePairs(STATUS.pairs, Unmapped.USE_DEFAULT, {Side.RIGHT: "Other"})
    choice, left, right = kinds()["choice"], with_map(other), with_map(other, Side.RIGHT)
    value = choice.read("new", left)
    assert choice.write(value, "new", right) == "Other"
    with pytest.raises(Unreadable):
        choice.read("Unheard of", right)


@given(
    pairs=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abAB")), max_size=5),
    defaults=st.dictionaries(st.sampled_from(Side), st.sampled_from(["a", "A", "z"])),
    unmapped=st.sampled_from(Unmapped),
    raw=st.sampled_from(["a", "b", "c", "A", "B", "z", "new"]),
    side=st.sampled_from(Side),
)
def test_a_written_option_reads_back_equal(
    pairs: list[tuple[str, str]], defaults: dict[Side, str], unmapped: Unmapped, raw: str, side: Side
) -> None:
    try:
        refuse_crossing(pairs)
    except ValueError:
        return
    value_map = ValuePairs(tuple(pairs), unmapped, defaults)
    here, there = with_map(value_map, side), with_map(value_map, side.other)
    choice = kinds()["choice"]
    try:
        value = choice.read(raw, here)
        written = choice.write(value, raw, there)
    except Unreadable:
        return
    assert choice.read(written, there) == value
