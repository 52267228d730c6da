"""A real browser before a real installation; whatever the browser complains of fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.stage import PASSWORD, Stage, stage

NOT_FOUND = "Chromium not found: no screen was tested in a browser. On Debian: apt-get install chromium"
WIDE, PHONE = 1366, 390
SYNC = "directory-crm"
OFFICE = "office.example.com"
MORE = """
connections:
  - {name: Reunion list, system: spreadsheet}
  - {name: Clubs, system: intouch_receiver, settings: {client_id: C-77, club_ids: ["12", "13"]}}
"""
"""Connections to systems whose pages others don't have."""

SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NOT_FOUND)
        pytest.skip(NOT_FOUND)
    with sync_playwright() as playwright:
        # Chromium's own sandbox can't be had as root, which CI is.
        running = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def there(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture(scope="session")
def busy(there: Stage) -> Stage:
    """The stage with a live sync, and what a Monday morning brings: decisions of every kind."""
    for system, given in there.systems.items():
        for name, value in given["settings"].items():
            there.environment[f"{system}_{name}".upper()] = str(value)
    setup = there.folder / "setup.yaml"
    setup.write_text((Path(settings.BASE_DIR) / "connectors/sandbox/demo.yaml").read_text())
    there.manage("load_setup", str(setup))
    more = there.folder / "more.yaml"
    more.write_text(MORE)
    there.manage("load_setup", str(more))
    for connection in ("Alumni directory", "CRM"):
        there.manage("check_connection", connection)
    preview = there.sync(SYNC)
    there.sync(SYNC, "--approve", str(preview["run"]))
    contacts = there.records("salesforce", "Contact")
    people = sorted((row["Alumni_Id__c"], id) for id, row in contacts.items() if row.get("Alumni_Id__c"))
    for user, contact in people[:14]:
        name = contacts[contact]["Email"].partition("@")[0]
        there.edit("alumni360", "user", user, email=f"{name}@mail.example.org")
        there.edit("salesforce", "Contact", contact, Email=f"{name}@{OFFICE}")
    for user, _ in people[14:17]:
        there.edit("alumni360", "user", user, last_name="Delacroix")
    there.edit("alumni360", "user", people[17][0], phone="ask my sister")
    for email in ("robin.ashgrove@example.com", "r.ashgrove@example.net"):
        there.add("salesforce", "Contact", FirstName="Robin", LastName="Ashgrove", Class_Year__c="1998", Email=email)
    there.add(
        "alumni360", "user", first_name="Robin", last_name="Ashgrove", class_year="1998", email="rob98@example.org"
    )
    there.sync(SYNC)
    there.manage("drift", SYNC)
    return there


@pytest.fixture
def sign_in(browser: Browser, there: Stage) -> Iterator[SignIn]:
    """Opens a window for somebody: `sign_in("rob")`, with theme="dark" or width=PHONE."""
    complaints: list[str] = []
    contexts = []

    def open_window(name: str, *, theme: str = "light", width: int = WIDE) -> Page:
        context = browser.new_context(
            base_url=there.url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: _note(message, complaints))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/admin/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert not complaints


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error":
        complaints.append(f"{message.text} ({message.location.get('url', '')})")


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go, to be looked at afterwards."""
    folder = Path(os.environ.get("PICTURES", "build/pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
