"""What every stand-in has: records in memory, a log, counts of effects, faults, a clock."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import HTTPServer
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

import orjson

from connectors.sandbox.faults import Fault, Faults

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What came in. path: decoded, without the query; query: the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body; raises ValueError where it is not JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: JSON as `body`, or `raw` bytes, or `parts` that are made while they are sent.

    cut: end the body early; silent: say nothing at all; hanging: wait with that until the client gives up
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    parts: Iterable[bytes] | None = None
    cut: bool = False
    silent: bool = False
    hanging: bool = False

    @property
    def content(self) -> bytes:
        return self.raw or (b"" if self.status in (204, 304) else orjson.dumps(self.body, default=_as_digits))


def _as_digits(number: object) -> orjson.Fragment:
    """An exact number as JSON has it: 25.10 stays 25.10."""
    if not isinstance(number, Decimal):
        raise TypeError
    return orjson.Fragment(format(number, "f"))


class LogLine(NamedTuple):
    """One handled request. status: 0 where the connection was closed without an answer."""

    method: str
    path: str
    status: int


class FormField(NamedTuple):
    """A field on a person's page. is_name: part of the name; is_column: in the list too; is_mark: yes or no."""

    name: str
    label: str
    is_name: bool = False
    is_column: bool = False
    is_mark: bool = False
    is_required: bool = False


class StandIn(ABC):
    """One system in memory. Everything that reads or changes its state holds `lock`.

    label     what people call the system
    people_type  the object type whose records are the people
    records   object type → id → the record's fields
    counts    requests, reads, creates, updates, unchanged (writes that changed nothing), deletes
    creates_of   who was created through the interface, and how often
    clock     tells the system's time; may be replaced
    latency   seconds each answer takes longer
    former    what glitches changed: object type → id → what it held before
    """

    system: ClassVar[str]
    label: ClassVar[str]
    people_type: ClassVar[str]

    def __init__(self, *, people: int = 20, seed: int = 1) -> None:
        self.people, self.seed = people, seed
        self.records: dict[str, dict[str, Row]] = {}
        self.log: list[LogLine] = []
        self.counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
        self.creates_of: Counter[str] = Counter()
        self.faults = Faults(seed)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.latency = 0.0
        self.former: dict[str, dict[str, Row]] = {}
        self.lock = threading.RLock()
        self.server: HTTPServer | None = None

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What a connection to this stand-in is given, secrets included."""

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """Handle a request; called with the lock held."""

    @abstractmethod
    def refuse(self) -> Answer:
        """What someone is told whose key or token is not, or no longer, good."""

    @abstractmethod
    def create(self, object_type: str, values: Row) -> str:
        """Add a record as somebody working in the system itself would; its id."""

    @abstractmethod
    def change(self, object_type: str, record_id: str, /, **values: Any) -> None:
        """Change a record likewise; the system's own time stamps move."""

    @abstractmethod
    def remove(self, object_type: str, record_id: str) -> None:
        """Delete a record likewise."""

    @abstractmethod
    def form_fields(self) -> tuple[FormField, ...]:
        """What somebody over there can change of a person."""

    def record_id(self, text: str) -> str:
        """The id of a person's record, as it is stored, from how an address writes it."""
        return text

    def form_row(self, record: Row) -> Row:
        """A person's record by the names of `form_fields`, which `change` takes as well."""
        return record

    def loggable(self, path: str) -> str:
        """The path without anybody's data in it."""
        return path

    def ids(self, object_type: str) -> list[str]:
        """The ids of the records, in the order they were made."""
        with self.lock:
            return list(self.records[object_type])

    @property
    def url(self) -> str:
        if self.server is None:
            raise RuntimeError("The stand-in is not running.")
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        """Close every connection and give the port back. Stopping twice does nothing."""
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self, request: Request) -> Answer:
        """Answer a request, with the latency and faults that are switched on, and note it."""
        fault = self.faults.take(request.method, request.path)
        # Waited for without the lock, so that a slow answer holds no other up.
        time.sleep(self.latency + (fault.seconds if fault and fault.kind == "slow" else 0))
        # Effect, count and log line are one: who looks at them never sees half.
        with self.lock:
            self.counts["requests"] += 1
            answer = self._faulty(fault, request) if fault else self.answer(request)
            status = 0 if answer.silent else answer.status
            self.log.append(LogLine(request.method, self.loggable(request.path), status))
        return answer

    def _faulty(self, fault: Fault, request: Request) -> Answer:
        if fault.kind in _INSTEAD:
            return _INSTEAD[fault.kind](self, fault)
        answer = self.answer(request)
        return _AFTERWARDS[fault.kind](answer) if fault.kind in _AFTERWARDS else answer


COUNTED = ("requests", "reads", "creates", "updates", "unchanged", "deletes")
PAGE = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>We'll be right back.</body></html>"

_INSTEAD: dict[str, Callable[[StandIn, Fault], Answer]] = {
    "429": lambda there, fault: Answer(
        429, {"message": "Too many requests"}, {"Retry-After": f"{fault.retry_after:g}"}
    ),
    "500": lambda there, fault: Answer(500, {"message": "Internal error"}),
    "reset": lambda there, fault: Answer(silent=True),
    "nothing": lambda there, fault: Answer(silent=True, hanging=True),
    "html": lambda there, fault: Answer(raw=PAGE, headers={"Content-Type": "text/html; charset=utf-8"}),
    "401": lambda there, fault: there.refuse(),
}
_AFTERWARDS: dict[str, Callable[[Answer], Answer]] = {
    "500_after": lambda answer: Answer(500, {"message": "Internal error"}),
    "lost": lambda answer: replace(answer, silent=True),
    "cut": lambda answer: replace(answer, cut=True),
}
