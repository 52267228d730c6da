"""Every page as people see it: light, dark and on a phone, without barriers, without running out of the window."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.accessibility import barriers
from tests.browser.conftest import PHONE, WIDE, SignIn
from tests.browser.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

LISTS = (
    "",
    "alumnisync/conflict/",
    "alumnisync/review/",
    "alumnisync/match/",
    "alumnisync/absence/",
    "alumnisync/syncrun/",
    "alumnisync/syncrun/?waiting=yes",
    "alumnisync/changerecord/",
    "alumnisync/changerecord/?waiting=yes",
    "alumnisync/link/",
    "alumnisync/erasure/",
    "mappings/sync/",
    "mappings/sync/add/",
    "mappings/sync/1/check-list/",
    "mappings/sync/1/differences/",
    "mappings/sync/1/spreadsheets/",
    "mappings/mappingversion/",
    "connectors/connection/",
    "connectors/connection/add/",
    "connectors/connection/add/salesforce/",
    "connectors/connection/add/alumniq/",
    "connectors/connection/add/alumni_spaces/",
    "connectors/connection/add/intouch_receiver/",
    "connectors/connection/add/rest/",
    "connectors/connection/add/spreadsheet/",
    "connectors/connection/add/sql/",
    "connectors/remoterecord/",
    "connectors/seenfield/",
    "auth/user/",
    "auth/user/add/",
    "auth/group/",
    "password_change/",
)
DETAILS = (
    "alumnisync/conflict/",
    "alumnisync/review/",
    "alumnisync/match/",
    "alumnisync/syncrun/",
    "alumnisync/changerecord/?waiting=yes",
    "alumnisync/link/",
    "mappings/sync/",
    "mappings/mappingversion/",
    "connectors/connection/",
    "auth/user/",
)
"""Lists whose first row leads to a page of its own."""
OF_CONNECTIONS = (("CRM", "edit/"), ("Reunion list", "files/"), ("Clubs", "turn-up/"))
"""Connection → a page of it."""


@pytest.mark.quick(1)
@pytest.mark.parametrize(("theme", "width"), [("light", WIDE), ("dark", WIDE), ("light", PHONE)])
def test_no_page_has_barriers_or_runs_out_of_the_window(
    theme: str, width: int, sign_in: SignIn, busy: Stage, pictures: Path
) -> None:
    page = sign_in("ada", theme=theme, width=width)
    found = []
    for address in LISTS:
        answer = page.goto(f"/admin/{address}")
        assert answer is not None
        assert answer.status == 200, address
        found += complaints(page, pictures, f"{theme}-{width}")
    for address in DETAILS:
        page.goto(f"/admin/{address}")
        page.locator("#main tbody a:visible, #main .as-card a:visible").first.click()
        page.wait_for_load_state()
        found += complaints(page, pictures, f"{theme}-{width}")
    for name, its in OF_CONNECTIONS:
        page.goto(connection(page, name) + its)
        found += complaints(page, pictures, f"{theme}-{width}")
    # This one is shown by a button: it asks the system anew each time.
    page.goto(connection(page, "CRM") + "kinds/Contact/")
    page.get_by_role("button", name="Look at its records").click()
    page.get_by_role("heading", name="Fields in them").wait_for()
    found += complaints(page, pictures, f"{theme}-{width}")
    assert not found


def connection(page: Page, name: str) -> str:
    """Where the pages of a connection begin."""
    page.goto("/admin/connectors/connection/")
    address = page.get_by_role("link", name=name, exact=True).get_attribute("href")
    assert address is not None
    return address.removesuffix("change/")


def complaints(page: Page, pictures: Path, kind: str) -> list[str]:
    """What is wrong with a page, each with its address; a picture of it is kept."""
    at = page.url.partition("/admin/")[2] or "start"
    page.screenshot(path=pictures / f"{re.sub(r'[^a-z0-9]+', '-', at.lower()).strip('-')}-{kind}.png", full_page=True)
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found = [f"{at}: {one}" for one in barriers(page)]
    return [*found, f"{at}: runs {beyond} px out of the window"] if beyond > 0 else found


def test_signing_in_looks_right(sign_in: SignIn, busy: Stage, pictures: Path) -> None:
    page = sign_in("vera")
    page.context.clear_cookies()
    page.goto("/admin/login/")
    assert complaints(page, pictures, "light") == []
