"""The description of the services: complete, true, and served from here alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from alumnisync.receiving.views import receiving
from connectors.models import Connection
from connectors.receiving.tokens import make_token


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    said: dict[str, Any] = client.get("/api/openapi.json").json()
    return said


@pytest.mark.django_db
def test_every_service_is_described_with_its_token_and_what_it_may_answer(document: dict[str, Any]) -> None:
    described = {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    offered = {service.name: (kind, service) for kind in receiving() for service in kind.services}
    assert set(described) == set(offered)
    for name, (kind, service) in offered.items():
        method, path, operation = described[name]
        assert (method, path) == (service.method, f"/api/{kind.name}{service.path}")
        assert (operation["summary"], operation["description"]) == (service.label, service.about)
        assert operation["security"]
        assert {"401", "403", "429"} <= set(operation["responses"])
        if service.example:
            example = operation["requestBody"]["content"]["application/json"]["example"]
            assert example == service.example


@pytest.mark.django_db
def test_every_example_is_taken_as_it_stands(client: Client) -> None:
    for kind in receiving():
        connection = Connection.objects.create(
            name=kind.name, system=kind.name, settings={"client_id": "C-77", "club_ids": ["12"]}
        )
        given = {"Authorization": f"Bearer {make_token(connection, '12', by='ada')}"}
        made: dict[str, str] = {}
        for service in sorted(kind.services, key=lambda one: "{id}" in one.path):
            collection = service.path.split("/")[3]
            address = f"/api/{kind.name}{service.path}".format(place="12", id=made.get(collection, ""))
            body = {"data": service.example, "content_type": "application/json"} if service.example else {}
            answer = getattr(client, service.method.lower())(address, headers=given, **body)
            assert answer.status_code in (200, 201), (service.name, answer.content)
            if service.method == "POST":
                made[collection] = answer.json()["id"]


@pytest.mark.django_db
def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(loaded) == 4
    assert all(address.startswith("/static/") for address in loaded)
    for address in loaded:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert b"".join(answer.streaming_content if answer.streaming else [answer.content])  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_service_needs_neither_a_session_nor_its_cookie(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/api/intouch_receiver/clubs/12/prospects", {}, content_type="application/json")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert strict.post("/api/none", {}).status_code == 404
