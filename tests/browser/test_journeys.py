"""What people of each role do, from beginning to end, in a real browser before a real installation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from tests.browser.conftest import OFFICE, SYNC, SignIn
from tests.browser.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

MISSING_HERE = ("Previous_Mobile__c",)
"""Fields of the preset that this organisation does not have."""
SLOW = 60_000


def heading(page: Page, name: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", name=name).first).to_be_visible()


def menu(page: Page, name: str) -> None:
    # The name of a line's icon is a part of its text.
    page.locator("#nav-sidebar-apps").get_by_role("link", name=re.compile(rf"\b{name}\b")).click()


def test_an_operator_connects_a_system_and_checks_it(sign_in: SignIn, there: Stage) -> None:
    page = sign_in("otto")
    menu(page, "Connections")
    page.get_by_role("link", name="New connection").first.click()
    page.get_by_role("link", name=re.compile("Salesforce")).click()
    given = there.systems["salesforce"]["settings"]
    page.get_by_label("Name", exact=True).fill("Second CRM")
    page.get_by_label("Address", exact=False).first.fill(given["base_url"])
    page.get_by_label("Consumer key", exact=False).or_(page.get_by_label("Client id", exact=False)).first.fill(
        given["client_id"]
    )
    secret = page.locator("input[type=password]").first
    secret.fill("a wrong one")
    page.get_by_role("button", name="Store the connection").click()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("It doesn't work yet")
    page.get_by_role("link", name="Change settings").click()
    assert "a wrong one" not in page.content()
    page.locator("input[type=password]").first.fill(given["client_secret"])
    page.get_by_role("button", name="Store the settings").click()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("status")).to_contain_text("It works")
    expect(page.get_by_text("Awesome University").first).to_be_visible()
    expect(page.get_by_role("link", name="Contact").first).to_be_visible()


def test_an_editor_makes_a_sync_and_an_operator_switches_it_on(sign_in: SignIn, busy: Stage) -> None:
    page = sign_in("edith")
    menu(page, "Syncs")
    page.get_by_role("link", name="New sync").click()
    page.get_by_label("Name", exact=True).fill("from-preset")
    page.get_by_label("First system", exact=True).select_option("Alumni directory")
    page.get_by_label("Kind of record in the first system").fill("user")
    page.get_by_label("Second system", exact=True).select_option("CRM")
    page.get_by_label("Kind of record in the second system").fill("Contact")
    page.get_by_role("button", name="Next: what to start from").click()
    page.get_by_label("360Alumni and Salesforce", exact=True).check()
    page.get_by_role("button", name="Make this sync").click()
    heading(page, "Field pairs")
    change_a_pair(page)
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_text("Draft 1, saved by edith")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.get_by_role("heading", name="It needs your OK")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("link", name="Approve…")).to_have_count(0)
    address = page.url
    waive_the_check_list(page)
    page = sign_in("otto")
    page.goto(address)
    page.get_by_role("link", name="Approve…").click()
    before = len(busy.records("salesforce", "Contact"))
    # Whether some of it is on hold besides decides how the button goes on.
    page.get_by_role("button", name=re.compile("^Approve – send")).click()  # noqa: RUF001 - as it is written there
    expect(page.locator(".as-badge", has_text=re.compile("^done")).first).to_be_visible(timeout=SLOW)
    page.goto("/admin/mappings/sync/")
    expect(page.get_by_role("row", name=re.compile("from-preset")).get_by_text("live")).to_be_visible()
    assert len(busy.records("salesforce", "Contact")) >= before


def waive_the_check_list(page: Page) -> None:
    page.get_by_role("link", name="from-preset", exact=True).first.click()
    page.get_by_role("link", name="Check list", exact=True).click()
    page.get_by_label("Who can be asked about technical matters").fill("Ada, IT services")
    page.get_by_role("button", name="Answer", exact=True).first.click()
    page.get_by_text("at once").click()
    page.get_by_label("Why none of them needs an answer").fill("A trial with invented people.")
    page.get_by_role("button", name="Waive all").click()
    heading(page, "Nothing is open")


def change_a_pair(page: Page) -> None:
    """Class year goes through by itself; what keeps old values in a field that isn't there no longer does."""
    row = page.locator("tbody[data-row=pair]").filter(has=page.locator("input[value=class_year]"))
    row.get_by_label("Changes to CRM").select_option("automatic")
    for name in MISSING_HERE:
        kept = page.locator(f"input[value={name}]")
        kept.evaluate("field => { field.closest('details').open = true; }")
        kept.fill("")


