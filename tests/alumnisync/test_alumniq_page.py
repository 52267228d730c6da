"""The setup file that AlumnIQ's page shows loads, and a run by it is not refused."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command

from alumnisync.describing import foreseen
from connectors.records import Field, ObjectType
from connectors.sandbox.alumniq import AlumnIQ
from connectors.sandbox.server import start
from connectors.systems.alumniq import Alumniq
from mappings.models import FieldMapping, SyncSide
from mappings.rules import Side
from mappings.setup.contents import contents_of
from tests.connectors.alumniq import WORK, open_to

pytestmark = pytest.mark.django_db

PAGE = Path(settings.BASE_DIR) / "docs/systems/alumniq.md"
SECRETS = ("ALUMNIQ_KEY", "SF_ID", "SF_SECRET")


@pytest.fixture
def block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in SECRETS:
        monkeypatch.setenv(name, "invented")
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(SECRETS)
    file = tmp_path / "setup.yaml"
    file.write_text(text)
    return file


def test_the_setup_file_fits_a_feed_and_a_crm_that_has_its_fields(block: Path) -> None:
    call_command("load_setup", str(block), stdout=StringIO(), stderr=StringIO())
    with start("alumniq", people=3) as there:
        assert isinstance(there, AlumnIQ)
        (feed,) = open_to(there, Alumniq).describe([WORK])
    right = SyncSide.objects.get(side="right")
    names = {right.key_field, "Email", *FieldMapping.objects.values_list("right", flat=True)}
    contact = ObjectType("Contact", "Contact", tuple(Field(name) for name in sorted(names)), findable=None)
    assert foreseen(contents_of(right.version), {Side.LEFT: feed, Side.RIGHT: contact}) == []


def test_every_change_to_the_crm_waits_for_review() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (sync,) = yaml.safe_load(text)["syncs"]
    assert {(pair["to_right"], pair["to_left"]) for pair in sync["fields"]} == {("review", "off")}
