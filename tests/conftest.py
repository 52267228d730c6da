from collections import defaultdict
from typing import Any

import pytest
from hypothesis import settings

from tests.seeded import figures_of

# Laws are judged by their answer, never by the clock of a busy machine.
settings.register_profile("untimed", deadline=None, print_blob=True)
settings.load_profile("untimed")

SCREENS = ("test_screens_", "test_roles", "test_admin", "test_pages", "test_plain_pages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the pages' tests by the names of their files, and the cases that the quick tests leave out."""
    cases: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.path.name.startswith(SCREENS):
            item.add_marker(pytest.mark.screens)
        quick = item.get_closest_marker("quick")
        if quick and not item.get_closest_marker("torture"):
            cases[item.nodeid.partition("[")[0], quick.args[0]].append(item)
    for (_, few), same in cases.items():
        _mark_all_but(same, few)


def _mark_all_but(cases: list[pytest.Item], few: int) -> None:
    """Marks as long what is left of a test's cases once a few were taken, evenly spread."""
    taken = {number * len(cases) // few for number in range(few)}
    for number, item in enumerate(cases):
        if number not in taken:
            item.add_marker(pytest.mark.long)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what the seeded tests came to, whichever process they ran in."""
    ended = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    if lines := figures_of([one for one in ended if one.when == "call"]):
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)
