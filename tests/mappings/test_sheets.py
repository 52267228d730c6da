"""Sheets of field pairs and drop-down pairs: the same up as down, and nothing taken that is not understood."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as holds_for
from hypothesis import strategies as st
from odf.opendocument import load as load_ods  # type: ignore[import-untyped]
from odf.text import S as Blanks  # type: ignore[import-untyped]
from openpyxl import load_workbook

from mappings.models import FieldMapping, MappingVersion, Sync, ValueMap
from mappings.presets.layouts import laid_out, layout_for
from mappings.resources import FORMATS, written
from mappings.setup.contents import PAIR_WORDS, Contents, Plain, defaults_of, pair_key
from mappings.sheets import Current, Kind, Row, as_cell, current_of, of_cell, rows_of
from mappings.sheets.changes import Given, Proposal, given_of, propose, recognised, store_sheet
from mappings.sheets.files import UnreadableSheet, read_grid
from mappings.sheets.rows import said_maps, said_pairs
from mappings.versions import Outdated, draft_of
from tests.factories import World

MAP = {
    "unmapped": "use_default",
    "pairs": [
        ["=active", "Active"],
        ["007", "'0' seven"],
        ["lost", "Lost alum"],
        ["gone", "Lost alum"],
        ["#N/A", "None"],
    ],
    "defaults": {"left": "lost", "right": "+1"},
}
PAIRS: tuple[dict[str, Any], ...] = (
    {"left": "first", "right": "first", "group": "name", "read_left": "value\n  |trim", "write_left": "'0' + value"},
    {"left": "last", "right": "last", "group": "name"},
    {"left": "email", "right": "email", "kind": "email", "keep_old": {"right": "old_email"}, "write_right": "+1"},
    {"left": "phone", "right": "phone", "kind": "phone", "region": "US", "on_blank": "ask"},
    {"left": "zip", "right": "zip", "on_invalid": "use_default", "defaults": {"left": "01", "right": 1}},
    {"left": "status", "right": "status", "kind": "choice", "value_map": MAP},
    {"left": "no_mail", "right": "no_mail", "kind": "consent", "restricted_when": {"left": True, "right": "true"}},
)
READABLE = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
VALUES = st.none() | st.booleans() | st.integers(-999, 999) | READABLE | st.lists(READABLE, max_size=2)


def current(sync: Sync) -> Current:
    found = current_of(sync)
    assert found is not None
    return found


@pytest.fixture
def sync(db: None) -> Sync:
    sync = World(PAIRS).sync
    for side, name in (("left", "Directory"), ("right", "CRM")):
        connection = sync.versions.get().sides.get(side=side).connection
        connection.name = name
        connection.save()
    return sync


def file_of(sync: Sync, form: str = "csv", kind: Kind = Kind.PAIRS) -> bytes:
    now = current(sync)
    return written(rows_of(now, kind), now.columns(kind), form, title="Rules")[0]


def up(sync: Sync, data: bytes, *, keep: bool = False) -> Proposal:
    now = current(sync)
    return propose(sync, now, recognised(read_grid(data), now), keep=keep)


def edited(sync: Sync, edit: Callable[[list[Row]], Any], kind: Kind = Kind.PAIRS) -> bytes:
    """The sheet as CSV after somebody edited its rows."""
    now = current(sync)
    rows = rows_of(now, kind)
    edit(rows)
    return written(rows, now.columns(kind), "csv", title="Rules")[0]


def wrong(sync: Sync, data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(UnreadableSheet) as error:
        up(sync, data)
    assert draft_of(sync) is None
    return list(error.value.wrong)


def row_of(rows: list[Row], left: str) -> Row:
    return next(row for row in rows if row["left"] == left)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("form", FORMATS)
def test_what_comes_up_as_it_went_down_is_nothing_to_do(sync: Sync, form: str, kind: Kind) -> None:
    proposal = up(sync, file_of(sync, form, kind))
    assert proposal.is_same
    assert not proposal.changes
    assert not proposal.missing
    assert proposal.unchanged == (len(PAIRS) if kind == Kind.PAIRS else 1)
    assert proposal.contents == current(sync).contents


@pytest.mark.parametrize("kind", Kind)
def test_each_cell_of_a_workbook_is_a_text_and_none_a_formula(sync: Sync, kind: Kind) -> None:
    sheet = load_workbook(io.BytesIO(file_of(sync, "xlsx", kind))).worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.number_format for cell in cells} == {"@"}
    assert {"01", "'+1"} & {cell.value for cell in cells} or "'=active" in {cell.value for cell in cells}


def test_each_cell_of_an_ods_file_is_a_text(sync: Sync) -> None:
    book = load_ods(io.BytesIO(file_of(sync, "ods", Kind.OPTIONS)))
    cells = [each for each in book.spreadsheet.childNodes[0].childNodes if each.tagName == "table:table-row"]
    kinds = {cell.getAttribute("valuetype") for row in cells for cell in row.childNodes}
    assert kinds == {"string"}
    # Office programs let blanks run together that are not written as what they are.
    assert load_ods(io.BytesIO(file_of(sync, "ods"))).getElementsByType(Blanks)


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_no_cell_of_a_text_file_begins_like_a_formula(sync: Sync, form: str) -> None:
    text = file_of(sync, form, Kind.OPTIONS).decode()
    assert text.startswith("\ufeffName")
    assert "'=active" in text
    assert "''0' seven" in text


def test_headings_say_the_systems_names(sync: Sync) -> None:
    titles = [column.title for column in current(sync).columns(Kind.PAIRS)]
    assert {"Directory field", "CRM field", "To CRM", "To Directory", "Clean-up writing CRM"} <= set(titles)
    assert len(set(titles)) == len(titles)


def test_two_kinds_of_record_of_one_connection_have_headings_of_their_own(sync: Sync) -> None:
    sides = {side: {"connection": "CRM", "object": name} for side, name in (("left", "Contact"), ("right", "Lead"))}
    now = replace(current(sync), contents=Contents(sides=sides))
    assert now.names == {"left": "CRM Contact", "right": "CRM Lead"}


def test_a_workbook_edited_as_excel_would_is_understood(sync: Sync) -> None:
    book = load_workbook(io.BytesIO(file_of(sync, "xlsx")))
    sheet = book.worksheets[0]
    heads = {cell.value: cell.column for cell in sheet[1]}
    sheet.cell(4, heads["To CRM"]).value = "Review"
    sheet.cell(4, heads["Both changed"]).value = "crm"
    sheet.cell(6, heads["Default for CRM"]).value = 2
    sheet.cell(8, heads["Restricted in Directory when"]).value = True
    sheet.append([None, "city", None, "city"])
    stream = io.BytesIO()
    book.save(stream)
    proposal = up(sync, stream.getvalue())
    told = {change.name: change for change in proposal.changes}
    assert told["email ↔ email"].cells == (("To CRM", "automatic", "review"), ("Both changed", "ask", "right"))
    assert told["zip ↔ zip"].cells == (("Default for CRM", "1", "2"),)
    assert proposal.contents.pairs["zip|zip"]["default"] == {"left": "01", "right": 2}
    assert told["city ↔ city"].state == "added"
    assert ("To CRM", "", "automatic") in told["city ↔ city"].cells
    assert len(told) == 3
    assert told["email ↔ email"].line == 4


def test_semicolons_and_utf_16_are_understood(sync: Sync) -> None:
    text = "left;right;To CRM\nfirst;first;off\nlast;last;off\n"
    for data in (text.encode(), text.encode("utf-16"), text.replace(";", "\t").encode("utf-8-sig")):
        proposal = up(sync, data, keep=True)
        assert [change.name for change in proposal.changes] == ["first ↔ first", "last ↔ last"]
        assert proposal.contents.pairs["first|first"]["to_right"] == "off"


def test_headings_are_found_by_their_plain_words_in_any_case(sync: Sync) -> None:
    proposal = up(sync, b"LEFT,Right,keep_OLD_right,Remark\nemail,email,crm_id,hello\n", keep=True)
    assert proposal.contents.pairs["email|email"]["keep_old"] == {"right": "crm_id"}
    now = current(sync)
    assert recognised(read_grid(b"left,right,Remark\nemail,email,x\n"), now).unknown == ("Remark",)


def test_columns_that_are_missing_leave_their_settings_alone(sync: Sync) -> None:
    now = current(sync)
    text = "id\n" + "\n".join(now.ids.values())
    assert up(sync, text.encode()).is_same


def test_a_cell_that_nobody_touched_says_what_it_said(sync: Sync) -> None:
    FieldMapping.objects.filter(group="name").update(group=" name ")
    assert up(sync, file_of(sync)).is_same


def test_an_apostrophe_that_belongs_to_a_text_stays(sync: Sync) -> None:
    data = b"left,right,write_left,group\nlast,last,'0' + value,'=x\n"
    pair = said(sync, data)
    assert (pair["write_left"], pair["group"]) == ("'0' + value", "=x")


def said(sync: Sync, data: bytes) -> Plain:
    now = current(sync)
    given = recognised(read_grid(data), now)
    return said_pairs(list(given.each()), given.keys, now)[0].settings


def test_an_id_finds_a_pair_whose_fields_changed_and_stays_with_it(sync: Sync) -> None:
    before = current(sync).ids["zip|zip"]
    data = edited(sync, lambda rows: row_of(rows, "zip").update(left="city", right="city"))
    proposal = up(sync, data)
    assert [(change.state, change.name) for change in proposal.changes] == [("changed", "zip ↔ zip")]
    store(sync, data)
    assert draft_pairs(sync)["city", "city"] == before
    assert len(set(draft_pairs(sync).values())) == len(PAIRS)


def test_a_new_pair_in_the_place_of_a_renamed_one_gets_an_id_of_its_own(sync: Sync) -> None:
    def edit(rows: list[Row]) -> None:
        rows.append({**row_of(rows, "zip"), "id": ""})
        row_of(rows, "zip").update(left="city", right="city")

    before = current(sync).ids["zip|zip"]
    store(sync, edited(sync, edit))
    pairs = draft_pairs(sync)
    assert pairs["city", "city"] == before
    assert pairs["zip", "zip"] != before


def test_a_copied_row_is_a_new_pair_though_its_id_was_copied(sync: Sync) -> None:
    data = edited(sync, lambda rows: rows.insert(0, {**row_of(rows, "last"), "left": "city", "right": "city"}))
    assert [(change.state, change.name) for change in up(sync, data).changes] == [("added", "city ↔ city")]


def test_two_rows_with_one_id_that_are_both_new_are_told(sync: Sync) -> None:
    def edit(rows: list[Row]) -> None:
        row_of(rows, "zip").update(left="city", right="city")
        rows.append({**row_of(rows, "city"), "left": "crm_id"})

    assert wrong(sync, edited(sync, edit)) == [
        ("Row 9", "Rows 6 and 9 have the same id. Clear the id of each row that is new.")
    ]


def test_rows_that_change_places_are_no_change(sync: Sync) -> None:
    assert up(sync, edited(sync, lambda rows: rows.reverse())).is_same


def test_rows_that_are_missing_are_removed_or_kept(sync: Sync) -> None:
    data = edited(sync, lambda rows: rows.pop())
    assert up(sync, data).missing == ("no_mail ↔ no_mail",)
    assert "no_mail|no_mail" not in up(sync, data).contents.pairs
    assert up(sync, data).count("removed") == 1
    kept = up(sync, data, keep=True)
    assert kept.is_same
    assert kept.missing == ("no_mail ↔ no_mail",)


def test_options_are_added_removed_kept_and_reordered(sync: Sync) -> None:
    def edit(rows: list[Row]) -> None:
        del rows[1]
        rows.append({**dict.fromkeys(rows[0], ""), "name": rows[0]["name"], "left": "new ", "right": "New"})

    data = edited(sync, edit, Kind.OPTIONS)
    (change,) = up(sync, data).changes
    assert change.cells == (("Option removed", "007 ↔ '0' seven", ""), ("Option added", "", "new ↔ New"))
    assert up(sync, data).missing == ("map 5: 007 ↔ '0' seven",)
    kept = up(sync, data, keep=True).contents.value_maps["map 5"]["pairs"]
    assert ["007", "'0' seven"] in kept
    assert ["new", "New"] in kept
    turned = up(sync, edited(sync, lambda rows: rows.append(rows.pop(2)), Kind.OPTIONS))
    assert turned.changes[0].cells[0][0] == "Order of the options"


def test_drop_down_pairs_that_a_field_pair_uses_are_not_removed(sync: Sync) -> None:
    found = wrong(sync, b"name,left,right\nother,a,b\n")
    assert found[0][0] == "the field pair status ↔ status"
    assert "map 5" in found[0][1]


def test_what_is_said_once_for_drop_down_pairs_is_one_thing(sync: Sync) -> None:
    data = edited(sync, lambda rows: rows[2].update(unmapped="pass"), Kind.OPTIONS)
    assert wrong(sync, data) == [
        ("Row 4", "“Options without a pair” is “pass” here and “use_default” in row 2. It is one.")
    ]


def test_every_wrong_row_is_told_with_its_row_and_sentence(sync: Sync) -> None:
    def edit(rows: list[Row]) -> None:
        row_of(rows, "first")["read_left"] = "value|"
        row_of(rows, "email")["conflict"] = "newst"
        row_of(rows, "phone")["to_right"] = "never"

    found = dict(wrong(sync, edited(sync, edit)))
    assert list(found) == ["row 2", "row 4", "row 5"]
    assert "“Clean-up reading Directory”" in found["row 2"]
    assert found["row 4"] == "“newst” is not a word for “Both changed”; did you mean “newest”?"
    assert "“To CRM”" in found["row 5"]


def test_a_row_without_a_field_is_told(sync: Sync) -> None:
    data = edited(sync, lambda rows: row_of(rows, "zip").update(right=" "))
    assert wrong(sync, data) == [("Row 6", "“CRM field” is blank here. A field pair names a field of each system.")]
    assert wrong(sync, b"name,left,right\n,a,b\n")[0][0] == "Row 2"


@pytest.mark.parametrize(
    ("data", "told"), [(b"hello\nworld\n", "headings"), (b"left,right,left\na,b,c\n", "Two columns"), (b"", "empty")]
)
def test_a_sheet_without_its_headings_is_refused_in_words(sync: Sync, data: bytes, told: str) -> None:
    assert told in wrong(sync, data)[0][1]


def draft_pairs(sync: Sync) -> dict[tuple[str, str], str]:
    draft = draft_of(sync)
    assert draft is not None
    rows = FieldMapping.objects.filter(version=draft).values_list("left", "right", "stable_id")
    return {(left, right): stable_id for left, right, stable_id in rows}


def store(sync: Sync, data: bytes, based_on: tuple[int, int] | None = None) -> MappingVersion | None:
    now = current(sync)
    given = recognised(read_grid(data), now)
    return store_sheet(sync, given, by="pat", based_on=based_on or (now.number, now.edit))


def test_what_is_stored_is_a_draft_and_the_rules_in_force_stay(sync: Sync) -> None:
    version = store(sync, edited(sync, lambda rows: row_of(rows, "zip").update(on_blank="carry")))
    assert version is not None
    assert (version.state, version.created_by) == ("draft", "pat")
    assert version.field_mappings.get(left="zip").on_blank == "carry"
    active = sync.active_version()
    assert active is not None
    assert active.field_mappings.get(left="zip").on_blank == "keep"
    assert ValueMap.objects.filter(version=version).count() == 1


def test_a_sheet_that_says_what_is_there_stores_nothing(sync: Sync) -> None:
    assert store(sync, file_of(sync)) is None
    assert draft_of(sync) is None


def test_a_sheet_shown_with_older_rules_is_not_stored(sync: Sync) -> None:
    data = edited(sync, lambda rows: row_of(rows, "zip").update(on_blank="carry"))
    store(sync, data)
    with pytest.raises(Outdated):
        store(sync, file_of(sync), based_on=(1, 0))
    draft = draft_of(sync)
    assert draft is not None
    assert draft.edit == 0


def test_a_template_has_its_own_headings_and_orders(sync: Sync) -> None:
    assert layout_for(current(sync), {"Directory": "memory"}) is None
    now = current(sync)
    sides = {**now.contents.sides, "left": {**now.contents.sides["left"], "object": "user"}}
    pairs = {
        pair_key(name, name): {**now.contents.pairs["last|last"], "left": name}
        for name in ("phone", "email", "last_name")
    }
    now = replace(now, contents=replace(now.contents, sides=sides, pairs=pairs))
    found = layout_for(now, {"Directory": "alumni360", "CRM": "salesforce"})
    assert found is not None
    rows, columns = laid_out(now, *found, "field")
    assert [row["field"] for row in rows] == ["email", "last_name*", "phone"]
    rows, columns = laid_out(now, *found, "preferred")
    assert [row["field"] for row in rows] == ["last_name*", "email", "phone"]
    titles = [column.title for column in columns]
    assert titles[:2] == ["Preferred Order", "JSON field"]
    assert "CRM field" in titles
    assert read_grid(written(rows, columns, "xlsx", title="x")[0])[1][1] == "last_name*"


def blank_current() -> Current:
    sides = {side: {"connection": name, "object": "person"} for side, name in (("left", "A"), ("right", "B"))}
    return Current(Contents(sides=sides))


def given_rows(rows: list[Row], now: Current, kind: Kind) -> Given:
    keys = tuple(column.key for column in now.columns(kind))
    cells = [(line, tuple(row[key] for key in keys)) for line, row in enumerate(rows, start=2)]
    given = Given(kind, keys, tuple(cells))
    assert given_of(given.as_plain()) == given
    return given


def sided(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(["left", "right"]), values)


PLAIN_PAIRS: st.SearchStrategy[Plain] = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("group", "currency", "value_map", "read_left", "write_right"), READABLE),
        "to_left": st.sampled_from(["off", "fill", "review"]),
        "conflict": st.sampled_from(["ask", "left", "right", "newest"]),
        "default": sided(VALUES),
        "restricted_when": sided(VALUES),
        "keep_old": sided(READABLE.filter(bool)),
    },
)


@holds_for(st.lists(PLAIN_PAIRS, max_size=4))
def test_law_rows_of_field_pairs_say_what_they_were_made_from(settings: list[Plain]) -> None:
    usual = defaults_of(FieldMapping, PAIR_WORDS)
    pairs = [{**usual, "left": f"l{place}", "right": f"r{place}", **each} for place, each in enumerate(settings)]
    by_key = {pair_key(pair["left"], pair["right"]): pair for pair in pairs}
    now = blank_current()
    rows = rows_of(replace(now, contents=replace(now.contents, pairs=by_key)), Kind.PAIRS)
    given = given_rows(rows, now, Kind.PAIRS)
    assert [{**usual, **each.settings} for each in said_pairs(list(given.each()), given.keys, now)] == pairs


OPTIONS = st.lists(st.tuples(READABLE.filter(bool), READABLE).map(list), max_size=4)


@holds_for(st.dictionaries(READABLE.filter(bool), OPTIONS, max_size=3))
def test_law_rows_of_drop_down_pairs_say_what_they_were_made_from(maps: dict[str, list[list[str]]]) -> None:
    plain = {name: {"unmapped": "pass", "pairs": pairs, "default": {}} for name, pairs in maps.items()}
    now = blank_current()
    rows = rows_of(replace(now, contents=replace(now.contents, value_maps=plain)), Kind.OPTIONS)
    given = given_rows(rows, now, Kind.OPTIONS)
    said = said_maps(list(given.each()), given.keys, now, keep=False)
    assert {name: {"default": {}, **each.settings} for name, each in said.items()} == plain


@holds_for(VALUES)
def test_law_a_cell_says_its_value(value: Any) -> None:
    assert of_cell(as_cell(value)) == value
    assert type(of_cell(as_cell(value))) is type(value)


@holds_for(
    st.lists(st.lists(READABLE, min_size=2, max_size=2), min_size=1, max_size=4), st.sampled_from(sorted(FORMATS))
)
def test_law_a_file_holds_the_texts_that_were_put_in(rows: list[list[str]], form: str) -> None:
    columns = blank_current().columns(Kind.OPTIONS)[1:3]
    data, _ = written([{"left": left, "right": right} for left, right in rows], columns, form, title="x")
    grid = [[*row, "", ""][:2] for row in read_grid(data)[1:]]
    assert grid == rows[: len(grid)]
    assert not any(any(row) for row in rows[len(grid) :])


def test_a_spreadsheets_true_is_true() -> None:
    assert of_cell("TRUE") is True
    assert of_cell(as_cell("TRUE")) == "TRUE"
