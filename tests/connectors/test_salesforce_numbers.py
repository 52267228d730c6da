"""Numbers go to Salesforce as numbers: it refuses a text in a field for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from connectors.records import Rejected, Write
from connectors.sandbox.salesforce import Salesforce as StandInSalesforce
from connectors.sandbox.server import start
from tests.connectors.salesforce import contacts, open_to, write


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture
def there() -> Iterator[StandInSalesforce]:
    with start("salesforce", people=0) as there:
        yield cast(StandInSalesforce, there)


@pytest.mark.parametrize(("text", "held"), [("25.10", 25.1), ("-0.30", -0.3), ("1250", 1250), ("0", 0)])
def test_an_amount_written_as_text_arrives_as_that_number(there: StandInSalesforce, text: str, held: float) -> None:
    (id,) = contacts(there, 1)
    (outcome,) = write(open_to(there), Write(id, {"Gifts_Total__c": text, "MailingPostalCode": "65401"}))
    assert outcome.error is None
    row = there.records["Contact"][id]
    assert (row["Gifts_Total__c"], row["MailingPostalCode"]) == (held, "65401")


@pytest.mark.parametrize("text", ["100000000000000000.01", "many", "1,250"])
def test_what_is_no_number_or_would_be_rounded_is_refused(there: StandInSalesforce, text: str) -> None:
    (id,) = contacts(there, 1)
    (outcome,) = write(open_to(there), Write(id, {"Gifts_Total__c": text}))
    assert isinstance(outcome.error, Rejected)
    assert there.records["Contact"][id]["Gifts_Total__c"] is None


def test_a_blank_stays_a_blank(there: StandInSalesforce) -> None:
    (id,) = contacts(there, 1, Gifts_Total__c=5.0)
    write(open_to(there), Write(id, {"Gifts_Total__c": None, "Class_Year__c": "1984"}))
    assert there.records["Contact"][id]["Gifts_Total__c"] is None
    assert there.records["Contact"][id]["Class_Year__c"] == "1984"
