"""Every system has its page for whoever connects it, with a setup file that loads as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from alumnisync.versions import activate
from connectors.models import Connection
from connectors.registry import connectors
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_setup

PAGES = Path(settings.BASE_DIR) / "docs" / "systems"
SYSTEMS = sorted(name for name in connectors() if name != "memory")
FILE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.django_db
def test_the_page_holds_a_setup_file_that_loads(system: str, tmp_path: Path, settings: object) -> None:
    (text,) = FILE.findall((PAGES / f"{system}.md").read_text())
    environment = {name: f"secret of {name}" for name in re.findall(r"\$\{([A-Z0-9_]+)\}", text)}
    report = load(read_setup(text, environment, known_setup()), activate=activate)
    assert report.is_changed
    assert system in Connection.objects.values_list("system", flat=True)
    assert not load(read_setup(text, environment, known_setup()), activate=activate).is_changed


def test_no_page_is_left_of_a_system_that_is_gone() -> None:
    assert sorted(page.stem for page in PAGES.glob("*.md")) == SYSTEMS
