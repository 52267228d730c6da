"""Undoing a run as people do it: asked for, looked at in light, dark and on a phone, and rejected after all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import PHONE, WIDE, SignIn
from tests.browser.stage import Stage
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_a_run_is_undone_from_its_page(sign_in: SignIn, busy: Stage, pictures: Path) -> None:
    page = sign_in("otto")
    page.goto("/admin/alumnisync/syncrun/1/change/")
    page.get_by_role("link", name="Undo…", exact=True).click()
    page.get_by_role("heading", name="The whole run").wait_for()
    found = complaints(page, pictures, "light")
    page.get_by_role("button", name="Show what would be put back").click()
    page.get_by_role("heading", name="It needs your OK").wait_for(timeout=60_000)
    shown = page.url
    found += complaints(page, pictures, "light-undo")
    page.get_by_role("link", name="Approve…").click()
    page.get_by_role("button", name="Approve – put exactly this back").wait_for()  # noqa: RUF001 - the dash is meant
    found += complaints(page, pictures, "light")
    for theme, width in (("dark", WIDE), ("light", PHONE)):
        other = sign_in("otto", theme=theme, width=width)
        other.goto(shown)
        other.get_by_role("heading", name="What is left as it is, and why").wait_for()
        found += complaints(other, pictures, f"{theme}-{width}-undo")
        other.goto("/admin/alumnisync/syncrun/1/undo/")
        found += complaints(other, pictures, f"{theme}-{width}")
    page.goto(shown)
    page.get_by_role("link", name="Reject…").click()
    page.get_by_label("Why is it rejected?").fill("Only to look at it.")
    page.get_by_role("button", name="Reject").click()
    page.get_by_text("It is rejected. Nothing of it will be sent.").wait_for()
    assert not found
