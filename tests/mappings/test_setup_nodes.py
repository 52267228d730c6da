"""A document of plain values is read as a file with the same in it."""

from __future__ import annotations

import pytest
import yaml

from mappings.setup.nodes import Place
from mappings.setup.reading import Known, read_document, read_setup
from mappings.setup.sections import SetupError

SYNC = {
    "name": "alumni-crm",
    "state": "draft",
    "left": {"connection": "A", "object": "user", "on_create": {"enabled": 1, "note": None, "beta": True}},
    "right": {"connection": "B", "object": "Contact", "create": "off", "key_field": "Alumni_Id__c"},
    "guards": {"changed": {"floor": 10, "share": 0.25}},
    "match": [["email", "Email"], [["a", "b"], ["C", "D"]]],
    "fields": [{"left": "email", "right": "Email", "kind": "email", "to_left": "off"}],
}
KNOWN = Known(systems={"A": "memory", "B": "memory"})


def test_a_document_is_read_as_the_same_file_is() -> None:
    document = {"syncs": [SYNC], "value_maps": []}
    assert read_document(document, lambda place: 1, KNOWN) == read_setup(yaml.safe_dump(document), {}, KNOWN)


def test_a_mistake_has_the_line_of_its_place() -> None:
    pair = {"left": "email", "right": "Email", "kind": "emial", "to_left": "maybe"}
    places: list[Place] = []

    def line_at(place: Place) -> int:
        places.append(place)
        return len(places)

    with pytest.raises(SetupError) as refused:
        read_document({"syncs": [{**SYNC, "fields": [pair]}]}, line_at, KNOWN)
    told = {places[line - 1]: sentence for line, sentence in refused.value.found}
    assert set(told) == {("syncs", 0, "fields", 0, "kind"), ("syncs", 0, "fields", 0, "to_left")}
    assert "did you mean “email”?" in told["syncs", 0, "fields", 0, "kind"]
