"""Deliberate breaks of what keeps a promise, each for a test that shows that it would be noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def creates_are_made_again_blindly() -> None:
    """What was being sent when the process died is sent again, without a look at what became of it."""
    from alumnisync.engine import run
    from alumnisync.engine.deliver import Courier
    from alumnisync.models import ChangeRecord

    def send_again(*given: Any) -> int:
        return ChangeRecord.objects.filter(state="sending").update(state="planned")

    vars(run)["recover"] = send_again
    for name in ("await_requests", "recognise_creates", "close_creates", "drop_creates_found"):
        vars(run)[name] = lambda *given, **options: None
    setattr(Courier, "_already_there", lambda courier, orders: [])  # noqa: B010 - a method is not assigned to


def leases_are_never_lost() -> None:
    """A process goes on with a run that another one took over."""
    from alumnisync.engine.lease import Lease

    for name in ("beat", "hold", "check"):
        setattr(Lease, name, lambda lease: None)


def repeating_send() -> Callable[..., Any]:
    """Instead of `Http.send`: writes that create are sent again where their answer was lost, as if they were reads."""
    from connectors.http import Http

    send = Http.send

    def repeat(http: Http, method: str, path: str, **options: Any) -> Any:
        return send(http, method, path, **{**options, "repeatable": True})

    return repeat
