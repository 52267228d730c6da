"""How far a connection's turn-up is: which services each place has used, and which it still has to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from connectors.base import Connector
from connectors.models import AccessToken, Connection, ServiceUse
from connectors.services import Service


@dataclass(frozen=True, slots=True)
class ServiceStanding:
    """state: used, not needed since others are used instead, left out by a setting, or still waited for."""

    service: Service
    state: Literal["used", "instead", "left_out", "waited_for"]
    use: ServiceUse | None


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    place: str
    services: tuple[ServiceStanding, ...]
    tokens: tuple[AccessToken, ...]

    @property
    def waited_for(self) -> int:
        return sum(1 for one in self.services if one.state == "waited_for")


def standings(kind: type[Connector], connection: Connection) -> list[PlaceStanding]:
    """Every place that the settings name, in their order."""
    uses = {(use.place, use.service): use for use in connection.service_uses.all()}
    tokens = list(connection.access_tokens.all())
    return [
        PlaceStanding(
            place,
            _services(kind, connection, {name: use for (at, name), use in uses.items() if at == place}),
            tuple(token for token in tokens if token.place == place),
        )
        for place in kind.places(connection.settings)
    ]


def _services(
    kind: type[Connector], connection: Connection, uses: Mapping[str, ServiceUse]
) -> tuple[ServiceStanding, ...]:
    done = {name for name, use in uses.items() if use.first_done_at}
    return tuple(
        ServiceStanding(service, _state(service, connection, done), uses.get(service.name)) for service in kind.services
    )


def _state(
    service: Service, connection: Connection, done: set[str]
) -> Literal["used", "instead", "left_out", "waited_for"]:
    if service.name in done:
        return "used"
    if service.unless and not connection.settings.get(service.unless, True):
        return "left_out"
    return "instead" if service.instead and set(service.instead) <= done else "waited_for"