def test_a_reviewer_decides_one_by_one_and_ten_at_once(sign_in: SignIn, busy: Stage, pictures: Path) -> None:
    page = sign_in("rob")
    menu(page, "Both changed")
    expect(page.get_by_text("14 fields that both changed")).to_be_visible()
    # The README's picture is a copy of this one.
    page.screenshot(path=pictures / "decide.png")
    page.locator("tbody a").first.click()
    page.get_by_label("Comment").first.fill("Rang her up")
    page.get_by_role("button", name="Use Alumni directory's").click()
    expect(page.get_by_text("Decided. Next one.")).to_be_visible()
    page.get_by_text("Neither: another value for both").click()
    page.locator("input[name^='own:']").fill("her.own@example.org")
    page.get_by_role("button", name="Use this value in both").click()
    page.goto("/admin/alumnisync/conflict/")
    expect(page.get_by_text("12 fields that both changed")).to_be_visible()
    for box in page.get_by_role("checkbox", name=re.compile("^Tick (?!all)")).all()[:10]:
        box.check()
    page.get_by_role("button", name="Use CRM's").click()
    expect(page.get_by_role("heading", name=re.compile("10 people"))).to_be_visible()
    page.locator("main form, form").get_by_role("button", name=re.compile("Use CRM's|Yes|10")).last.click()
    page.goto("/admin/alumnisync/conflict/")
    expect(page.get_by_text("2 fields that both changed")).to_be_visible()
    done = busy.sync(SYNC)
    assert done["conflicts"] == 2
    mails = [row["email"] for row in busy.records("alumni360", "user").values()]
    assert "her.own@example.org" in mails
    assert len([mail for mail in mails if mail.endswith(OFFICE)]) == 10


def test_a_reviewer_decides_who_somebody_is(sign_in: SignIn, busy: Stage) -> None:
    page = sign_in("rob")
    page.goto("/admin/alumnisync/match/")
    page.get_by_role("link", name="Robin Ashgrove").first.click()
    page.get_by_role("button", name=re.compile("^Same person as Robin Ashgrove")).first.click()
    expect(page.get_by_text("Decided. Nothing else waits here.")).to_be_visible()
    busy.sync(SYNC)
    named = [row for row in busy.records("salesforce", "Contact").values() if row["LastName"] == "Ashgrove"]
    assert len(named) == 2
    assert len([row for row in named if row.get("Alumni_Id__c")]) == 1


def test_a_reviewer_lets_a_change_through_and_refuses_another(sign_in: SignIn, busy: Stage) -> None:
    page = sign_in("rob")
    page.goto("/admin/alumnisync/review/")
    page.locator("tbody a").first.click()
    page.get_by_role("button", name="Let it through").click()
    expect(page.get_by_text("Decided. Next one.")).to_be_visible()
    page.get_by_role("button", name="Refuse").click()
    busy.sync(SYNC)
    names = [row["LastName"] for row in busy.records("salesforce", "Contact").values()]
    assert names.count("Delacroix") == 1


def test_a_spreadsheet_goes_down_is_edited_and_comes_up(sign_in: SignIn, busy: Stage, tmp_path: Path) -> None:
    page = sign_in("edith")
    page.goto("/admin/mappings/sync/")
    page.get_by_role("link", name=SYNC).first.click()
    page.get_by_role("link", name="Download or upload as a spreadsheet").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Field pairs.*Excel")).first.click()
    path = tmp_path / "pairs.xlsx"
    download.value.save_as(path)
    book = load_workbook(path)
    sheet = book.active
    assert sheet is not None
    heads = [str(cell.value) for cell in sheet[1]]
    rows = {str(row[heads.index("CRM field")].value): row for row in sheet.iter_rows(min_row=2)}
    rows["Phone"][heads.index("To CRM")].value = "review"
    book.save(path)
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Preview the changes").click()
    expect(page.get_by_role("row", name=re.compile("automatic.*review"))).to_be_visible()
    page.get_by_role("button", name="Store in the draft").click()
    expect(page.get_by_text("Draft 2, saved by edith")).to_be_visible()
    expect(page.get_by_text("1 difference from what is in force")).to_be_visible()


def test_a_viewer_sees_everything_and_can_change_nothing(sign_in: SignIn, busy: Stage) -> None:
    page = sign_in("vera")
    for address in (
        "/admin/",
        "/admin/alumnisync/conflict/",
        "/admin/alumnisync/review/",
        "/admin/alumnisync/match/",
        "/admin/alumnisync/syncrun/",
        "/admin/alumnisync/syncrun/1/change/",
        "/admin/alumnisync/changerecord/?waiting=yes",
        "/admin/mappings/sync/",
        "/admin/mappings/sync/1/change/",
        "/admin/mappings/sync/1/spreadsheets/",
        "/admin/connectors/connection/",
        "/admin/connectors/connection/1/change/",
    ):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        # Looking for a name is a POST as well, so that it stands in no address; it changes nothing.
        pressed = page.locator(
            "#main form[method=post]:not([role=search]) button:visible:enabled, #main input[type=submit]:visible"
        )
        assert pressed.all_inner_texts() == [], address


def test_a_run_is_started_by_the_keyboard_alone(sign_in: SignIn, busy: Stage) -> None:
    page = sign_in("otto")
    press_on(page, "Syncs")
    press_on(page, SYNC)
    page.on("dialog", lambda dialog: dialog.accept())
    press_on(page, "Run now")
    page.wait_for_url(re.compile("/syncrun/"))
    expect(page.get_by_text(re.compile("^(done|on hold)")).first).to_be_visible(timeout=SLOW)


def press_on(page: Page, name: str) -> None:
    """Tab until what is called so has the focus, then Enter."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.matches('a, button') ? document.activeElement.innerText : ''")
        if name in [line.strip() for line in focused.splitlines()]:
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
    pytest.fail(f"“{name}” can't be reached by the keyboard.")
