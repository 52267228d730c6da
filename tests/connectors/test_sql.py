"""Databases as systems, on SQLite and, where the tests run on it, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from django.db import connection as django_connection
from sqlalchemy import event

from connectors.models import setting_defaults
from connectors.records import (
    ConnectorError,
    Gone,
    NeedsAttention,
    Outcome,
    Rejected,
    Stale,
    Temporary,
    Unknown,
    Values,
    Write,
)
from connectors.systems.sql import Sql
from tests.connectors.contract import Bench, ConnectorContract, error_of_write
from tests.connectors.servers import raiser

PERSON = """
    CREATE TABLE person (
        {id}, first_name VARCHAR(40), last_name VARCHAR(40), crm_id VARCHAR(40) UNIQUE,
        amount NUMERIC(12, 2), born DATE, is_member BOOLEAN, changed {moment}
    )
"""
FORMS = {
    "sqlite": {"id": "id INTEGER PRIMARY KEY", "moment": "TEXT"},
    "postgresql": {"id": "id SERIAL PRIMARY KEY", "moment": "TIMESTAMPTZ"},
}
SAID = {
    "unauthorized": 'password authentication failed for user "secret-word"',
    "server_error": "database is locked",
    "cut_off": "server closed the connection unexpectedly",
}
OBJECT = {"table": "person", "key": "id"}
BY_CHANGE = {**OBJECT, "changed_since": "changed"}


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.FILES_FOLDER = tmp_path
    settings.ALLOW_PRIVATE_ADDRESSES = True
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def there(request: pytest.FixtureRequest, folder: Path) -> Iterator[Database]:
    if request.param == "postgresql" and django_connection.vendor != "postgresql":
        pytest.skip("the tests run on SQLite")
    database = Database(request.param, folder)
    yield database
    database.engine.dispose()


class Database:
    """A database with a table of people, and its people who change rows there."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        if kind == "sqlite":
            self.url = "sqlite:///people.db"
            real = f"sqlite:///{folder / 'people.db'}"
        else:
            given = django_connection.settings_dict
            self.url = f"postgresql://{given['USER']}:secret-word@{given['HOST']}:{given['PORT']}/postgres"
            real = self.url.replace("postgresql:", "postgresql+psycopg:")
        self.engine = sa.create_engine(real)
        self.run("DROP TABLE IF EXISTS person CASCADE" if kind == "postgresql" else "SELECT 1")
        self.run(PERSON.format(**FORMS[kind]))
        self.tick = 0

    def run(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            found = connection.execute(sa.text(statement), values)
            return list(found.mappings()) if found.returns_rows else []

    def moment(self) -> Any:
        self.tick += 1
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self.tick)
        return moment.isoformat() if self.kind == "sqlite" else moment

    def add(self, **values: Any) -> str:
        values.setdefault("changed", self.moment())
        names = ", ".join(values)
        binds = ", ".join(f":{name}" for name in values)
        (row,) = self.run(f"INSERT INTO person ({names}) VALUES ({binds}) RETURNING id", **values)  # noqa: S608
        return str(row["id"])

    def alter(self, id: str, **values: Any) -> None:
        values.setdefault("changed", self.moment())
        sets = ", ".join(f"{name} = :{name}" for name in values)
        self.run(f"UPDATE person SET {sets} WHERE id = :id", id=int(id), **values)  # noqa: S608

    def row(self, id: str) -> dict[str, Any]:
        (row,) = self.run("SELECT * FROM person WHERE id = :id", id=int(id))
        return dict(row)


def open_to(there: Database, given: dict[str, str] = OBJECT, **settings: Any) -> Sql:
    return Sql({**setting_defaults(Sql), "url": there.url, "objects": {"person": given}, **settings})


