"""A list of staff typed by hand: a line each, with name and e-mail address."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from connectors.models import Connection, ReceivedRecord
from connectors.receiving.inbox import Entry, remove, save, there
from connectors.records import Rejected

AROUND = " \t,;<>()\"'"
MOST_LINES = 5000
LONGEST = 255
NO_ADDRESS = "Line {}: there is no e-mail address. Write a line like: Sam Rowan, sam.rowan@example.org"
NO_NAME = "Line {}: there is no name, or a very long one. Write a line like: Sam Rowan, sam.rowan@example.org"


def typed(connection: Connection, object_type: str) -> list[ReceivedRecord]:
    """Those that came by hand: what a sync brings has an id of the other side."""
    return list(there(connection.pk, object_type).filter(sender_id="").order_by("pk"))


def as_lines(rows: list[ReceivedRecord]) -> str:
    """What `keep_typed` reads."""
    return "\n".join(f"{row.values.get('name', '')}, {row.values.get('email', '')}" for row in rows)


def keep_typed(connection: Connection, object_type: str, text: str) -> int:
    """Makes the list what the text says; how many it holds. Raises Rejected with what is wrong with a line."""
    wanted = read_lines(text)
    rows = {str(row.values.get("email", "")).casefold(): row for row in typed(connection, object_type)}
    entries = [
        Entry({"name": name, "email": email}, str(rows[key].pk) if key in rows else None)
        for key, (name, email) in wanted.items()
    ]
    save(connection.pk, object_type, entries)
    left = [row.pk for key, row in rows.items() if key not in wanted]
    if left:
        remove(ReceivedRecord.objects.filter(pk__in=left), connection.pk)
    return len(wanted)


def read_lines(text: str) -> dict[str, tuple[str, str]]:
    """Address without case → name and address, the last line of each address. Raises Rejected."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST_LINES:
        raise Rejected(f"At most {MOST_LINES:,} people can be typed. For more, let a sync bring them.")
    people = [_read(number, line) for number, line in lines]
    return {email.casefold(): (name, email) for name, email in people}


def _read(number: int, line: str) -> tuple[str, str]:
    words = line.replace(",", " , ").replace(";", " ; ").split()
    address = next((word.strip(AROUND) for word in reversed(words) if "@" in word), "")
    try:
        validate_email(address)
    except ValidationError:
        raise Rejected(NO_ADDRESS.format(number)) from None
    name = " ".join(word for word in words if address not in word).strip(AROUND).replace(" ,", ",")
    if not name or len(name) > LONGEST or not name.isprintable():
        raise Rejected(NO_NAME.format(number))
    return name, address
