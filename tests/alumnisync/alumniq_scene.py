"""AlumnIQ's feed of work changes and a CRM, both stand-ins over HTTP, with a sync set up as an office would."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from django.core.management import call_command

from alumnisync.engine.report import summary
from alumnisync.engine.run import finish_approved, run_sync
from alumnisync.models import SyncRun
from alumnisync.review import approve
from connectors.sandbox.alumniq import AlumnIQ
from connectors.sandbox.server import StandIn, start
from mappings.models import Sync
from tests.alumnisync.feed_scene import GENEROUS
from tests.alumnisync.scene import Scene

WORK, CONTACT, NAME = "address-change/work", "Contact", "work-changes"
KEY = "Alumni_Id__c"
FIELDS = {"employer": "Description", "title": "Title", "workphone": "Phone"}


class AlumniqScene(Scene):
    """Left the feed, right the CRM, whose contacts hold the ids by which the feed names people."""

    def __init__(self, *, repeats: bool = False, **settings: Any) -> None:
        self.settings = {"requests_per_second": 2000, "concurrency": 2, "timeout": 3}
        self.feed_settings = settings
        feed = start("alumniq", people=0, repeats=repeats)
        assert isinstance(feed, AlumnIQ)
        self.left = self.feed = feed
        self.right = start("salesforce", people=0)

    def setup(self) -> dict[str, Any]:
        return {
            "connections": [self._connection(name, there) for name, there in self.both().items()],
            "syncs": [self.feed_sync()],
        }

    def feed_sync(self) -> dict[str, Any]:
        return {
            "name": NAME,
            "left": {"connection": "alumniq", "object": WORK, "create": "off"},
            "right": {"connection": "salesforce", "object": CONTACT, "key_field": KEY, "create": "off"},
            "match": [["workemail", "Email"]],
            "guards": GENEROUS,
            "fields": [
                {"left": "employer", "right": "Description", "to_left": "off"},
                {"left": "title", "right": "Title", "to_left": "off"},
                {"left": "workphone", "right": "Phone", "kind": "phone", "to_left": "off"},
            ],
        }

    def load(self, folder: Path) -> None:
        """Set up, and the first run, of nobody, let through."""
        file = folder / "setup.yaml"
        file.write_text(yaml.safe_dump(self.setup()))
        call_command("load_setup", str(file), stdout=StringIO(), stderr=StringIO())

    def run(self, name: str = NAME, *, preview: bool = False) -> dict[str, Any]:
        """A run, let through where it is held; what `sync --json` tells of it."""
        run = run_sync(Sync.objects.get(name=name), preview=preview)
        if run.state == SyncRun.State.HELD:
            approved = approve(run, by="pat")
            assert isinstance(approved, SyncRun)
            run = finish_approved(approved)
        return summary(run)

    def hire(self, xid: str | None, **values: Any) -> str:
        """A contact; its id."""
        number = len(self.right.ids(CONTACT))
        return self.right.create(CONTACT, {"FirstName": "First", "LastName": f"Last{number}", KEY: xid, **values})

    def told(self, xid: str, change_id: int = 0, /, *, days_ago: int = 0, **values: Any) -> str:
        """A row of the feed; its change id."""
        named = {"changeId": change_id} if change_id else {}
        moment = self.feed.clock() - timedelta(days=days_ago)
        return self.feed.create(WORK, {"xid": xid, **named, **values, "changedOn": moment})

    def held(self, contact: str) -> dict[str, Any]:
        """What the CRM says, by the feed's names."""
        row = self.right.records[CONTACT][contact]
        return {name: row[there] for name, there in FIELDS.items()}

    def puts(self) -> int:
        """How often the feed was told that something is handled."""
        return [line.method for line in self.feed.log].count("PUT")

    def updates(self) -> int:
        return self.right.counts["updates"] + self.right.counts["unchanged"] + self.right.counts["creates"]

    def _connection(self, name: str, there: StandIn) -> dict[str, Any]:
        made = super()._connection(name, there)
        if there is self.feed:
            made["settings"].update(self.feed_settings)
        return made
