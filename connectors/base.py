"""The contract every system's connector keeps."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from connectors.http import LONGEST_CALL
from connectors.peers import host_of, refuse_address
from connectors.records import Identity, NeedsAttention, ObjectType, Outcome, Page, Record, Total, Write
from connectors.services import Service


class SecretField(forms.CharField):
    """A setting that is encrypted at rest and never shown again."""

    widget = forms.PasswordInput


def usable_address(value: str) -> None:
    try:
        host = host_of(value)
        # Of a name it shows only once it is connected to, where it leads.
        with suppress(ValueError):
            refuse_address(host, host)
    except NeedsAttention as error:
        raise ValidationError(error.message) from None


class AddressField(forms.CharField):
    """Where a system is found: an address that connections may point to, as far as it can be seen from here."""

    default_validators = [usable_address]


class NamesField(forms.CharField):
    """A list of names: typed with commas or lines between them, or a list already."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.lstrip().startswith("["):
            with suppress(ValueError):
                value = json.loads(value)
        if isinstance(value, str) and not value.lstrip().startswith("["):
            value = value.replace("\n", ",").split(",")
        if not isinstance(value or [], list) or not all(isinstance(name, str) for name in value or []):
            raise ValidationError("Write names with commas between them: nickname, maiden_name")
        return [name.strip() for name in value or [] if name.strip()]

    def run_validators(self, value: Any) -> None:
        for name in value:
            super().run_validators(name)


def known_time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(f"“{value}” is not a time zone. Write it like America/New_York.")


class ConnectorSettings(forms.Form):
    """Settings that every connector takes; a connector's own form inherits from this one.

    groups: a field auth_type of the group "auth" stands in a setup file as auth: {type: …}
    """

    groups: ClassVar[tuple[str, ...]] = ()

    time_zone = forms.CharField(
        label="Time zone",
        required=False,
        initial="UTC",
        validators=[known_time_zone],
        help_text="Where the system's clock stands, like America/New_York. It matters where its times don't say.",
    )
    requests_per_second = forms.FloatField(
        label="Calls a second, at most",
        required=False,
        initial=5,
        min_value=0.1,
        help_text="Fewer where the vendor limits calls; the vendor's documents or support say how many are allowed.",
    )
    concurrency = forms.IntegerField(
        label="Calls at the same time, at most", required=False, initial=4, min_value=1, max_value=32
    )
    timeout = forms.FloatField(
        label="Seconds to wait for an answer", required=False, initial=30, min_value=0.05, max_value=LONGEST_CALL
    )
    keep_fields = NamesField(
        label="Fields to keep besides those in field pairs",
        required=False,
        initial=list,
        help_text="Their names there, with commas between them. Usually none: what a field pair uses is kept anyway.",
    )


class _Settings(dict[str, Any]):
    """Settings whose repr, which ends up in debuggers and error reports, shows no value: some are secret."""

    def __repr__(self) -> str:
        return f"<settings {', '.join(self)}>"


@dataclass(frozen=True)
class FileLook:
    """The beginning of a file that somebody uploaded: its columns, a few rows, and which column is the key so far."""

    columns: list[str]
    rows: list[list[str]] = field(repr=False)
    key: str = ""


class Connector(ABC):
    """One kind of system. A new one is one subclass in one file under `connectors/systems/`.

    An instance speaks to one account. `settings` are the cleaned values of `Settings`, secrets included.
    Every method may raise the errors of `connectors.records`; none of them puts a secret into a text.
    """

    name: ClassVar[str]
    """Stored, so never renamed."""
    label: ClassVar[str]
    """What people see."""
    about: ClassVar[str] = ""
    """One sentence for whoever chooses a system: what it is, and what is kept in step with it."""
    ask_for: ClassVar[tuple[str, ...]] = ()
    """What to ask the system's administrator or vendor for, before the settings can be filled in."""
    renewal: ClassVar[str] = ""
    """What the button says that exchanges the key for a new one (`renew`); "" where the system can't."""
    file_kinds: ClassVar[tuple[str, ...]] = ()
    """How the names of files end that can be uploaded for it in the browser; empty: it reads no files."""
    Settings: ClassVar[type[ConnectorSettings]] = ConnectorSettings
    batch_size: ClassVar[int] = 1
    """How many writes one call takes."""
    services: ClassVar[tuple[Service, ...]] = ()
    """The web services that the system calls here. Their `router` stands in the module `views` beside the class."""
    place_word: ClassVar[str] = ""
    """What a part of an account that calls us is called: "Club"."""
    staff_type: ClassVar[str] = ""
    """The kind of record that is a list of staff (name, email) to be typed by hand as well; "" where there is none."""
    connection_id: int | None = None
    """The stored connection that it was opened from; what a system sends us is kept by it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings: Mapping[str, Any] = _Settings(settings)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @classmethod
    def is_offered(cls) -> bool:
        """Whether this installation lets somebody make a connection to it."""
        return True

    @classmethod
    def page_of(cls, settings: Mapping[str, Any], object_type: str, record_id: str) -> str:
        """Where a person can open a record in a browser; "" where that is not known.

        settings: the connection's, without its secrets
        """
        return ""

    @classmethod
    def look_into(cls, path: Path, settings: Mapping[str, Any]) -> FileLook:
        """The beginning of a file of `file_kinds`. Raises NeedsAttention where it can't be read."""
        raise NeedsAttention(f"{cls.label} reads no files.")

    @classmethod
    def with_file(cls, settings: Mapping[str, Any], folder: str, column: str) -> dict[str, Any]:
        """The settings that read the one file in a folder, with this column as its key."""
        raise NeedsAttention(f"{cls.label} reads no files.")

    @classmethod
    def reads_from(cls, settings: Mapping[str, Any]) -> str:
        """Which path in the folder for files it reads by these settings; "" where none."""
        return ""

    @classmethod
    def files_written(cls, settings: Mapping[str, Any]) -> list[Path]:
        """The files that it wrote for people to take in, the newest first."""
        return []

    @classmethod
    def places(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The parts of an account (clubs, campuses) that call our services, each with a token of its own."""
        return ()

    @property
    def may_look(self) -> bool:
        """Whether a page of records can be read just to see that it works: not where reading uses them up."""
        return True

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
        """Tell a feed that these rows are handled; saying so twice is harmless.

        Systems without a feed have nothing to do.
        """

    def totals(self, object_type: str, by: str, of: str) -> Mapping[str, Total]:
        """Value of the field `by` → how many records have it and the sum of their `of`, as the system itself says.

        Only for the fields that `ObjectType.totals` names.
        """
        raise NeedsAttention(f"{self.label} does not add up {object_type} records by {by}.")

    def renew(self) -> Mapping[str, str]:
        """Exchange the key for a new one: the secret settings that changed. Only where `renewal` names a button.

        The new ones may be the only ones that work from now on: whoever calls keeps them before anything else.
        """
        raise NeedsAttention(f"{self.label} can't renew its key from here. Enter a new one in the settings.")

    def close(self) -> None:  # noqa: B027 - some hold nothing open
        """Give back what the instance holds open."""
