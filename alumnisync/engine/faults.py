"""Bugs: logged without the text of the exception, which may hold people's data, and named by a reference."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from traceback import extract_tb, format_tb

logger = logging.getLogger(__name__)

FAULTS_IN_A_ROW = 5
# To the last quotation mark: a system may use them too.
SAYS = re.compile(r"says: “.*”", re.DOTALL)
FAULT = "Something unexpected went wrong. Tell whoever looks after AlumniSync: reference {}."


class FaultyRun(Exception):
    """So many bugs in a row that nothing more is sent. The text is for people."""


def report(error: Exception, doing: str) -> str:
    """Log a bug; a sentence for people with its reference. doing: for the log, such as "while sending"."""
    return FAULT.format(reference_of(error, doing))


@contextmanager
def told_without_data(doing: str) -> Iterator[None]:
    """Whoever keeps what is raised in here, as the queue does, is told a sentence with a reference instead."""
    try:
        yield
    except Exception as error:
        raise FaultyRun(report(error, doing)) from None


def without_words(reason: str) -> str:
    """A reason without what the system says in its own words: of a record, that may repeat somebody's values."""
    return SAYS.sub("says: “…”", reason)


def reference_of(error: Exception, doing: str) -> str:
    """Log a bug; its reference is the same each time it strikes."""
    place = [(frame.filename, frame.lineno) for frame in extract_tb(error.__traceback__)]
    reference = blake2b(repr((type(error), place)).encode(), digest_size=4).hexdigest()
    trace = "".join(format_tb(error.__traceback__))
    logger.error("Fault %s: %s %s\n%s", reference, type(error).__name__, doing, trace)
    return reference


def is_fault(reason: str) -> bool:
    """Whether a reason is a sentence of `report`."""
    return reason.startswith(FAULT.partition("{")[0])
