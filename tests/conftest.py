import pytest
from hypothesis import settings

# Laws are judged by their answer, never by the clock of a busy machine.
settings.register_profile("untimed", deadline=None, print_blob=True)
settings.load_profile("untimed")

SCREENS = ("test_screens_", "test_roles", "test_admin", "test_pages", "test_plain_pages")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the pages' tests by the names of their files."""
    for item in items:
        if item.path.name.startswith(SCREENS):
            item.add_marker(pytest.mark.screens)
