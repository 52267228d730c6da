"""Who may sign in to a demo: one invented person for each role."""

from __future__ import annotations

import os
from typing import NamedTuple

from django.contrib.auth.models import Group, User

from alumnisync.roles import EDITORS, OPERATORS, REVIEWERS, VIEWERS

PASSWORD = "DEMO_PASSWORD"  # noqa: S105 - the name of the variable, not what is in it


class DemoPerson(NamedTuple):
    """Somebody who may sign in."""

    user: str
    name: str
    role: str


PEOPLE = (
    DemoPerson("vera", "Vera Viewer", VIEWERS),
    DemoPerson("rob", "Rob Reviewer", REVIEWERS),
    DemoPerson("edith", "Edith Editor", EDITORS),
    DemoPerson("otto", "Otto Operator", OPERATORS),
)


def make_people() -> None:
    """Makes them in the database of this process; their password is in its environment."""
    for person in PEOPLE:
        first, last = person.name.split()
        made = User.objects.create_user(
            person.user,
            f"{person.user}@example.org",
            os.environ[PASSWORD],
            first_name=first,
            last_name=last,
            is_staff=True,
        )
        made.groups.add(Group.objects.get(name=person.role))
