"""A list of people is uploaded, looked at and taken over in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.accessibility import barriers
from tests.browser.conftest import PHONE, WIDE, SignIn

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
PEOPLE = "Person ID;Name;E-mail\n007;Zoë Example;zoe@example.edu\n008;Ann Example;ann@example.edu\n"


@pytest.mark.quick(1)
@pytest.mark.parametrize(("theme", "width"), [("light", WIDE), ("dark", PHONE)])
def test_a_list_is_uploaded_and_used(theme: str, width: int, sign_in: SignIn, pictures: Path, tmp_path: Path) -> None:
    list_ = tmp_path / "list.csv"
    list_.write_text(PEOPLE)
    page = sign_in("otto", theme=theme, width=width)
    page.goto("/admin/connectors/connection/add/spreadsheet/")
    page.get_by_label("Name").fill(f"List {theme}")
    page.get_by_role("button", name="Store the connection").click()
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_label("File", exact=True).set_input_files(list_)
    page.get_by_role("button", name="Upload", exact=True).click()
    # A click that falls between two layouts of a page that still loads reaches no button.
    page.get_by_role("heading", name="The uploaded file begins like this").wait_for()
    page.wait_for_load_state()
    assert page.get_by_role("cell", name="Zoë Example").is_visible()
    assert not barriers(page)
    page.screenshot(path=pictures / f"files-{theme}-{width}.png", full_page=True)
    page.get_by_label("Column that tells whose row it is").select_option("Person ID")
    page.get_by_role("button", name="Use this file from now on").click()
    page.get_by_text("The file is stored and is read by the next run.").wait_for()
    page.wait_for_load_state()
    page.get_by_role("button", name="Check").click()
    assert page.get_by_role("status").is_visible()
