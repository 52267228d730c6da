"""What 360Alumni answers, in whichever of its shapes: pages of users, one user, fields, refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.answers import Answer
from connectors.records import ConnectorError, Field, NeedsAttention, Rejected, Values

ID_NAMES = ("user_id", "id")
LIST_NAMES = ("users", "data", "results", "items")
TOTAL_NAMES = ("total", "total_count")
NEXT_NAMES = ("next", "next_page", "next_page_url")
LAST_PAGE_NAMES = ("pages", "total_pages", "last_page", "page_count")
CREATED_NAMES = ("created_at", "created")
MODIFIED_NAMES = ("updated_at", "modified_at", "updated", "last_modified")
VOLATILE = frozenset({*MODIFIED_NAMES, "last_login", "last_login_at", "last_activity_at"})
KEPT = frozenset({*ID_NAMES, *CREATED_NAMES, *VOLATILE})
"""What the site itself sets."""
PUBLISHED = (
    Field("user_id", "User ID", "text", writable=False, unique=True),
    Field("first_name", "First name", "text", "text", required=True),
    Field("last_name", "Last name", "text", "text", required=True),
    Field("email", "E-mail", "text", "email"),
    Field("enabled", "Enabled", "0 or 1", "yes_no", required=True),
    Field("groups", "Groups", "list", "list", options=("admin", "user")),
)


@dataclass(frozen=True, slots=True)
class UserPage:
    """One page as it came; number 0 stands before the first. total, last: as the envelope says, or None."""

    number: int
    users: tuple[Any, ...] = field(default=(), repr=False)
    total: int | None = None
    last: int | None = None
    is_marked_last: bool = False
    is_doubtful: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(id_of(user) for user in self.users)

    def is_last(self, seen: int) -> bool:
        """Whether nothing follows, after `seen` users; the envelope's word saves asking for an empty page."""
        if self.number == 0:
            return False
        told = (self.total is not None and seen >= self.total) or (self.last is not None and self.number >= self.last)
        return told or self.is_marked_last or not self.users

    def follows(self, before: UserPage) -> bool:
        """Whether the list stood still between the two pages."""
        stood = self.total == before.total or None in (self.total, before.total)
        return stood and not self.is_doubtful and not {*self.ids} & {*before.ids}


def page_of(number: int, data: Any) -> UserPage:
    if isinstance(data, list):
        return UserPage(number, tuple(data))
    name = next((name for name in LIST_NAMES if isinstance(_of(data, name), list)), None)
    if name is None:
        raise NeedsAttention("360Alumni answered with something that isn't a list of users. Check the address.")
    about = {**data, **_dict(data.get("meta")), **_dict(data.get("pagination"))}
    return UserPage(
        number,
        tuple(data[name]),
        _total(about, len(data[name])),
        _number(first_of(about, LAST_PAGE_NAMES)),
        is_marked_last=any(not about[key] for key in NEXT_NAMES if key in about),
    )


def _total(about: Mapping[str, Any], rows: int) -> int | None:
    """How long the whole list is, where the envelope says."""
    count = _number(about.get("count"))
    # Some count the list and some the page: taken for the list's length, a page's would end the list there,
    # and everybody behind it would count as missing.
    return _number(first_of(about, TOTAL_NAMES)) if count in (None, rows) else count


def unwrapped(data: Any) -> Values:
    """One user, bare or in an envelope; empty where there is none."""
    if isinstance(data, list):
        return _dict(data[0]) if len(data) == 1 else {}
    # A user with an id of its own may well have a field called “data”.
    inner = next((data[name] for name in ("user", "data") if isinstance(_of(data, name), dict | list)), None)
    return unwrapped(inner) if inner is not None and not id_of(data) else _dict(data)


def id_of(user: Any) -> str:
    # The vendor's own sample has ids of both sorts in one object: {"id": "14", "campaign_id": 16}.
    id = first_of(_dict(user), ID_NAMES)
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) else ""


def fields_of(users: Sequence[Any]) -> tuple[Field, ...]:
    known = {published.name for published in PUBLISHED}
    names = {name: None for user in users for name in _dict(user) if name not in known}
    return PUBLISHED + tuple(Field(name, _label(name), writable=name not in KEPT) for name in names)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def form_of(values: Values) -> dict[str, Any]:
    """Form parameters: blank is empty, yes and no are 1 and 0."""
    return {
        name: "" if value is None else int(value) if isinstance(value, bool) else value
        for name, value in values.items()
    }


def refused_fields(answer: Answer) -> ConnectorError | None:
    """400 with the fields that are wrong: {"message": …, "errors": {"email": "…"}}."""
    errors = _of(answer.data, "errors")
    if answer.status not in (400, 422) or not isinstance(errors, dict):
        return None
    fields = {name: " ".join(words) if isinstance(words, list) else str(words) for name, words in errors.items()}
    said = "; ".join(f"{name}: {words}" for name, words in fields.items())
    return Rejected(f"360Alumni refuses this user. It says: “{said}”.", fields)


def environment_of(host: str) -> str:
    """Test systems are demo.360alumni.com and demo.s.360alumni.com."""
    if host.startswith("demo.") or ".s." in host:
        return "test"
    return "production" if host.endswith(".360alumni.com") else ""


def first_of(values: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _of(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, dict) else None


def _dict(data: Any) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _number(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None
