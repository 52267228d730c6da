"""Paths into records: reading, writing in place, and what is no path."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import MISSING
from mappings import paths


def person() -> dict[str, Any]:
    return {
        "email": "mary@example.org",
        "name": {"first": "Mary", "last": "Moss"},
        "addresses": [
            {"label": "Work", "city": "Columbia"},
            {"label": "home ", "city": "Rolla", "postal": "65401"},
            {"label": "Home", "city": "Elsewhere"},
        ],
        "emails": [{"label": "work", "address": "m@work.example"}, {"label": "personal", "address": ""}],
        "phones": {"Mobile": "+15735550100", "home": {"number": "+15735550101"}},
        "tags": ["a", "b"],
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("email", "mary@example.org"),
        ("name.first", "Mary"),
        ("addresses[HOME].city", "Rolla"),
        ("emails[work]", "m@work.example"),
        ("emails[personal]", ""),
        ("emails[0]", "m@work.example"),
        ("emails[1].label", "personal"),
        ("tags[1]", "b"),
        ("phones[mobile]", "+15735550100"),
        ("phones[Home]", "+15735550101"),
        ("name", {"first": "Mary", "last": "Moss"}),
    ],
)
def test_reading(path: str, value: Any) -> None:
    assert paths.get(person(), path) == value


@pytest.mark.parametrize(
    "path",
    [
        "name.middle", "name.first.initial", "addresses[Summer].city", "addresses[Home].street", "emails[7]",
        "emails[old]", "email[work]", "email.x", "nothing.x", "nothing[Home].x", "phones[work]", "tags[a]",
    ],
)  # fmt: skip
def test_what_is_absent_further_in_is_blank(path: str) -> None:
    assert paths.get(person(), path) is None


@pytest.mark.parametrize("path", ["fax", "fax.home", "faxes[home]", "faxes[0].number"])
def test_only_an_absent_top_level_field_is_unknown(path: str) -> None:
    assert paths.get(person(), path) is MISSING


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ({"type": "Home", "number": "1"}, "1"),
        ({"name": "home", "value": "1"}, "1"),
        ({"kind": "home", "phone": "1"}, "1"),
        ({"key": "home", "url": "1"}, "1"),
        ({"label": None, "type": "home", "email": "1"}, "1"),
        ({"label": "home", "address": "1", "value": "2"}, "1"),
        ({"label": "other", "type": "home", "value": "1"}, None),
        ({"label": "home"}, None),
    ],
)
def test_how_elements_are_labelled_and_what_they_hold(element: dict[str, Any], value: Any) -> None:
    assert paths.get({"things": ["home", None, element]}, "things[home]") == value


def test_an_element_without_an_obvious_value_is_given_whole() -> None:
    assert paths.get(person(), "addresses[Work]") == {"label": "Work", "city": "Columbia"}


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("email", {"email": "new"}),
        ("fax", {"fax": "new"}),
        ("name.first", {"name": {"first": "new", "last": "Moss"}}),
        ("employer.title", {"employer": {"title": "new"}}),
        ("nothing.x.y", {"nothing": {"x": {"y": "new"}}}),
        ("tags[1]", {"tags": ["a", "new"]}),
        ("tags[2]", {"tags": ["a", "b", "new"]}),
        ("phones[MOBILE]", {"phones": {"Mobile": "new", "home": {"number": "+15735550101"}}}),
        ("phones[home]", {"phones": {"Mobile": "+15735550100", "home": {"number": "new"}}}),
        ("urls[Blog]", {"urls": [{"label": "Blog", "value": "new"}]}),
        ("work_emails[x]", {"work_emails": [{"label": "x", "address": "new"}]}),
        ("phone_numbers[x]", {"phone_numbers": [{"label": "x", "number": "new"}]}),
        ("jobs[Now].city", {"jobs": [{"label": "Now", "city": "new"}]}),
        ("jobs[0].city", {"jobs": [{"city": "new"}]}),
    ],
)
def test_writing_touches_nothing_else(path: str, after: dict[str, Any]) -> None:
    values = person()
    paths.put(values, path, "new")
    assert values == person() | after


def test_writing_goes_to_the_first_element_labelled_so() -> None:
    values = person()
    paths.put(values, "addresses[home].city", "new")
    assert [address["city"] for address in values["addresses"]] == ["Columbia", "new", "Elsewhere"]


def test_a_new_element_is_made_like_its_siblings() -> None:
    values = {"ways": [None, {"type": "work", "number": "1"}]}
    paths.put(values, "ways[home]", "2")
    assert values["ways"][-1] == {"type": "home", "number": "2"}


def test_a_new_element_among_objects_by_label_is_one_too() -> None:
    values = {"ways": {"work": {"number": "1"}}}
    paths.put(values, "ways[home]", "2")
    assert values == {"ways": {"work": {"number": "1"}, "home": {"number": "2"}}}


def test_a_labelled_element_without_value_gets_the_usual_key() -> None:
    values = {"emails": [{"label": "work"}]}
    paths.put(values, "emails[work]", "m@work.example")
    assert values == {"emails": [{"label": "work", "address": "m@work.example"}]}


@pytest.mark.parametrize("blank", [None, "", [], {}])
def test_blanks_give_way_to_objects_and_lists(blank: Any) -> None:
    values = {"name": copy.copy(blank), "urls": copy.copy(blank)}
    paths.put(values, "name.first", "Mary")
    paths.put(values, "urls[Blog]", "x")
    assert values == {"name": {"first": "Mary"}, "urls": [{"label": "Blog", "value": "x"}]}


def test_a_blank_makes_no_elements() -> None:
    values = person()
    paths.put(values, "emails[old]", None)
    paths.put(values, "fax.home", None)
    assert values == person() | {"fax": None}


def test_a_blank_empties_what_is_there() -> None:
    values = person()
    paths.put(values, "emails[work]", None)
    assert values["emails"][0] == {"label": "work", "address": None}


@pytest.mark.parametrize("path", ["email.work", "email[work]", "tags.x", "tags[0].x", "tags[7]", "jobs[3].city"])
def test_what_is_in_the_way_is_not_lost(path: str) -> None:
    values = person()
    with pytest.raises(paths.PathError, match="can't be written"):
        paths.put(values, path, "new")
    assert {key: value for key, value in values.items() if key != "jobs"} == person()


def test_a_list_in_a_list_is_not_lost() -> None:
    with pytest.raises(paths.PathError, match="list"):
        paths.put({"grid": [["a"]]}, "grid[0]", "new")


@pytest.mark.parametrize(
    ("path", "top"),
    [("email", "email"), ("name.first", "name"), ("a b[x.y].z", "a b"), ("Account__r.Name", "Account__r")],
)
def test_root(path: str, top: str) -> None:
    assert paths.check(path) == ""
    assert paths.root(path) == top


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "a[", "a]", "a[]", "[x]", "a[b][c]", "a[b]c", "a. .b", "a[ ]"]
)
def test_what_is_no_path_is_said(path: str) -> None:
    assert "not a path" in paths.check(path)
    with pytest.raises(paths.PathError):
        paths.root(path)


_NAMES = st.sampled_from(["a", "name", "emails", "phones", "x y"])
_LABELS = st.sampled_from(["", "[home]", "[Work]", "[0]"])
_PATHS = st.lists(st.builds(str.__add__, _NAMES, _LABELS), min_size=1, max_size=3).map(".".join)
_TREES = st.recursive(
    st.none() | st.sampled_from(["", "text"]),
    lambda inner: (
        st.dictionaries(_NAMES | st.sampled_from(["home", "address", "value"]), inner, max_size=3)
        | st.lists(
            st.dictionaries(st.sampled_from(["label", "type", "value", "number"]), st.sampled_from(["home", "1"]))
            | inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(values=st.dictionaries(_NAMES, _TREES, max_size=4), path=_PATHS, value=st.sampled_from([None, "new", 7, ["x"]]))
def test_what_is_put_is_got_and_other_fields_stay(values: dict[str, Any], path: str, value: Any) -> None:
    before = copy.deepcopy(values)
    try:
        paths.put(values, path, value)
    except paths.PathError:
        return
    assert paths.get(values, path) == value
    top = paths.root(path)
    assert {key: item for key, item in values.items() if key != top} == {
        key: item for key, item in before.items() if key != top
    }
