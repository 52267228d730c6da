"""The contract every system's connector keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from connectors.http import LONGEST_CALL
from connectors.records import Identity, NeedsAttention, ObjectType, Outcome, Page, Record, Write


class SecretField(forms.CharField):
    """A setting that is encrypted at rest and never shown again."""

    widget = forms.PasswordInput


def known_time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(f"“{value}” is not a time zone. Write it like America/New_York.")


class ConnectorSettings(forms.Form):
    """Settings that every connector takes; a connector's own form inherits from this one."""

    time_zone = forms.CharField(
        required=False, initial="UTC", validators=[known_time_zone], help_text="Where the system's clock stands."
    )
    requests_per_second = forms.FloatField(required=False, initial=5, min_value=0.1)
    concurrency = forms.IntegerField(required=False, initial=4, min_value=1, max_value=32)
    timeout = forms.FloatField(
        required=False, initial=30, min_value=0.05, max_value=LONGEST_CALL, help_text="Seconds to wait for an answer."
    )
    keep_fields = forms.JSONField(
        required=False, initial=list, help_text="Fields to keep besides those that field pairs ask for."
    )


class _Settings(dict[str, Any]):
    """Settings whose repr, which ends up in debuggers and error reports, shows no value: some are secret."""

    def __repr__(self) -> str:
        return f"<settings {', '.join(self)}>"


class Connector(ABC):
    """One kind of system. A new one is one subclass in one file under `connectors/systems/`.

    An instance speaks to one account. `settings` are the cleaned values of `Settings`, secrets included.
    Every method may raise the errors of `connectors.records`; none of them puts a secret into a text.
    """

    name: ClassVar[str]
    """Stored, so never renamed."""
    label: ClassVar[str]
    """What people see."""
    Settings: ClassVar[type[ConnectorSettings]] = ConnectorSettings
    batch_size: ClassVar[int] = 1
    """How many writes one call takes."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings: Mapping[str, Any] = _Settings(settings)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @classmethod
    def page_of(cls, settings: Mapping[str, Any], object_type: str, record_id: str) -> str:
        """Where a person can open a record in a browser; "" where that is not known.

        settings: the connection's, without its secrets
        """
        return ""

    @property
    def concurrency(self) -> int:
        """How many calls may be under way at once."""
        return int(self.settings["concurrency"])

    @abstractmethod
    def check(self) -> Identity:
        """Who and where we are. Raises NeedsAttention with what to do when we can't get in."""

    @abstractmethod
    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """The kinds of record there, their fields, and what can be done with each.

        object_types: only these, where describing costs a call each; empty: all that a sync may want.
        """

    @abstractmethod
    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """What changed since `cursor` (None: everything). May repeat, never miss.

        fields: paths such as "email" or "addresses[Home].city"; bring at least their top-level fields.
        narrow: a filter in the system's own language, or "".
        The pages are bounded in bytes; each page's cursor is valid once its records are stored.
        """

    @abstractmethod
    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        """The records as they are now, in any order; those that are no longer there are left out."""

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        """Records whose `field` equals one of `values`, with at least that field, where the system can."""
        raise NeedsAttention(f"{self.label} can't look up {object_type} records by {field}.")

    @abstractmethod
    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        """Creates and updates, at most `batch_size` of them, in order: one outcome each.

        A failure of one record is its outcome's error; an exception means that none of the writes whose
        outcome was not yet yielded is known to have happened.
        """

    def acknowledge(self, object_type: str, change_ids: Sequence[str]) -> None:  # noqa: B027 - few have a feed
        """Tell a feed that these rows are handled. Systems without a feed have nothing to do."""

    def close(self) -> None:  # noqa: B027 - some hold nothing open
        """Give back what the instance holds open."""
