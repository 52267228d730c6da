"""Invented people, the same ones for every stand-in: seeded, streamed, and reachable by nobody.

Mail addresses lie in domains reserved for examples, telephone numbers in 555-0100 to 555-0199.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

Person = dict[str, Any]
Shares = Mapping[str, float]

MIXED: Shares = {"platform_only": 0.1, "crm_only": 0.1, "differing": 0.1, "formatted": 0.2}
"""Shares of people who are in one kind of system only, differ in a field, or are only written otherwise."""
PLATFORM_IDS = 1000
"""A person's id at the platform is their number and this, so that a CRM may be seeded with it."""
EMPLOYERS = (
    "Brightwater Hospital", "Cedar & Stone Architects", "Delta Rivers Bank", "Eastgate Public Schools",
    "Fernhill Robotics", "Granite Falls Brewing", "Harbor Light Theatre", "Ironwood Legal",
    "Juniper Foods", "Kestrel Airways", "Lakeshore Museum", "Meridian Software",
)  # fmt: skip

DOTLESS_I = "\u0131"

FIRST = (
    "Ada", "Benjamín", "Chloë", "David", "Elena", "Farah", "George", "Hannah", "Ingrid", "Jamal", "Keiko",
    "Liam", "María", "Noor", "Oluwaseun", "Priya", "Quentin", "Rosa", "Siobhán", "Tomás", "Uma", "Viktor",
    "Wen", "Ximena", "Yusuf", "Zoë",
)  # fmt: skip
NICKNAMES = {
    "Benjamín": "Ben",
    "David": "Dave",
    "Elena": "Lena",
    "George": "Geo",
    "Tomás": "Tom",
    "Viktor": "Vic",
}
LAST = (
    "Abara", "Bergström", "Castillo", "D'Angelo", "Eze", "Fitzgerald", "García-López", "Haddad", "Ito",
    "Jensen", "Kowalski", "Lindqvist", "McKenna", "Núñez", "O'Brien", "Petrov", "Quigley", "Rao", "Schäfer",
    "Tanaka", "Underwood", "van der Berg", "Washington", "Xu", f"Y{DOTLESS_I}ld{DOTLESS_I}z", "Zhang",
)  # fmt: skip
DOMAINS = ("example.edu", "example.org", "example.net")
PLACES = (
    ("Columbia", "MO", "65201", "573"), ("St. Louis", "MO", "63101", "314"), ("Boston", "MA", "02108", "617"),
    ("Portland", "OR", "97201", "503"), ("Austin", "TX", "78701", "512"), ("Chicago", "IL", "60601", "312"),
    ("Newark", "NJ", "07102", "973"), ("Denver", "CO", "80202", "303"),
)  # fmt: skip
STREETS = ("Elm St", "Oak Ave", "Maple Dr", "Harbor Rd", "College Blvd", "2nd St")
TITLES = ("Engineer", "Teacher", "Nurse", "Director", "Analyst", "Attorney", "Owner", "Curator")


def people(count: int, seed: int = 1, shares: Shares | None = None) -> Iterator[Person]:
    """`count` people, numbered from 1; a longer list begins with the same ones.

    where     "both", "platform" or "crm": which kind of system has them
    differs   how the CRM's record of them is off: "" | phone | last | email | phone_format | email_case
    Without `shares` everybody is in both and nobody differs.
    """
    draw = Random(seed)  # noqa: S311 - repeatable, not secret
    # Drawn apart, so that the same people come whatever the shares are.
    places = Random(f"{seed} shares")  # noqa: S311
    before: Person = {}
    for number in range(1, count + 1):
        before = _relate(_invent(number, draw), before)
        where, differs = _place(places, shares or {})
        yield {**before, "where": where, "differs": differs}


def as_the_crm_has(person: Person) -> Person:
    """The person with what is off in the CRM put in."""
    change = _DIFFERENCES.get(person["differs"])
    return {**person, **change(person)} if change else person


def written_phone(digits: str, style: str = "us") -> str:
    """Ten digits as people write them: us "(573) 555-0100", dashed "573-555-0100", dotted "573.555.0100"."""
    if not digits:
        return ""
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    if style == "us":
        return f"({area}) {exchange}-{line}"
    return {"dashed": "-", "dotted": "."}[style].join((area, exchange, line))


_DIFFERENCES: dict[str, Callable[[Person], Person]] = {
    "phone": lambda person: {"phone": _other_phone(person["phone"])},
    "last": lambda person: {"last": f"{person['last']}-{LAST[person['number'] % len(LAST)]}"},
    "email": lambda person: {"email": f"former.{person['email']}"},
    "phone_format": lambda person: {"phone_style": "dotted"},
    "email_case": lambda person: {"email": person["email"].upper()},
}
_IN_A_FIELD, _IN_FORMAT = ("phone", "last", "email"), ("phone_format", "email_case")


def _other_phone(digits: str) -> str:
    return f"{digits[:8]}{(int(digits[8:]) + 1) % 100:02}" if digits else "5735550199"


def _place(draw: Random, shares: Shares) -> tuple[str, str]:
    where, what, which = draw.random(), draw.random(), draw.randrange(6)
    only = shares.get("platform_only", 0.0)
    if where < only:
        return "platform", ""
    if where < only + shares.get("crm_only", 0.0):
        return "crm", ""
    differing = shares.get("differing", 0.0)
    if what < differing:
        return "both", _IN_A_FIELD[which % 3]
    return "both", _IN_FORMAT[which % 2] if what < differing + shares.get("formatted", 0.0) else ""


def _invent(number: int, draw: Random) -> Person:
    first, last = draw.choice(FIRST), draw.choice(LAST)
    year = draw.randint(1958, 2024)
    return {
        "number": number,
        "platform_id": str(PLATFORM_IDS + number),
        "first": first,
        "last": last,
        "former": draw.choice(LAST) if draw.random() < 0.15 else "",
        "nick": NICKNAMES.get(first, "") if draw.random() < 0.5 else "",
        # The number keeps addresses apart where names are not.
        "email": f"{_plain(first)}.{_plain(last)}{number}@{draw.choice(DOMAINS)}",
        "class_year": str(year),
        "birthdate": f"{year - 22}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
        "deceased": draw.random() < 0.03,
        "no_email": draw.random() < 0.08,
        "status": "lost" if draw.random() < 0.05 else "active",
        **_invent_contact(draw),
    }


def _invent_contact(draw: Random) -> Person:
    city, state, postal, area = draw.choice(PLACES)
    works = draw.random() < 0.7
    return {
        "phone": f"{area}5550{draw.randint(100, 199)}" if draw.random() < 0.9 else "",
        "phone_style": "us",
        "preferred_phone": draw.choice(("mobile", "work", "home")),
        "street": f"{draw.randint(1, 999)} {draw.choice(STREETS)}",
        "city": city,
        "state": state,
        "postal": postal,
        "country": "US",
        "company": draw.choice(EMPLOYERS) if works else "",
        "title": draw.choice(TITLES) if works else "",
    }


def _relate(person: Person, before: Person) -> Person:
    """Now and then somebody shares an address with the one before, or is their namesake."""
    number = person["number"]
    # By number and not drawn: even 20 people have a couple, and 40 have namesakes.
    if number % 50 == 17:
        shared = ("last", "email", "phone", "street", "city", "state", "postal")
        return {**person, **{name: before[name] for name in shared}}
    if number % 50 == 34:
        return {**person, **{name: before[name] for name in ("first", "last", "class_year")}}
    return person


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace(DOTLESS_I, "i")).lower()
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())
