"""The services that the Connector must find with a receiver.

As its guide for receivers asks: save, create and update prospects and
members, fetch staff, fetch, create and update lead sources. What they look like is for the receiver to say.
"""

from __future__ import annotations

from typing import Any

from connectors.services import Service

PERSON: dict[str, Any] = {
    "external_id": "7c1f0a52-invented",
    "first_name": "Ada",
    "last_name": "Ashgrove",
    "email": "ada.ashgrove@example.org",
    "mobile_phone": "+1 573 555 0100",
    "birth_date": "1984-05-08",
    "address": {"street": "1 Example Road", "city": "Columbia", "state": "MO", "postal_code": "65201", "country": "US"},
}
PROSPECT = {**PERSON, "staff_owner_email": "sam.rowan@example.org", "lead_source_id": "17"}
MEMBER = {**PERSON, "membership": "Annual"}
SOURCE: dict[str, Any] = {"external_id": "9d20-invented", "name": "Open day"}

SAVED = "Answers with our `id`, and with `created`: whether the record is new."
ONCE = "Saving the same `external_id` again changes the record that is there and never makes a second one."
SOURCES, OWNERS = "lead_sources", "staff_owners"

SERVICES = (
    Service(
        "save_prospect",
        "Save a prospect",
        f"Creates a prospect, or changes the one with this `id` or `external_id`. {ONCE} {SAVED}",
        "POST",
        "/clubs/{place}/prospects/save",
        PROSPECT,
        instead=("create_prospect", "update_prospect"),
    ),
    Service(
        "create_prospect",
        "Create a prospect",
        f"Creates a prospect. {ONCE} {SAVED}",
        "POST",
        "/clubs/{place}/prospects",
        PROSPECT,
        instead=("save_prospect",),
    ),
    Service(
        "update_prospect",
        "Update a prospect",
        f"Changes the fields that are sent and leaves all others as they are. {SAVED}",
        "PUT",
        "/clubs/{place}/prospects/{id}",
        {"mobile_phone": "+1 573 555 0199"},
        instead=("save_prospect",),
    ),
    Service(
        "save_member",
        "Save a member",
        "Creates a member, or changes the one with this `id` or `external_id`. A prospect who is saved as a member "
        f"becomes one and stays the same record, with the same `id`. {ONCE} {SAVED}",
        "POST",
        "/clubs/{place}/members/save",
        MEMBER,
        instead=("create_member", "update_member"),
    ),
    Service(
        "create_member",
        "Create a member",
        f"Creates a member; a prospect with this `external_id` becomes one, with the same `id`. {ONCE} {SAVED}",
        "POST",
        "/clubs/{place}/members",
        MEMBER,
        instead=("save_member",),
    ),
    Service(
        "update_member",
        "Update a member",
        "Changes the fields that are sent and leaves all others as they are. A prospect with this `id` becomes a "
        f"member. {SAVED}",
        "PUT",
        "/clubs/{place}/members/{id}",
        {"membership": "Monthly"},
        instead=("save_member",),
    ),
    Service(
        "list_staff",
        "List the staff",
        "Everybody who can be the owner of a prospect, with `id`, `name` and `email`. Owners are named by e-mail.",
        "GET",
        "/clubs/{place}/staff",
        unless=OWNERS,
    ),
    Service(
        "list_lead_sources",
        "List the lead sources",
        "Every lead source, with `id`, `external_id` and `name`.",
        "GET",
        "/clubs/{place}/lead_sources",
        unless=SOURCES,
    ),
    Service(
        "create_lead_source",
        "Create a lead source",
        f"Creates a lead source. {ONCE} {SAVED}",
        "POST",
        "/clubs/{place}/lead_sources",
        SOURCE,
        unless=SOURCES,
    ),
    Service(
        "update_lead_source",
        "Update a lead source",
        f"Changes a lead source. {SAVED}",
        "PUT",
        "/clubs/{place}/lead_sources/{id}",
        {"name": "Open day in spring"},
        unless=SOURCES,
    ),
)
