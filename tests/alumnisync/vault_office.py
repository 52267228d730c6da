"""The Vault and a CRM over HTTP, two syncs as the documents recommend them: people are linked, gifts written once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from alumnisync.engine.report import summary
from alumnisync.engine.run import finish_approved, run_sync
from alumnisync.models import ChangeRecord, Link, Member, Review, SyncRun
from alumnisync.review import approve
from connectors.sandbox.salesforce import Salesforce
from connectors.sandbox.salesforce.rows import Rows
from connectors.sandbox.salesforce.schema import SField, SObject
from connectors.sandbox.server import start
from connectors.sandbox.stand_in import Row, StandIn
from mappings.models import Sync
from mappings.presets.reading import presets_for
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_document
from mappings.versions import activate

PEOPLE, GIFTS = "people-sync", "gifts"
ADDED = ("name.first", "name.last", "emails[personal].address")
GIFT = (
    SField("Vault_Id__c", "Vault ID", length=64, unique=True, id_lookup=True),
    SField("Amount__c", "Amount", "double"),
    SField("Contact__c", "Contact", "reference", 18, relation="Contact__r", refers_to="Contact"),
    SField("Date__c", "Date", "date"),
    SField("Fund__c", "Fund", length=80),
)
OPPORTUNITY = (
    SField("Vault_Id__c", "Vault ID", length=64, unique=True, id_lookup=True),
    SField("Name", "Name", length=120),
    SField("StageName", "Stage", length=40),
    SField("CloseDate", "Close date", "date"),
    SField("Amount", "Amount", "double"),
    SField("ContactId", "Contact", "reference", 18, relation="Contact", refers_to="Contact"),
    SField("Fund__c", "Fund", length=80),
    SField("Payment_Method__c", "Payment method", length=80),
)
GIFT_PAIRS: list[dict[str, Any]] = [
    {"left": "value", "right": "Amount__c", "kind": "money", "currency": "USD", "currency_field": "currency"},
    {"left": "person", "right": "Contact__c", "kind": "reference", "through": PEOPLE},
    {"left": "transDate", "right": "Date__c", "kind": "date"},
    {"left": "contentID", "right": "Fund__c"},
]


class VaultOffice:
    """An institution that keeps its gifts in Gift__c.

    adds_people  whether contacts that the Vault doesn't have are added there
    """

    def __init__(self, vault: StandIn, crm: Salesforce, *, adds_people: bool = False, **gift_side: Any) -> None:
        self.vault, self.crm = vault, crm
        self._offer("Gift__c", "a01", GIFT)
        document = {"connections": self._connections(), "syncs": [_people(adds_people), _gifts(gift_side)]}
        load(read_document(document, lambda place: 1, known_setup()), activate=activate)

    def _offer(self, name: str, prefix: str, fields: tuple[SField, ...]) -> None:
        """Have a kind of record in the CRM. Ids and time stamps are as everywhere there."""
        crm = self.crm
        crm.records[name] = {}
        stamps = (field for field in crm.rows["Account"].kind.fields.values() if not field.writable)
        kind = SObject(name, name, prefix, {field.name.lower(): field for field in (*stamps, *fields)})
        crm.rows[name] = Rows(kind, crm.records[name], lambda: crm.clock())

    def gifts_by_preset(self, pairs: dict[str, list[list[str]]]) -> None:
        """Another sync of gifts, by the rules that come with the program. pairs: value map → its drop-down pairs."""
        self._offer("Opportunity", "006", OPPORTUNITY)
        (preset,) = presets_for("alumni_spaces", "transaction", "salesforce", "Opportunity")
        rules = preset.rules
        fields = [{**pair, "through": PEOPLE} if "through" in pair else pair for pair in rules["fields"]]
        sync = {
            "name": "opportunities",
            "left": {"connection": "Vault", "object": "transaction", **rules["sides"]["left"]},
            "right": {"connection": "CRM", "object": "Opportunity", **rules["sides"]["right"], "create": "automatic"},
            "fields": fields,
        }
        maps = [{**each, "pairs": pairs[each["name"]]} for each in rules["value_maps"]]
        load(read_document({"syncs": [sync], "value_maps": maps}, lambda place: 1, known_setup()), activate=activate)

    def _connections(self) -> list[dict[str, Any]]:
        usual = {"requests_per_second": 2000, "concurrency": 2, "timeout": 3}
        both = {"Vault": self.vault, "CRM": self.crm}
        return [
            {"name": name, "system": there.system, "settings": {**there.settings, **usual}}
            for name, there in both.items()
        ]

    def person(self, first: str = "Tyrion", last: str = "Lannister", **more: Any) -> str:
        """A Person record, as each transaction makes a new one."""
        email = more.pop("email", f"{first}.{last}@example.org".lower())
        given = {"name": {"first": first, "last": last}, "emails": [{"label": "personal", "address": email}]}
        return self.vault.create("person", {**given, **more})

    def give(self, person: str, value: str = "25.10", **more: Any) -> str:
        given = {"value": Decimal(value), "currency": "USD", "person": person, "status": "settled"}
        about = {"transDate": "2026-03-05T19:07:02.000Z", "contentID": "bigstate_1_2", "asSiteID": "bigstate_1"}
        return self.vault.create("transaction", {**given, **about, **more})

    def run(self, name: str) -> dict[str, Any]:
        """One run, let through where it is held."""
        done = run_sync(Sync.objects.get(name=name))
        if done.state == SyncRun.State.HELD:
            approved = approve(done, by="pat")
            assert isinstance(approved, SyncRun)
            done = finish_approved(approved)
        return summary(done)

    def run_both(self) -> dict[str, Any]:
        self.run(PEOPLE)
        return self.run(GIFTS)

    def contacts(self) -> list[Row]:
        return list(self.crm.records["Contact"].values())

    def gifts(self) -> list[Row]:
        return list(self.crm.records["Gift__c"].values())

    def written(self) -> list[int]:
        """Everything that either system was made to create or update, by its own count."""
        return [there.counts[what] for there in (self.vault, self.crm) for what in ("creates", "updates", "unchanged")]

    def is_at_rest(self) -> bool:
        """Whether another run of both syncs writes nothing and asks nothing."""
        before, asked = self.written(), Review.objects.count()
        done = [self.run(name) for name in (PEOPLE, GIFTS)]
        return self.written() == before and Review.objects.count() == asked and {d["state"] for d in done} == {"done"}

    def people_of(self, contact: Row) -> set[str]:
        """The Person records that are linked with a contact."""
        link = Link.objects.get(sync__name=PEOPLE, members__record__remote_id=contact["Id"])
        return set(Member.objects.filter(link=link, side="left").values_list("record__remote_id", flat=True))

    def waiting(self, sync: str = GIFTS) -> list[str]:
        """Why gifts wait, in words."""
        aside = ChangeRecord.objects.filter(run__sync__name=sync, state=ChangeRecord.State.SET_ASIDE)
        return list(aside.order_by("pk").values_list("reason", flat=True))

    def asked(self) -> list[Review]:
        return list(Review.objects.filter(link__sync__name=GIFTS, state="open"))

    def totals(self) -> dict[str, dict[str, Any]]:
        """What the last run of the gifts compared, by status."""
        kept = SyncRun.objects.filter(sync__name=GIFTS).latest("pk").counts["reconciliation"]
        assert kept["problem"] == ""
        return {line["value"]: line for line in kept["lines"] if line["by"] == "status"}


@contextmanager
def office(**options: Any) -> Iterator[VaultOffice]:
    with start("alumni_spaces", people=0) as vault, start("salesforce", people=0) as crm:
        assert isinstance(crm, Salesforce)
        yield VaultOffice(vault, crm, **options)


def _people(adds_people: bool) -> dict[str, Any]:
    """The rules that come with the program, but for the review of each new person."""
    (preset,) = presets_for("alumni_spaces", "person", "salesforce", "Contact")
    left = {"connection": "Vault", "object": "person", **preset.rules["sides"]["left"]}
    fields = preset.rules["fields"]
    if adds_people:
        left |= {"create": "automatic", "key_field": "externalIDs[ourCRM].value"}
        fields = [{**pair, "to_left": "fill"} for pair in fields if pair["left"] in ADDED]
    return {
        "name": PEOPLE,
        "left": left,
        "right": {"connection": "CRM", "object": "Contact", "key_field": "Alumni_Id__c", "create": "automatic"},
        "match": preset.rules["match"],
        "fields": fields,
    }


def _gifts(gift_side: dict[str, Any]) -> dict[str, Any]:
    right = {"key_field": "Vault_Id__c", "create": "automatic", "write_once": True, **gift_side}
    return {
        "name": GIFTS,
        "left": {"connection": "Vault", "object": "transaction", "scope": "record['status'] == 'settled'"},
        "right": {"connection": "CRM", "object": "Gift__c", **right},
        "fields": [{**pair, "to_left": "off"} for pair in GIFT_PAIRS],
    }