class SqlBench(Bench):
    object_type = "person"
    fields = ("first_name", "last_name")
    key_field = "crm_id"
    possible_faults = frozenset(SAID)

    def __init__(self, there: Database, given: dict[str, str]) -> None:
        self.there, self.given = there, given
        self.guards_stale = "changed_since" in given
        # PostgreSQL holds neither; SQLite no half characters.
        self.impossible = frozenset({"lone surrogate"} | ({"NUL"} if there.kind == "postgresql" else set()))
        self.opened: list[Sql] = []
        self.connector = self.reopen()
        self.secrets = ("secret-word",)

    def reopen(self) -> Sql:
        system = open_to(self.there, self.given)
        system.page_rows = self.page_size
        self.opened.append(system)
        return system

    def person(self, number: int) -> Values:
        return {"first_name": f"Ann{number}", "last_name": "Example"}

    def fill(self, count: int) -> list[str]:
        return [self.there.add(**self.person(number)) for number in range(count)]

    def alter(self, id: str, values: Values) -> None:
        self.there.alter(id, **values)

    def values(self, id: str) -> Values:
        row = self.there.row(id)
        return {name: row[name] for name in (*self.fields, self.key_field)}

    def ids(self) -> set[str]:
        return {str(row["id"]) for row in self.there.run("SELECT id FROM person")}

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """The driver raises: with each statement; cut_off: with each question, and at the end of what is written."""
        assert isinstance(self.connector, Sql)
        engine = self.connector._engine
        error = engine.dialect.loaded_dbapi.OperationalError(SAID[name])

        def fail(cursor: Any, statement: str, *others: Any) -> None:
            if name != "cut_off" or statement.startswith("SELECT"):
                raise error

        event.listen(engine, "do_execute", fail)
        with pytest.MonkeyPatch.context() as patch:
            if name == "cut_off":
                patch.setattr(engine.dialect, "do_commit", raiser(error))
            yield
        event.remove(engine, "do_execute", fail)


