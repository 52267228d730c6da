"""Every page and every file of the admin that shows people's data, found by itself, looked at for what would run."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from connectors.cells import FORMULA
from connectors.models import Connection, RemoteRecord
from tests.alumnisync import walk
from tests.alumnisync.hostile import LARGE, executed_in
from tests.seeded import SEED

MODELS = ("alumnisync", "connectors", "mappings")
QUERIES = ("", "?q=%3Cscript%3Ehostile()", "?state=closed", "?p=2")
KEYS = ("pk", "object_id", "record")
FORMS = ("csv", "xlsx")


def looked_at(client: Client, of_each: int) -> int:
    """Look at every list, and at the pages and files of so many objects of each kind; how many these were."""
    count = 0
    secrets = (settings.SECRET_KEY, User.objects.get().password)
    for address in addresses(of_each):
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        _check(address, answer, secrets)
        count += 1
    for connection in Connection.objects.all():
        for kind in connection.known_object_types.all():
            for form in ("", "csv"):
                at = reverse("admin:connectors_connection_look", args=[connection.pk])
                _check(at, client.post(at, {"name": kind.name, "form": form}, follow=True), secrets)
                count += 1
    return count


def _check(address: str, answer: Any, secrets: tuple[str, ...]) -> None:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    kind = answer["Content-Type"].partition(";")[0]
    if kind == "text/html":
        assert executed_in(content.decode(), secrets) == [], address
    elif kind == "application/json":
        json.loads(content)
    else:
        assert formulas_in(content, "csv" if kind == "text/csv" else "xlsx") == [], address


def addresses(of_each: int) -> Iterator[str]:
    """What can be looked at: lists, pages of single objects drawn by the seed, files."""
    draw = Random(SEED)
    for pattern, route in walk._patterns(admin.site.get_urls(), ""):
        model = walk._model_of(route)
        if model is None or model._meta.app_label not in MODELS or not _is_looked_at(pattern):
            continue
        names = [one[0] or one[1] for one in walk.PARAMETER.findall(route)]
        if not names:
            yield from (f"{walk.ROOT}{walk._filled(route)}{query}" for query in QUERIES)
        elif names[0] in KEYS and names[1:] in ([], ["form"]):
            kind: Any = RemoteRecord if names[0] == "record" else model
            keys = sorted(kind._default_manager.values_list("pk", flat=True))
            for key in draw.sample(keys, min(of_each, len(keys))):
                for form in FORMS if names[1:] else ("",):
                    yield walk.ROOT + _with(route, [str(key), form])


def _is_looked_at(pattern: Any) -> bool:
    methods = getattr(pattern.callback, "methods", None)
    is_own = methods is not None and "GET" in methods
    return is_own or (methods is None and str(pattern.name).endswith(("_changelist", "_change")))


def _with(route: str, values: list[str]) -> str:
    given = iter(values)
    return re.sub(r"[\^$]", "", walk.PARAMETER.sub(lambda found: next(given), route))


def formulas_in(content: bytes, form: str) -> list[str]:
    """The cells that a spreadsheet would work out."""
    if form == "csv":
        before = csv.field_size_limit(10 * LARGE)
        try:
            rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
            return [cell for row in rows for cell in row if cell.startswith(FORMULA)]
        finally:
            csv.field_size_limit(before)
    book = load_workbook(io.BytesIO(content), read_only=True)
    return [str(cell.value) for sheet in book for row in sheet for cell in row if cell.data_type in ("f", "e")]
