"""Playing histories from a seed, and what was played, for `make torture` to print.

ALUMNISYNC_TORTURE says how many histories each machine plays in the long form.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, currently_in_test_context, note, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.seeded import SEED, figures

HISTORIES = int(os.environ.get("ALUMNISYNC_TORTURE", "20"))
QUICK_SEED = 1
FIGURES: Counter[str] = Counter()
"""What happened in the histories of the test that is under way."""


def play(machine: type[RuleBasedStateMachine], *, histories: int, steps: int, start: int) -> None:
    """Play so many histories of so many steps each, from a seed."""
    profile = settings(
        max_examples=histories,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        print_blob=False,
    )
    FIGURES.clear()
    run_state_machine_as_test(seed(start)(machine), settings=profile)


def play_many(machine: type[RuleBasedStateMachine], record: Callable[[str, object], None]) -> None:
    """The long form; what was played is recorded however it ends."""
    try:
        play(machine, histories=HISTORIES, steps=25, start=SEED)
    finally:
        figures(record, f"{machine.__name__}: {told()}")


def tell(what: str) -> None:
    """Say what happened, where a history that failed is shown."""
    if currently_in_test_context():
        note(what)


def told() -> str:
    """What was played, in one line."""
    return ", ".join(f"{what} {count:,}" for what, count in sorted(FIGURES.items()))
