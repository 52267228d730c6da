"""The demo: stand-ins, connections and a sync of invented people, in a folder and processes of its own.

Every step is one of our commands in a process of its own, as somebody at a shell would type it.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml
from cryptography.fernet import Fernet
from django.conf import settings

from alumnisync.management.commands.worker import end_with_parent

MANAGE = str(Path(settings.BASE_DIR) / "manage.py")
SANDBOX = Path(settings.BASE_DIR) / "connectors" / "sandbox"
HELD = 3
WAITS = {
    "conflicts": "both changed",
    "reviews": "to review",
    "matches": "possible matches",
    "set_aside": "couldn't be sent",
}
COUNTED = ("reads", "creates", "updates", "unchanged", "deletes")


class DemoError(Exception):
    """A step of the demo did not come off. The text is for people."""


@dataclass
class Demo:
    """A demo under way: its environment and the addresses of its stand-ins.

    say: where sentences for people go
    """

    folder: Path
    environment: dict[str, str]
    systems: dict[str, dict[str, Any]]
    say: Callable[[str], None]

    def manage(self, *arguments: str, expected: tuple[int, ...] = (0,)) -> str:
        """Run one of our commands; its standard output. Raises DemoError when it ends otherwise."""
        ran = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, MANAGE, *arguments], env=self.environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if ran.returncode not in expected:
            raise DemoError(f"“manage.py {' '.join(arguments)}” ended with {ran.returncode}.")
        return ran.stdout

    def sync(self, *arguments: str, expected: tuple[int, ...] = (0,)) -> dict[str, Any]:
        """Run the demo's sync; what it did."""
        printed = self.manage("sync", self.sync_name, "--json", *arguments, expected=expected)
        answer: dict[str, Any] = json.loads(printed)
        return answer

    @property
    def setup(self) -> dict[str, Any]:
        return read_example()

    @property
    def sync_name(self) -> str:
        return str(self.setup["syncs"][0]["name"])

    def counts(self) -> dict[str, dict[str, int]]:
        """What each stand-in itself counted."""
        return {name: self._ask(name, "counts") for name in self.systems}

    def _ask(self, system: str, verb: str, **query: str) -> Any:
        return self._call("GET", system, verb, params=query).json()

    def _call(self, method: str, system: str, verb: str, **options: Any) -> requests.Response:
        with requests.Session() as session:
            # A proxy named in the environment knows nothing of this machine's own addresses.
            session.trust_env = False
            answer = session.request(method, self._control(system, verb), timeout=30, **options)
        answer.raise_for_status()
        return answer

    def _control(self, system: str, verb: str) -> str:
        address = urlsplit(self.systems[system]["url"])
        return f"{address.scheme}://{address.netloc}/_sandbox/{verb}"

    def edit(self, system: str, object_type: str, record_id: str, values: dict[str, Any]) -> None:
        """Change a record at a stand-in, as somebody over there would."""
        body = {"object_type": object_type, "id": record_id, "values": values}
        self._call("POST", system, "change", json=body)

    def add(self, system: str, object_type: str, values: dict[str, Any]) -> None:
        """Somebody new over there."""
        self._call("POST", system, "create", json={"object_type": object_type, "values": values})

    def side(self, side: str) -> tuple[str, str]:
        """The system and the object type of one side of the demo's sync."""
        end = self.setup["syncs"][0][side]
        (connection,) = [one for one in self.setup["connections"] if one["name"] == end["connection"]]
        return connection["system"], end["object"]

    def linked(self) -> list[dict[str, str]]:
        """The record ids of people who are on both sides, by side, as the CRM's key field tells."""
        key = self.setup["syncs"][0]["right"]["key_field"]
        system, object_type = self.side("right")
        records = self._ask(system, "records", object_type=object_type)
        pairs = [{"left": str(row[key]), "right": id} for id, row in records.items() if row.get(key)]
        return sorted(pairs, key=lambda pair: pair["left"])


