"""Every field of every model that can hold text is either cleared for an erased person, or holds nothing of anybody."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import models

from alumnisync.privacy.holdings import HOLDINGS
from connectors.encryption import SecretsField
from connectors.packing import PackedField

APPS = ("connectors", "mappings", "alumnisync")
CAN_HOLD_TEXT = (models.CharField, models.TextField, models.JSONField, models.BinaryField, PackedField, SecretsField)

RULES = "what somebody set up, about fields and not about people"
WHO_ACTED = "a colleague's user name"
STATE = "one of a few words"
CLEARED_ELSEWHERE = "cleared by `clearing`, in its own way"
SEALED = "sealed digests"

NOTHING_OF_ANYBODY: dict[str, str] = {
    "connectors.Connection": RULES,
    "connectors.KnownObjectType": "how a system describes its fields",
    "connectors.Cursor": CLEARED_ELSEWHERE,
    "connectors.ErasedRecord": SEALED,
    "connectors.SeenField": "names of fields",
    "connectors.AccessToken": RULES,
    "connectors.ServiceUse": "counts",
    "mappings.Sync": RULES,
    "mappings.MappingVersion": CLEARED_ELSEWHERE,
    "mappings.SyncSide": RULES,
    "mappings.ValueMap": RULES,
    "mappings.FieldMapping": RULES,
    "alumnisync.Progress": STATE,
    "alumnisync.SyncRun": CLEARED_ELSEWHERE,
    "alumnisync.Alarm": "a digest of why a run failed",
    "alumnisync.DriftReport": "counts, and numbers of our own links",
    "alumnisync.CheckAnswer": "about the sync as a whole",
    "alumnisync.Erasure": "what the page asks to be a number",
    "alumnisync.ErasureTask": "names of systems, kinds of record and files",
    "alumnisync.ErasedKey": SEALED,
}
"""Model → why none of its fields has to be cleared row by row."""

PLAIN_FIELDS: dict[str, str] = {
    "connectors.FeedRow.outcome": STATE,
    "connectors.ServiceNote.place": RULES,
    "connectors.ServiceNote.service": RULES,
    "connectors.ReceivedRecord.object_type": RULES,
    "connectors.ReceivedRecord.place": RULES,
    "alumnisync.Link.state": STATE,
    "alumnisync.Link.rule": RULES,
    "alumnisync.Member.side": STATE,
    "alumnisync.Member.state": STATE,
    "alumnisync.MatchKey.side": STATE,
    "alumnisync.MatchKey.rule": RULES,
    "alumnisync.ChangeRecord.kind": STATE,
    "alumnisync.ChangeRecord.side": STATE,
    "alumnisync.ChangeRecord.state": STATE,
    "alumnisync.ChangeRecord.guard": STATE,
    "alumnisync.FieldChange.pair": RULES,
    "alumnisync.FieldChange.unit": RULES,
    "alumnisync.FieldChange.path": RULES,
    "alumnisync.FieldChange.rule": STATE,
    **{
        f"alumnisync.{model}.{name}": why
        for model in ("Conflict", "Review")
        for name, why in (
            ("unit", RULES),
            ("state", STATE),
            ("choice", STATE),
            ("suggestion", STATE),
            ("decided_by", WHO_ACTED),
        )
    },
    "alumnisync.Review.side": STATE,
    "alumnisync.Absence.side": STATE,
    "alumnisync.Absence.kind": STATE,
    "alumnisync.Absence.state": STATE,
    "alumnisync.Absence.choice": STATE,
    "alumnisync.Absence.decided_by": WHO_ACTED,
    "alumnisync.Match.side": STATE,
    "alumnisync.Match.rule": RULES,
    "alumnisync.Match.state": STATE,
    "alumnisync.Match.choice": STATE,
    "alumnisync.Match.decided_by": WHO_ACTED,
}


def text_fields() -> Iterator[tuple[str, str]]:
    """(model, field) of every field that can hold text."""
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, CAN_HOLD_TEXT):
                    yield model._meta.label, f"{model._meta.label}.{field.name}"


def named_in_holdings() -> set[str]:
    return {f"{one.model._meta.label}.{name}" for one in HOLDINGS for name in one.holds}


def test_every_field_that_can_hold_text_is_cleared_or_holds_nothing_of_anybody() -> None:
    unknown = {
        field
        for model, field in text_fields()
        if model not in NOTHING_OF_ANYBODY and field not in PLAIN_FIELDS and field not in named_in_holdings()
    }
    assert not unknown, "Say in privacy.holdings how it is told and cleared, or here why it says nothing of a person."


def test_nothing_is_named_that_is_not_there() -> None:
    found = list(text_fields())
    assert named_in_holdings() | PLAIN_FIELDS.keys() <= {field for _, field in found}
    assert NOTHING_OF_ANYBODY.keys() <= {model for model, _ in found}
    assert not named_in_holdings() & PLAIN_FIELDS.keys()


def test_what_stays_as_a_line_is_blanked_in_each_field_that_holds_something() -> None:
    kept = [one for one in HOLDINGS if one.blanks is not None]
    # A reason is replaced by a sentence, or by one without the system's words.
    left = {f"{one.model.__name__}.{name}" for one in kept for name in one.holds if name not in (one.blanks or {})}
    assert left == {"ChangeRecord.reason", "Match.reason"}
