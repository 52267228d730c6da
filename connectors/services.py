"""Web services that a system calls here: what a turn-up page, the API and its description are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Service:
    """One call that a system may make.

    name     stored with its uses, so never renamed
    label    what people see
    about    what it does and answers, for whoever programs the caller
    method, path   how it is called; the path begins after the system's part of the address and holds {place}
    example  a body of an invented person; empty where the call has none
    unless   the setting that says, unticked, that this account does without it; "" where it is always needed
    instead  services that make it unnecessary once all of them are used
    """

    name: str
    label: str
    about: str
    method: Literal["GET", "POST", "PUT"]
    path: str
    example: Mapping[str, Any] = field(default_factory=dict)
    unless: str = ""
    instead: tuple[str, ...] = ()