def read_example() -> dict[str, Any]:
    """The setup that the demo loads."""
    loaded: dict[str, Any] = yaml.safe_load((SANDBOX / "demo.yaml").read_text())
    return loaded


@contextmanager
def demo(folder: Path, people: int, say: Callable[[str], None]) -> Iterator[Demo]:
    """A migrated database in `folder` and the stand-ins running; whatever was started is ended."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder / 'demo.sqlite3'}",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALUMNISYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOW_PRIVATE_ADDRESSES": "true",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "HTTPS": "false",
        "BROKER_URL": "",
        "ALUMNISYNC_DEMO": "true",
    }
    say("Making a database of its own…")
    subprocess.run([sys.executable, MANAGE, "migrate", "--verbosity", "0"], env=environment, check=True)  # noqa: S603
    systems_shown = [each["system"] for each in read_example()["connections"]]
    command = [sys.executable, MANAGE, "sandbox", *systems_shown, "--json", "--people", str(people)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
    ) as stand_ins:
        try:
            systems = json.loads(_first_line(stand_ins))
            for name, there in systems.items():
                say(f"Stand-in {name}: {there['url']}, {people:,} invented people")
                for setting, value in there["settings"].items():
                    environment[f"{name}_{setting}".upper()] = str(value)
            yield Demo(folder, environment, systems, say)
        finally:
            stand_ins.terminate()
            # After Ctrl-C, leaving the block alone would not wait for them.
            stand_ins.wait()


def _first_line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise DemoError("The stand-ins did not start.")
    return line


def connect(demo: Demo) -> None:
    """Load the demo's setup and check that both systems answer."""
    demo.manage("load_setup", str(SANDBOX / "demo.yaml"))
    for connection in demo.setup["connections"]:
        demo.say(demo.manage("check_connection", connection["name"]).strip())


def first_run(demo: Demo) -> None:
    """A preview of everything, its approval, and a run that finds nothing more to do."""
    demo.say("\n1. The first run sends nothing: it shows what would happen.")
    preview = demo.sync(expected=(HELD,))
    tell(demo, preview)
    demo.say("\n2. Approved: exactly that is carried out.")
    tell(demo, demo.sync("--approve", str(preview["run"])))
    demo.say("\n3. Run again, nothing has changed and nothing is written.")
    tell(demo, demo.sync())


def story(demo: Demo) -> None:
    """People edit on both sides; each time the sync runs once."""
    linked = demo.linked()
    for number, step in enumerate(yaml.safe_load((SANDBOX / "story.yaml").read_text()), start=4):
        demo.say(f"\n{number}. {step['say']}")
        for edit in step["edits"]:
            _carry_out(demo, edit, linked)
        tell(demo, demo.sync(expected=(0, HELD)))


def _carry_out(demo: Demo, edit: dict[str, Any], linked: list[dict[str, str]]) -> None:
    system, object_type = demo.side(edit["side"])
    if edit.get("new"):
        demo.add(system, object_type, edit["values"])
        return
    for person in linked[edit["of"] : edit.get("to", edit["of"]) + 1]:
        demo.edit(system, object_type, person[edit["side"]], edit["values"])


def tell(demo: Demo, did: dict[str, Any]) -> None:
    """What a run did beside what the stand-ins counted."""
    for word in ("read", "changed", "created", "updated", "stamped"):
        demo.say(f"   {word:<8} {did[word]['left']:>6,} on the left {did[word]['right']:>6,} on the right")
    waits = {words: did[kind] for kind, words in WAITS.items()}
    demo.say("   waiting  " + ", ".join(f"{count:,} {word}" for word, count in waits.items()))
    for item in did["held"]:
        demo.say(f"   on hold  {item['reason']}")
    for name, counts in demo.counts().items():
        demo.say(f"   {name} itself counted " + ", ".join(f"{counts[word]:,} {word}" for word in COUNTED))
