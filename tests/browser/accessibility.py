"""What axe-core finds wrong with a page that keeps somebody from using it."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


def barriers(page: Page) -> list[str]:
    """Serious and critical findings, a line each: the rule, what it asks for, and where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']} — {node['target'][0]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
