"""People no longer found, and a run on hold, as people see them: light, dark, on a phone; narrowed in the browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import barriers
from tests.browser.conftest import PHONE, SYNC, WIDE, SignIn
from tests.browser.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

LOOKS = (("light", WIDE), ("dark", WIDE), ("light", PHONE))


@pytest.fixture(scope="module")
def alarmed(busy: Stage) -> Stage:
    """Two contacts are deleted, five quiet nights pass, then every phone of the directory is blank."""
    contacts = busy.records("salesforce", "Contact")
    linked = [id for id, row in contacts.items() if row["Alumni_Id__c"] and not row["IsDeleted"]]
    for id in linked[-2:]:
        busy.steer("salesforce", "remove", object_type="Contact", id=id)
    for _ in range(5):
        busy.sync(SYNC)
    busy.steer("alumni360", "glitch", kind="blank", object_type="user", field="phone")
    held = busy.sync(SYNC)["held"]
    assert [item["guard"] for item in held] == ["blanked"]
    return busy


@pytest.mark.long
def test_the_pages_have_no_barriers(alarmed: Stage, sign_in: SignIn) -> None:
    for theme, width in LOOKS:
        page = sign_in("ada", theme=theme, width=width)
        page.goto("/admin/alumnisync/absence/")
        expect(page.get_by_text("deleted there").last).to_be_visible()
        assert barriers(page) == []
        page.locator("td a").first.click()
        expect(page.get_by_role("heading", name="No longer found in CRM")).to_be_visible()
        assert barriers(page) == []
        page.goto("/admin/alumnisync/syncrun/?waiting=yes")
        page.get_by_role("link", name=re.compile(r"^Run \d+ of ")).first.click()
        expect(page.get_by_text("Drop these changes, let the others through")).to_be_visible()
        assert page.locator(".as-bars").first.bounding_box()["width"] <= width  # type: ignore[index]  # it is shown
        assert barriers(page) == []


@pytest.mark.long
def test_a_limit_is_taken_over_and_what_is_held_is_dropped(alarmed: Stage, sign_in: SignIn) -> None:
    page = sign_in("ada")
    page.goto("/admin/mappings/sync/")
    page.get_by_role("link", name=SYNC).first.click()
    page.get_by_role("button", name=re.compile("Take over for Changed")).click()
    expect(page.get_by_label("Changed: people")).not_to_have_value("")
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("Saved. The rules are as they were.")).to_be_visible()
    page.goto("/admin/alumnisync/syncrun/?waiting=yes")
    page.get_by_role("link", name=re.compile(r"^Run \d+ of ")).first.click()
    page.get_by_text("Drop these changes, let the others through").click()
    expect(page.get_by_label(re.compile("^Drop these changes"))).to_be_checked()
    page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(page.get_by_text("approved but for what you kept back")).to_be_visible()
