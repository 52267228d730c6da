"""What is said of people no longer found: a word for all, or a word each, read, compared, dumped and loaded again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.models import MappingVersion
from mappings.rules import GONE_DEFAULTS, AbsenceKind, Gone, gone_policies, gone_said
from mappings.setup.compiling import rules_in
from mappings.setup.contents import contents_of
from mappings.setup.dumping import dump_setup
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_setup
from mappings.versions import activate
from tests.mappings.setup_example import ENVIRONMENT, changed, mistakes, read, register

OFF = "disabled: \"record['off'] == 1\""
KEPT = {"ALUMNI_PLATFORM_API_KEY": "k-123", "CRM_API_KEY": "s-456"}


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def policies(said: str) -> list[str]:
    """The words for missing, deleted, merged and disabled, of a side that says this of them."""
    side = rules_in(read(changed(("gone: flag", said))).syncs[0].contents, {}).sides
    return [word.value for word in side["right"].gone.values()]  # type: ignore[index]  # a side is its word


CASES = [
    ("several: false", ["flag", "flag", "flag"]),
    ("gone: flag", ["flag", "flag", "flag"]),
    ("gone: review", ["review", "review", "review"]),
    ("gone: {missing: review}", ["review", "flag", "flag"]),
    ("gone: {deleted: ignore, merged: review}", ["flag", "ignore", "review"]),
]


@pytest.mark.parametrize(("said", "wanted"), CASES)
def test_a_word_is_for_all_and_a_word_each_leaves_the_others_as_usual(said: str, wanted: list[str]) -> None:
    assert policies(said)[:3] == wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (OFF, ["flag", "flag", "flag", "ignore"]),
        (f"{OFF}, gone: flag", ["flag", "flag", "flag", "flag"]),
        (f"{OFF}, gone: ignore", ["ignore", "ignore", "ignore", "ignore"]),
        (f"{OFF}, gone: {{disabled: review}}", ["flag", "flag", "flag", "review"]),
        (f"{OFF}, gone: {{missing: ignore}}", ["ignore", "flag", "flag", "ignore"]),
    ],
)
@pytest.mark.django_db
def test_who_is_switched_off_is_ignored_unless_somebody_says_otherwise(said: str, wanted: list[str]) -> None:
    assert policies(said) == wanted
    text = changed(("gone: flag", said))
    load(read_setup(text, ENVIRONMENT, known_setup()), activate=activate)
    stored = contents_of(MappingVersion.objects.get()).sides["right"]
    assert [word.value for word in gone_policies(stored["gone"]).values()] == wanted
    dumped = read_setup(dump_setup(), KEPT, known_setup())
    assert not load(dumped, activate=activate).is_changed


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("gone: {lost: flag}", "“lost” is not a setting of “gone”; it is one of: missing, deleted, merged, disabled."),
        ("gone: {missing: delete}", "“delete” is not a word for “missing”; it is one of: ignore, flag, review."),
        ("gone: {disabled: flag}", "nothing says who is switched off there; give the side its condition “disabled”"),
        ("disabled: 'record['", "“disabled”: "),
        ("disabled: now", "“disabled”: "),
    ],
)
def test_each_mistake_is_a_sentence(said: str, sentence: str) -> None:
    (found,) = mistakes(changed(("gone: flag", said)))
    assert found.startswith(f"line 13: {sentence}")


def test_a_side_says_as_little_as_it_can() -> None:
    assert gone_said(GONE_DEFAULTS, knows_disabled=False) == "flag"
    assert gone_said(GONE_DEFAULTS, knows_disabled=True) == {"disabled": "ignore"}
    assert gone_said(gone_policies("review"), knows_disabled=True) == "review"
    assert gone_said(gone_policies({"merged": "ignore"}), knows_disabled=False) == {"merged": "ignore"}


@given(st.fixed_dictionaries({kind: st.sampled_from(Gone) for kind in AbsenceKind}), st.booleans())
def test_what_is_said_shortly_is_read_back_as_the_same(words: dict[AbsenceKind, Gone], knows_disabled: bool) -> None:
    again = gone_policies(gone_said(words, knows_disabled=knows_disabled))
    counting = [kind for kind in AbsenceKind if knows_disabled or kind is not AbsenceKind.DISABLED]
    assert [again[kind] for kind in counting] == [words[kind] for kind in counting]
