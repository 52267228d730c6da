"""The pages of a stand-in, so that somebody can be the one who works over there: find a person, change them, save.

GET  /?q=…     the people, those that contain the words
GET  /{id}     a person's form
POST /{id}     saves it, as /_sandbox/change does
"""

from __future__ import annotations

import secrets
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote

from connectors.sandbox.stand_in import Answer, FormField, Request, Row, StandIn

MOST_SHOWN = 200
# Known to our own pages only: another site's form can't know it.
TOKEN = secrets.token_urlsafe(16)
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "Cache-Control": "no-store",
}
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 0 1rem 3rem; }
.banner { background: #7a3e00; color: #fff; padding: .5rem 1rem; margin: 0 -1rem 1.5rem; font-weight: 600; }
.note { border-left: 4px solid #2f7d4f; padding: .5rem 1rem; }
.wrong { border-left: 4px solid #b3261e; padding: .5rem 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .375rem .75rem .375rem 0; overflow-wrap: anywhere; }
th { overflow-wrap: normal; }
@media (max-width: 40rem) { th:nth-child(n+4), td:nth-child(n+4) { display: none; } }
tr { border-bottom: 1px solid #8886; } label { display: block; font-weight: 600; margin-top: .75rem; }
input, select, button { font: inherit; padding: .375rem .5rem; max-width: 100%; box-sizing: border-box; }
input:not([type=search]), select { width: 100%; } button { margin-top: 1rem; } form.search button { margin: 0; }
"""


def is_page(stand_in: StandIn, request: Request) -> bool:
    """Whether a request is for a page and not for the interface: the root, and the people's own addresses."""
    return request.path == "/" or _row(stand_in, request) is not None


def page(stand_in: StandIn, request: Request) -> Answer:
    """The page asked for. Nothing here counts as a request to the interface."""
    if request.headers.get("host", "") not in _hosts(stand_in):
        return _refuse("This page is only served under its own address.")
    with stand_in.lock:
        row = _row(stand_in, request)
        if row is None:
            return _list(stand_in, request.query.get("q", "").strip()) if request.method == "GET" else _refuse_method()
        if request.method == "GET":
            return _person(stand_in, request, row, row, note="Saved." if "saved" in request.query else "")
        return _save(stand_in, request, row) if request.method == "POST" else _refuse_method()


def _hosts(stand_in: StandIn) -> tuple[str, str]:
    address = stand_in.url.removeprefix("http://")
    return address, address.replace("127.0.0.1", "localhost")


def _row(stand_in: StandIn, request: Request) -> Row | None:
    record = stand_in.records[stand_in.people_type].get(stand_in.record_id(request.path.removeprefix("/")))
    return None if record is None else stand_in.form_row(record)


def _list(stand_in: StandIn, words: str) -> Answer:
    columns = [field for field in stand_in.form_fields() if field.is_column]
    people = stand_in.records[stand_in.people_type].items()
    found = [(record_id, row) for record_id, row in people if _contains(row, words)]
    lines = "".join(_line(record_id, stand_in.form_row(row), columns) for record_id, row in found[:MOST_SHOWN])
    heads = "".join(f'<th scope="col">{escape(field.label)}</th>' for field in columns)
    more = f" The first {MOST_SHOWN} are shown: search for more." if len(found) > MOST_SHOWN else ""
    return _frame(
        stand_in,
        "People",
        f'<form class="search" role="search"><label for="q">Search by name, e-mail or record id</label>'
        f'<input type="search" id="q" name="q" value="{escape(words)}"> <button>Search</button></form>'
        f"<p>{len(found):,} of {len(people):,} people.{more}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>",
    )


def _contains(row: Row, words: str) -> bool:
    if not row or row.get("IsDeleted"):
        return False
    text = " ".join(str(value) for value in row.values()).casefold()
    return all(word in text for word in words.casefold().split())


def _line(record_id: str, row: Row, columns: list[FormField]) -> str:
    first, *rest = (escape(_text(row.get(field.name))) for field in columns)
    cells = "".join(f"<td>{cell}</td>" for cell in rest)
    return f'<tr><td><a href="/{quote(record_id)}">{first or "(no name)"}</a></td>{cells}</tr>'


def _person(stand_in: StandIn, request: Request, row: Row, shown: Row, note: str = "", wrong: str = "") -> Answer:
    record_id = stand_in.record_id(request.path.removeprefix("/"))
    told = f'<p class="note" role="status">{escape(note)}</p>' if note else ""
    told += f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    fields = "".join(_control(field, shown.get(field.name)) for field in stand_in.form_fields())
    name = " ".join(_text(row.get(field.name)) for field in stand_in.form_fields() if field.is_name)
    body = (
        f'<p><a href="/">All people</a></p>{told}<p>Record id {escape(record_id)}</p><form method="post">'
        f'<input type="hidden" name="token" value="{TOKEN}">{fields}<button>Save</button></form>'
    )
    return _frame(stand_in, name.strip() or "(no name)", body, status=400 if wrong else 200)


def _control(field: FormField, value: Any) -> str:
    name = escape(field.name)
    label = f'<label for="{name}">{escape(field.label)}</label>'
    if not field.is_mark:
        needed = " required" if field.is_required else ""
        return f'{label}<input id="{name}" name="{name}" value="{escape(_text(value))}"{needed}>'
    options = "".join(
        f'<option value="{text}"{" selected" if chosen else ""}>{text}</option>'
        for text, chosen in (("no", not value), ("yes", bool(value)))
    )
    return f'{label}<select id="{name}" name="{name}">{options}</select>'


def _save(stand_in: StandIn, request: Request, row: Row) -> Answer:
    given = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
    if not secrets.compare_digest(given.get("token", [""])[0].encode(), TOKEN.encode()):
        return _refuse("This form was not sent from this page. Open the person again and save there.")
    sent = {field: given[field.name][0].strip() for field in stand_in.form_fields() if field.name in given}
    values = {field.name: _value(field, text) for field, text in sent.items() if text != _shown(field, row)}
    missing = [field.label for field, text in sent.items() if field.is_required and not text]
    if missing:
        return _person(stand_in, request, row, {**row, **values}, wrong=f"{missing[0]} must not be empty.")
    if values:
        stand_in.change(stand_in.people_type, stand_in.record_id(request.path.removeprefix("/")), **values)
    return Answer(303, raw=b" ", headers={**HEADERS, "Location": f"{quote(request.path)}?saved=yes"})


def _shown(field: FormField, row: Row) -> str:
    value = row.get(field.name)
    return _text(value) if not field.is_mark else "yes" if value else "no"


def _value(field: FormField, text: str) -> Any:
    return text == "yes" if field.is_mark else text or None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _refuse(sentence: str) -> Answer:
    return Answer(403, raw=escape(sentence).encode(), headers=HEADERS)


def _refuse_method() -> Answer:
    return Answer(405, raw=b"Only looking and saving are possible here.", headers=HEADERS)


def _frame(stand_in: StandIn, title: str, body: str, status: int = 200) -> Answer:
    said = f"Stand-in of {escape(stand_in.label)} – invented people"  # noqa: RUF001 - the dash is meant
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} – {said}</title>'  # noqa: RUF001
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<p class="banner">{said}</p><main><h1>{escape(title)}</h1>{body}</main></body></html>'
    )
    return Answer(status, raw=text.encode(), headers=HEADERS)
