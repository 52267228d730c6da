import os
import secrets

import pytest
from hypothesis import settings

# Laws are judged by their answer, never by the clock of a busy machine.
settings.register_profile("untimed", deadline=None, print_blob=True)
settings.load_profile("untimed")
# Before the processes that share the tests are started, so that all play from one seed.
os.environ.setdefault("ALUMNISYNC_SEED", str(secrets.randbelow(1_000_000)))

SCREENS = ("test_screens_", "test_roles", "test_admin", "test_pages", "test_plain_pages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the pages' tests by the names of their files."""
    for item in items:
        if item.path.name.startswith(SCREENS):
            item.add_marker(pytest.mark.screens)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what random histories were played, and how to play them again."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    told = [what for report in reports for name, what in getattr(report, "user_properties", ()) if name == "histories"]
    if told:
        terminalreporter.section("random histories")
        for what in sorted(set(map(str, told))):
            terminalreporter.line(what)
        terminalreporter.line(f"The same again: ALUMNISYNC_SEED={os.environ['ALUMNISYNC_SEED']} make torture")
