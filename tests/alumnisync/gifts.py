"""Two systems in memory with people and gifts: one sync links the people, another writes the gifts down once."""

from __future__ import annotations

from typing import Any

from alumnisync.engine.report import summary
from alumnisync.engine.run import finish_approved, run_sync
from alumnisync.models import ChangeRecord, Review, SyncRun
from alumnisync.review import approve
from connectors.models import Connection
from connectors.records import Field, ObjectType
from connectors.systems.memory import Store
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_document
from mappings.versions import activate
from tests.factories import connect

PERSON = ObjectType("person", "People", tuple(map(Field, ("name", "email"))), findable=None, batch_read=200)
TRANSACTION = ObjectType(
    "transaction",
    "Transactions",
    tuple(map(Field, ("value", "currency", "person", "status", "fund"))),
    findable=None,
    batch_read=200,
    totals=frozenset({"status", "fund"}),
)
GIFT = ObjectType(
    "gift", "Gifts", tuple(map(Field, ("source_id", "amount", "donor", "fund"))), findable=None, batch_read=200
)
FIELDS: list[dict[str, Any]] = [
    {"left": "value", "right": "amount", "kind": "money", "currency": "USD", "currency_field": "currency",
     "to_left": "off"},
    {"left": "person", "right": "donor", "kind": "reference", "through": "people", "to_left": "off"},
    {"left": "fund", "right": "fund", "kind": "choice", "value_map": "funds", "to_left": "off"},
]  # fmt: skip
FUNDS = {"name": "funds", "pairs": [["LAB", "Lab fund"], ["ART", "Art fund"]]}


class Office:
    """The institution's two systems and its two syncs."""

    def __init__(self, scope: str = "record['status'] == 'settled'", **gift_side: Any) -> None:
        self.vault = Store(PERSON, TRANSACTION)
        self.crm = Store(PERSON, GIFT)
        self.connections: dict[str, Connection] = {}
        for name, store in (("Vault", self.vault), ("CRM", self.crm)):
            self.connections[name] = connect(store, name)
        self.load(scope, **gift_side)

    def load(self, scope: str = "record['status'] == 'settled'", **gift_side: Any) -> None:
        """These rules, by the setup file's reader; CRM is on the left of the people and on the right of the gifts."""
        people = {
            "name": "people",
            "left": {"connection": "CRM", "object": "person"},
            "right": {"connection": "Vault", "object": "person", "several": True},
            "match": [["email", "email"]],
            "fields": [{"left": "name", "right": "name"}, {"left": "email", "right": "email", "kind": "email"}],
        }
        right = {"key_field": "source_id", "create": "automatic", "write_once": True, **gift_side}
        gifts = {
            "name": "gifts",
            "left": {"connection": "Vault", "object": "transaction", "scope": scope},
            "right": {"connection": "CRM", "object": "gift", **right},
            "fields": FIELDS,
        }
        document = {"syncs": [people, gifts], "value_maps": [FUNDS]}
        load(read_document(document, lambda place: 1, known_setup()), activate=activate)

    def person(self, name: str, *, linked: bool = True) -> tuple[str, str]:
        """Somebody in both systems: ids in the Vault and in the CRM."""
        values = {"name": name, "email": f"{name.lower()}@example.org"}
        there = self.vault.put("person", values)
        here = self.crm.put("person", {**values, **({} if linked else {"email": ""})})
        return there, here

    def give(self, person: str, value: str = "25.00", **more: Any) -> str:
        """A transaction in the Vault."""
        given = {"value": value, "currency": "USD", "person": person, "status": "settled", "fund": "LAB"}
        return self.vault.put("transaction", {**given, **more})

    def run(self, name: str = "gifts", *, preview: bool = False) -> dict[str, Any]:
        """One run that is let through where it is held."""
        done = run_sync(sync_named(name), preview=preview)
        if done.state == SyncRun.State.HELD:
            approved = approve(done, by="pat")
            assert isinstance(approved, SyncRun)
            done = finish_approved(approved)
        return summary(done)

    def run_both(self) -> dict[str, Any]:
        self.run("people")
        return self.run()

    def gifts(self) -> list[dict[str, Any]]:
        """What the CRM holds."""
        return [row.values for row in self.crm.live("gift").values()]

    def waiting(self) -> list[str]:
        """Why gifts wait, in words."""
        aside = ChangeRecord.objects.filter(run__sync__name="gifts", state=ChangeRecord.State.SET_ASIDE)
        return list(aside.order_by("pk").values_list("reason", flat=True))

    def asked(self) -> list[Review]:
        return list(Review.objects.filter(link__sync__name="gifts", state="open"))


def sync_named(name: str) -> Any:
    from mappings.models import Sync

    return Sync.objects.get(name=name)
