"""The last look before something is sent that changes a system, however long the way there took.

A connector signs in, waits its turn, and tries again after a pause: whoever asked it to write may have lost
the right to meanwhile. Only who sends knows when that is, and only who asked knows the right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None]] = ContextVar("check", default=lambda: None)


@contextmanager
def checked_by(check: Callable[[], None]) -> Iterator[None]:
    """Within it, `check` is called in this thread right before anything but a read is sent; it raises to forbid."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def look() -> None:
    """To be called right before sending. Raises whatever the check of whoever asked for the write raises."""
    _check.get()()
