"""How log lines are written: where something went wrong, and never the text of an exception, which may hold data."""

from __future__ import annotations

import logging
from traceback import format_tb
from types import TracebackType

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Formatter(logging.Formatter):
    """Says of an exception its kind and where it came from."""

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - the library's own name
        kind, _, trace = ei
        return "".join([*format_tb(trace), kind.__name__ if kind else ""])
