"""Two stand-ins over HTTP, a sync between them, and everything that may happen in a run: links, fills, edits in
both directions, a conflict, creates on both sides, stamps. It can be put back to how it was.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import count
from typing import Any

from connectors.sandbox.server import StandIn, start

FIELDS = {"first_name": "FirstName", "last_name": "LastName", "email": "Email", "phone": "Phone"}
BOTH, LEFT_ONLY, RIGHT_ONLY = 12, 4, 4
ON_ALUMNI, ON_CRM = "user", "Contact"
UNMOVED = ("lock", "server", "faults", "clock", "log")


class Scene:
    """left_key: the field there that holds the contact's id, or "" for none. people: on both sides, and on one only."""

    def __init__(
        self,
        left_key: str = "",
        *,
        people: tuple[int, int, int] = (BOTH, LEFT_ONLY, RIGHT_ONLY),
        seed: int = 1,
        **settings: Any,
    ) -> None:
        self.left_key = left_key
        both, self.left_only, self.right_only = people
        self.settings = {"requests_per_second": 2000, "concurrency": 2, "timeout": 3, **settings}
        self.left = start("alumni360", people=0, seed=seed)
        self.right = start("salesforce", people=0, seed=seed + 1)
        self._numbers = count(1)
        for index in range(both):
            self.meet(left_phone=index % 3 != 0, right_phone=index % 4 != 0)
        self.arrive()

    def arrive(self) -> None:
        """New people on either side."""
        for _ in range(self.left_only):
            self.left.create(ON_ALUMNI, self.user(next(self._numbers)))
        for _ in range(self.right_only):
            self.right.create(ON_CRM, self.contact(next(self._numbers)))

    def meet(self, *, left_phone: bool, right_phone: bool) -> None:
        number = next(self._numbers)
        user, contact = self.user(number), self.contact(number)
        self.left.create(ON_ALUMNI, {**user, "phone": user["phone"] if left_phone else ""})
        self.right.create(ON_CRM, {**contact, "Phone": contact["Phone"] if right_phone else None})

    def edit(self) -> None:
        """A day's work: names here, phones there, one field of one person on both sides, new people."""
        users, contacts = self.left.ids(ON_ALUMNI), self.right.ids(ON_CRM)
        for index in (0, 1, 2):
            self.left.change(ON_ALUMNI, users[index], last_name=f"Wed{index}")
        for index in (3, 4, 5):
            self.right.change(ON_CRM, contacts[index], Phone=f"(573) 555-01{80 + index}")
        self.left.change(ON_ALUMNI, users[6], first_name="Lefty")
        self.right.change(ON_CRM, contacts[6], FirstName="Righty")
        self.arrive()

    def setup(self) -> dict[str, Any]:
        """The setup file's content."""
        return {
            "connections": [self._connection(name, there) for name, there in self.both().items()],
            "syncs": [
                {
                    "name": "both-ways",
                    "left": {
                        "connection": "alumni360",
                        "object": ON_ALUMNI,
                        "create": "automatic",
                        "on_create": {"enabled": 1},
                        **({"key_field": self.left_key} if self.left_key else {}),
                    },
                    "right": {
                        "connection": "salesforce",
                        "object": ON_CRM,
                        "key_field": "Alumni_Id__c",
                        "create": "automatic",
                    },
                    "match": [["email", "Email"]],
                    "fields": [
                        {"left": "first_name", "right": "FirstName"},
                        {"left": "last_name", "right": "LastName"},
                        {"left": "email", "right": "Email", "kind": "email"},
                        {"left": "phone", "right": "Phone", "kind": "phone", "region": "US"},
                    ],
                }
            ],
        }

    def both(self) -> dict[str, StandIn]:
        return {there.system: there for there in (self.left, self.right)}

    def state(self) -> dict[str, Any]:
        """Everything the stand-ins hold and counted, to be put back."""
        return {
            name: deepcopy({key: value for key, value in vars(there).items() if key not in UNMOVED})
            for name, there in self.both().items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        for name, there in self.both().items():
            vars(there).update(deepcopy(state[name]))
            there.faults.clear()

    def people(self) -> dict[str, dict[str, Any]]:
        """E-mail → what either side says of the person, and whether the ids they hold name each other."""
        users = {row["email"]: row for row in self.left.records[ON_ALUMNI].values()}
        contacts = {row["Email"]: row for row in self.right.records[ON_CRM].values()}
        return {
            email: {
                "left": [digits(name, users[email][name]) for name in FIELDS] if email in users else None,
                "right": [digits(name, contacts[email][FIELDS[name]]) for name in FIELDS]
                if email in contacts
                else None,
                "named": self._are_named(users.get(email), contacts.get(email)),
            }
            for email in sorted({*users, *contacts})
        }

    def counted(self) -> dict[str, int]:
        """What the stand-ins themselves counted of what was written."""
        return {
            f"{name} {what}": there.counts[what]
            for name, there in self.both().items()
            for what in ("creates", "updates", "unchanged", "deletes")
        }

    def created_twice(self) -> list[str]:
        return [who for there in self.both().values() for who, times in there.creates_of.items() if times > 1]

    def stop(self) -> None:
        for there in self.both().values():
            there.stop()

    def _are_named(self, user: Any, contact: Any) -> bool:
        if not user or not contact:
            return False
        is_named = contact["Alumni_Id__c"] == user["user_id"]
        return is_named and (not self.left_key or user[self.left_key] == contact["Id"])

    def _connection(self, name: str, there: StandIn) -> dict[str, Any]:
        return {"name": name, "system": name, "settings": {**there.settings, **self.settings}}

    def user(self, number: int) -> dict[str, Any]:
        return {
            "first_name": f"First{number}",
            "last_name": f"Last{number}",
            "email": f"p{number}@example.org",
            "phone": f"573-555-01{number % 100:02}",
        }

    def contact(self, number: int) -> dict[str, Any]:
        user = self.user(number)
        return {FIELDS[name]: value for name, value in user.items()}


def digits(name: str, value: Any) -> str:
    """A value to be compared whatever way it is written."""
    return "".join(filter(str.isdigit, value or ""))[-10:] if name == "phone" else str(value or "")
