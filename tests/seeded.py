"""The seed of the tests that draw what happens, and the figures that they print at the end.

ALUMNISYNC_SEED=7 make torture
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

SEED = int(os.environ.get("ALUMNISYNC_SEED") or 1)
FIGURES = "figures"
"""The name under which a test records a line of its figures."""


def figures(record_property: Callable[[str, Any], None], line: str) -> None:
    """Have this line printed once all tests are over, with the seed."""
    record_property(FIGURES, f"seed {SEED}: {line}")


def figures_of(reports: list[Any]) -> list[str]:
    """The lines that these reports of tests carry."""
    return [str(value) for report in reports for name, value in report.user_properties if name == FIGURES]