@pytest.fixture(params=[OBJECT, BY_CHANGE], ids=["whole", "changes"])
def given(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(request.param)


class TestSql(ConnectorContract):
    @pytest.fixture
    def bench(self, there: Database, given: dict[str, str]) -> Iterator[Bench]:
        bench = SqlBench(there, given)
        yield bench
        for system in bench.opened:
            system.close()

    @pytest.mark.parametrize("fault", sorted(SAID))
    def test_a_wrong_answer_to_a_create_without_key(self, bench: Bench, fault: str) -> None:
        """Only at its end is it not known whether it was written."""
        bench.connector.describe()
        error = error_of_write(bench, fault, Write(None, bench.person(1)))
        expected = {"unauthorized": NeedsAttention, "server_error": Temporary, "cut_off": Unknown}
        assert isinstance(error, expected[fault])
        assert not bench.ids()


@contextmanager
def opened(there: Database, given: dict[str, str] = OBJECT, **settings: Any) -> Iterator[Sql]:
    system = open_to(there, given, **settings)
    try:
        yield system
    finally:
        system.close()


def write(system: Sql, *writes: Write) -> list[Outcome]:
    return list(system.write("person", writes))


def errors(outcomes: list[Outcome]) -> list[type[ConnectorError] | None]:
    return [type(outcome.error) if outcome.error else None for outcome in outcomes]


def polled(system: Sql, cursor: Any, *fields: str) -> tuple[list[str], Any]:
    """The ids that a poll brings, and the cursor behind it."""
    pages = list(system.poll("person", cursor, fields or ("first_name",)))
    return [record.id for page in pages for record in page.records], pages[-1].cursor


def test_one_bad_row_stops_no_other(there: Database) -> None:
    taken = there.add(first_name="Ann", crm_id="C1")
    bad = [
        Write(None, {"first_name": "x", "crm_id": "C1"}),
        Write(taken, {"born": "yesterday" if there.kind == "postgresql" else 7, "nickname": "x"}),
        Write("999999", {"first_name": "x"}),
        Write("not a number", {"first_name": "x"}),
        Write(taken, {"id": "77"}),
    ]
    with opened(there) as system:
        good = [Write(None, {"first_name": f"Good{number}"}) for number in range(len(bad))]
        outcomes = write(system, *(each for pair in zip(bad, good, strict=True) for each in pair))
    assert errors(outcomes[::2]) == [Rejected, Rejected, Gone, Gone, Rejected]
    assert errors(outcomes[1::2]) == [None] * len(good)
    assert {there.row(outcome.id)["first_name"] for outcome in outcomes[1::2]} == {f"Good{n}" for n in range(len(good))}
    refused = outcomes[0].error
    assert isinstance(refused, Rejected)
    assert list(refused.fields) == ["crm_id"]
    assert "C1" not in refused.message


def test_a_batch_is_one_transaction_and_one_look_back(there: Database) -> None:
    with opened(there) as system:
        system.describe()
        seen: list[str] = []
        event.listen(
            system._engine, "before_cursor_execute", lambda c, cursor, statement, *others: seen.append(statement)
        )
        outcomes = write(system, *(Write(None, {"first_name": f"Ann{number}"}) for number in range(50)))
    assert errors(outcomes) == [None] * 50
    assert sum(statement.startswith("INSERT") for statement in seen) == 50
    assert sum(statement.startswith("SELECT") for statement in seen) == 1


def test_values_are_parameters_and_names_are_quoted(there: Database) -> None:
    drop = "Robert'); DROP TABLE person; --"
    there.run('ALTER TABLE person ADD COLUMN "odd ""name"" %(x)s \\:y" VARCHAR(80)')
    with opened(there) as system:
        (outcome,) = write(system, Write(None, {"first_name": drop, 'odd "name" %(x)s :y': drop}))
        assert outcome.error is None
        assert [record.id for record in system.find("person", "first_name", [drop, "' OR 1=1 --"])] == [outcome.id]
        assert list(system.read("person", ["1' OR '1'='1"], ["first_name"])) == []
    assert there.row(outcome.id)['odd "name" %(x)s :y'] == drop


def test_a_number_and_a_day_come_as_they_are(there: Database) -> None:
    with opened(there) as system:
        (outcome,) = write(system, Write(None, {"amount": "1234567890.10", "born": "1982-08-05", "is_member": True}))
        assert outcome.error is None
        (record,) = system.read("person", [outcome.id], ["amount", "born", "is_member"])
    if there.kind == "postgresql":
        assert record.values == {
            "id": int(outcome.id),
            "amount": "1234567890.10",
            "born": "1982-08-05",
            "is_member": True,
        }
    assert record.values["born"] == "1982-08-05"
    assert record.values["is_member"] in (True, 1)


def test_a_blank_empties_what_is_no_text(there: Database) -> None:
    id = there.add(first_name="Ann", born="1982-08-05", amount=3)
    with opened(there) as system:
        assert errors(write(system, Write(id, {"born": "", "amount": None, "first_name": ""}))) == [None]
    row = there.row(id)
    assert (row["born"], row["amount"], row["first_name"]) == (None, None, "")


def test_what_changed_comes_by_its_time_and_what_has_none_always(there: Database) -> None:
    first, second = there.add(first_name="Ann"), there.add(first_name="Bob")
    timeless = there.add(first_name="Cy", changed=None)
    with opened(there, BY_CHANGE) as system:
        ids, cursor = polled(system, None)
        assert sorted(ids) == sorted([first, second, timeless])
        there.alter(first, first_name="Anne")
        ids, cursor = polled(system, cursor)
        assert sorted(ids) == sorted([first, second, timeless])
        ids, cursor = polled(system, cursor)
        assert sorted(ids) == sorted([first, timeless])


def test_a_row_that_shows_itself_late_is_not_missed(there: Database) -> None:
    if there.kind == "sqlite":
        pytest.skip("one writer at a time: nothing shows itself late")
    first = there.add(first_name="Ann")
    with opened(there, BY_CHANGE) as system:
        _, cursor = polled(system, None)
        late = there.add(first_name="Bob", changed=there.row(first)["changed"] - timedelta(minutes=4))
        assert late in polled(system, cursor)[0]


def test_a_poll_by_time_reads_pages_of_rows_and_no_more(there: Database) -> None:
    ids = [there.add(first_name=f"Ann{number}", changed=there.moment()) for number in range(25)]
    with opened(there, BY_CHANGE) as system:
        system.page_rows = 10
        pages = list(system.poll("person", None, ["first_name"]))
    assert [len(page.records) for page in pages] == [10, 10, 5]
    assert [record.id for page in pages for record in page.records] == ids
    assert not any(page.complete for page in pages)


def test_describes_what_the_database_says(there: Database) -> None:
    there.run("CREATE VIEW everybody AS SELECT id, first_name FROM person")
    try:
        with opened(there) as system:
            (person,) = system.describe()
        objects = {"person": OBJECT, "all": {"table": "everybody", "key": "id"}}
        with opened(there, objects=objects) as system:
            view = next(each for each in system.describe() if each.name == "all")
            with pytest.raises(NeedsAttention, match="view"):
                list(system.write("all", [Write("1", {"first_name": "x"})]))
    finally:
        there.run("DROP VIEW everybody")
    name, crm_id, member = person.field("first_name"), person.field("crm_id"), person.field("is_member")
    assert name
    assert (name.length, name.writable, name.required) == (40, True, False)
    assert crm_id
    assert crm_id.unique
    assert member
    assert member.kind == "yes_no"
    assert (view.can_create, view.can_update) == (False, False)
    assert not any(field.writable for field in view.fields)


def test_a_key_that_several_rows_may_have_is_refused(there: Database) -> None:
    with (
        opened(there, {"table": "person", "key": "last_name"}) as system,
        pytest.raises(NeedsAttention, match="several"),
    ):
        system.check()


@pytest.mark.parametrize("given", [{"table": "person", "key": "nr"}, {"table": "persons", "key": "id"}])
def test_a_table_or_column_that_is_not_there_is_told(there: Database, given: dict[str, str]) -> None:
    with opened(there, given) as system, pytest.raises(NeedsAttention, match=r"nr|table or view"):
        system.check()


def test_a_row_that_the_driver_cannot_read_is_set_aside_alone(there: Database) -> None:
    if there.kind == "sqlite":
        pytest.skip("it is read as it stands there")
    fine, odd = there.add(first_name="Ann"), there.add(first_name="Bob", born="infinity")
    with opened(there) as system:
        found = {record.id: record for page in system.poll("person", None, ["born"]) for record in page.records}
    assert found[odd].problem
    assert not found[fine].problem


def test_the_identity_and_every_text_go_without_the_password(there: Database) -> None:
    with opened(there) as system:
        assert "secret-word" not in f"{system.check()}{system!r}{system._engine!r}"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////etc/passwd",
        "sqlite:///../outside.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x.db?uri=true",
        "postgresql://u:pw@db.example.edu/crm?host=/var/run/postgresql",
        "postgresql://u:pw@db.example.edu/crm?passfile=/etc/shadow",
        "postgresql:///crm",
        "mysql+mysqldb://u:pw@db.example.edu/crm",
        "mysql://u:pw@db.example.edu/crm?read_default_file=/etc/passwd",
        "access+pyodbc://u:pw@x/y",
        "nonsense pw",
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_by_the_form(url: str) -> None:
    form = Sql.Settings({"url": url, "objects": "{}"})
    assert "url" in form.errors
    assert "pw" not in str(form.errors["url"])


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7", "localhost", "169.254.169.254"])
def test_private_hosts_are_refused_unless_allowed(settings: Any, host: str) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    system = Sql({**setting_defaults(Sql), "url": f"postgresql://u:pw@{host}/crm", "objects": {"p": OBJECT}})
    with pytest.raises(NeedsAttention, match=r"Connections may never|inside this network"):
        system.check()


def test_a_database_without_its_driver_says_which_package_is_missing() -> None:
    system = Sql({**setting_defaults(Sql), "url": "mysql://u:pw@127.0.0.1/crm", "objects": {"p": OBJECT}})
    with pytest.raises(NeedsAttention, match="pymysql"):
        system.check()


@pytest.mark.parametrize(
    "objects", ["[]", '{"p": {}}', '{"p": {"table": "x", "key": ""}}', '{"a;b": {"table": "x", "key": "y"}}']
)
def test_objects_that_name_no_table_are_refused(objects: str) -> None:
    assert "objects" in Sql.Settings({"url": "postgresql://h/d", "objects": objects}).errors


def test_the_form_begins_with_nothing_typed() -> None:
    assert "null" not in str(Sql.Settings()["objects"])


def test_a_filter_is_refused_in_words(there: Database) -> None:
    with opened(there) as system, pytest.raises(NeedsAttention, match="view"):
        list(system.poll("person", None, ["first_name"], narrow="1=1"))


def test_a_wrong_version_says_stale_and_a_missing_row_gone(there: Database) -> None:
    id = there.add(first_name="Ann")
    with opened(there, BY_CHANGE) as system:
        (record,) = system.read("person", [id], ["first_name"])
        there.alter(id, first_name="Anne")
        assert errors(write(system, Write(id, {"last_name": "x"}, version=record.version))) == [Stale]
        there.run("DELETE FROM person")
        assert errors(write(system, Write(id, {"last_name": "x"}, version=record.version))) == [Gone]
