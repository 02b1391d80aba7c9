"""Treatments inside documents, by an expression, and of rows, on real servers of every engine."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ops.snapshots.compiler import compile_policy
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.report import report_from_log
from tests.ops.snapshots.databases import Database, Start, passes, treated
from tests.ops.snapshots.postgres import test_compiler as test_postgres
from tests.ops.snapshots.sanitizer import Sanitized, sanitize

PROFILES = """
    CREATE TABLE profiles (id INT PRIMARY KEY, doc {json}, raw TEXT, page TEXT, mail VARCHAR(60));
    INSERT INTO profiles VALUES
    (1, '{{"email": "ada@corp.test", "plan": {{"name": "gold", "price": 1.10}},
        "born": "1980-05-06T10:00:00Z", "ids": ["A-1", "B-2"],
        "contact": {{"first name": "Ada", "phone": null}},
        "friends": [{{"email": "bob@corp.test", "since": 2001}}, {{"since": 2002}}, "none", null]}}',
        '{{"email": "ada@corp.test", "token": "t-1"}}', '<p title="Ada">Dear <b>Ada</b><br/></p>',
        'ada@corp.test'),
    (2, '{{"friends": {{"email": 7}}}}', NULL, 'Ada, 2 < 3', 'bob@corp.test'),
    (3, '[]', '[1]', NULL, NULL),
    (4, NULL, '{{"email": {{"of": "ada@corp.test"}}}}', '', NULL);"""
PROFILE_POLICY = """
    [tables.profiles]
    id = "keep"
    "doc $.email" = "fake email"
    "doc $.born" = "shift 30 by id"
    "doc $.ids[0]" = "constant it's :x"
    'doc $.contact."first name"' = "null"
    "doc $.contact.phone" = "fake phone"
    "doc $.friends[*].email" = "fake email"
    "raw $.email" = "fake email"
    "raw $.token" = "hash"
    page = "markup"
    mail = "fake email"
    """


def is_postgres(database: Database) -> bool:
    return isinstance(database, test_postgres.Database)


def profiles(start: Start) -> Database:
    database = start()
    database.run(PROFILES.format(json="jsonb" if is_postgres(database) else "JSON"))
    return database


def documents(database: Database, column: str) -> list[Any]:
    rows = database.rows(f"SELECT {column} FROM profiles ORDER BY id")
    return [json.loads(value) if isinstance(value, str) else value for (value,) in rows]


def scripts_of(database: Database, policy: str) -> Sequence[SqlScript]:
    head = f'engine = "{"postgres" if is_postgres(database) else "mariadb"}"\n'
    return compile_policy(parse_policy(head + policy))


def run(database: Database, scripts: Sequence[SqlScript]) -> Sanitized:
    return sanitize(database.login, scripts, "psql" if is_postgres(database) else "mysql")


def failed(done: Sanitized) -> list[str]:
    assert done.status == 9, done.log
    return [check.message for check in report_from_log(done.log.splitlines()).failed]


@pytest.mark.each_engine
def test_values_in_documents_are_treated_and_the_rest_is_kept(start: Start) -> None:
    database = profiles(start)
    passes(done := treated(database, PROFILE_POLICY))
    first, second, third, fourth = documents(database, "doc")
    born = first.pop("born")
    assert born.endswith("T10:00:00Z") and born[:7] in ("1980-04", "1980-05", "1980-06")
    assert born != "1980-05-06T10:00:00Z"
    mail, friend = first.pop("email"), first["friends"][0].pop("email")
    assert first == {
        "plan": {"name": "gold", "price": 1.10},
        "ids": ["it's :x", "B-2"],
        "contact": {"first name": None, "phone": None},
        "friends": [{"since": 2001}, {"since": 2002}, "none", None],
    }
    assert (second, third, fourth) == ({"friends": {"email": 7}}, [], None)
    mails = [row[0] for row in database.rows("SELECT mail FROM profiles ORDER BY id")]
    assert [mail, friend] == mails[:2], "the fakes in documents are those in columns"
    raw = documents(database, "raw")
    assert raw[0]["email"] == mail and len(raw[0]["token"]) == 32
    assert raw[1:3] == [None, [1]] and raw[3]["email"].endswith("@example.com")
    assert documents_free(database)
    shown = {check["column"] for check in done.checks if check["check"] == "treated"}
    assert {'doc $."friends"[*]."email"', 'raw $."token"'} <= shown
    pages = [page for (page,) in database.rows("SELECT page FROM profiles ORDER BY id")]
    assert pages == ["<p><b></b><br/></p>", "", None, ""]


def documents_free(database: Database) -> bool:
    return "corp.test" not in str(database.rows("SELECT * FROM profiles"))


@pytest.mark.thorough
def test_what_remains_of_a_document_is_scanned(start: Start) -> None:
    database = profiles(start)
    messages = failed(
        treated(database, PROFILE_POLICY.replace('"doc $.friends[*].email" = "fake email"\n', ""))
    )
    assert any("profiles.doc: 1 of 4 rows contain a possible email" in text for text in messages), messages
    assert not any("profiles.raw" in text for text in messages)


def test_a_document_that_was_not_treated_is_found(start: Start) -> None:
    database = profiles(start)
    scripts = [s for s in scripts_of(database, PROFILE_POLICY) if s.name != "treat.gen.tell"]
    messages = failed(run(database, scripts))
    for path in ('doc $."email"', 'doc $."friends"[*]."email"', 'raw $."email"'):
        assert any(f"profiles.{path}: " in text for text in messages), path


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("otherwise", "result"),
    [
        ("json or null", None),
        ("json or constant {}", "{}"),
        ("json or hash", 32),
    ],
)
def test_a_value_that_is_no_document_is_treated_as_declared(
    start: Start, otherwise: str, result: str | int | None
) -> None:
    database = start()
    database.run("""
        CREATE TABLE notes (id INT PRIMARY KEY, note TEXT);
        INSERT INTO notes VALUES (1, 'call ada@corp.test'), (2, '{"who": "Ada"}'), (3, NULL)""")
    policy = '[tables.notes]\nid = "keep"\n"note $.who" = "fake name"\n'
    messages = failed(treated(database, policy))
    assert len(messages) == 1 and "notes.note: 1 of 3 values are not JSON documents" in messages[0]
    assert database.one("SELECT note FROM notes WHERE id = 1") == "call ada@corp.test", "nothing is treated"
    passes(treated(database, policy + f'note = "{otherwise}"\n'))
    notes: list[Any] = [note for (note,) in database.rows("SELECT note FROM notes ORDER BY id")]
    first, second, third = notes
    assert (len(first) if isinstance(result, int) else first) == result
    assert list(json.loads(second)) == ["who"] and "Ada" not in second and third is None


@pytest.mark.each_engine
def test_an_expression_is_proven_and_its_result_is_scanned(start: Start) -> None:
    database = start()
    database.run("""
        CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(60), initial VARCHAR(9), born DATE,
            paid DECIMAL(8, 2));
        INSERT INTO people VALUES (1, 'Ada Stone', 'x', '1980-05-06', 12.34), (2, NULL, 'y', NULL, NULL)""")
    first = "extract(year from born)"
    policy = f"""
        [tables.people]
        id = "keep"
        name = "sql concat(left(name, 1), '<value> :x')"
        initial = "sql left(name, 1)"
        born = "sql case when {first} > 1979 then cast('1980-01-01' as date) end"
        paid = "sql paid * 1.017"
        """
    passes(done := treated(database, policy))
    rows = database.rows("SELECT name, initial, born, paid FROM people ORDER BY id")
    assert [str(value) for value in rows[0]] == ["A<value> :x", "A", "1980-01-01", "12.55"]
    assert rows[1][1:] == (None, None, None)
    assert {c["column"] for c in done.checks if c["check"] == "exact"} == {"name", "initial", "born", "paid"}
    identity = """
        [tables.people]
        id = "keep"
        name = "sql 'ada@corp.test'"
        initial = "null"
        born = "keep"
        paid = "keep"
        """
    assert any(
        "people.name: 2 of 2 rows contain a possible email" in text
        for text in failed(treated(database, identity))
    )


PARENTS = """
    CREATE TABLE parents (id INT PRIMARY KEY, kind VARCHAR(40));
    CREATE TABLE kids (id INT PRIMARY KEY, parent INT REFERENCES parents (id) {action});
    CREATE TABLE toys (id INT PRIMARY KEY, kid INT, FOREIGN KEY (kid) REFERENCES kids (id));
    INSERT INTO parents VALUES (1, 'a'), (2, 'b'), (3, NULL);
    INSERT INTO kids VALUES (1, 1), (2, 2), (3, 3), (4, NULL);
    INSERT INTO toys VALUES (1, 1), (2, 2), (3, 4);"""
PARENT_POLICY = """
    [tables.parents]
    "*" = "{rows}"
    id = "keep"
    kind = "fake city"
    [tables.kids]
    id = "keep"
    parent = "keep"
    [tables.toys]
    id = "keep"
    kid = "keep"
    """


@pytest.mark.parametrize("action", [pytest.param("", marks=pytest.mark.thorough), "ON DELETE RESTRICT"])
def test_rows_are_deleted_by_a_condition_with_those_that_refer_to_them(start: Start, action: str) -> None:
    database = start()
    database.run(PARENTS.format(action=action))
    passes(done := treated(database, PARENT_POLICY.format(rows="delete where kind = 'b'")))
    assert [
        database.rows(f"SELECT id FROM {table} ORDER BY id") for table in ("parents", "kids", "toys")
    ] == [
        [(1,), (3,)],
        [(1,), (3,), (4,)],
        [(1,), (3,)],
    ]
    assert [(c["table"], c["rows"]) for c in done.checks if c["check"] == "deleted"] == [
        ("public.parents" if is_postgres(database) else "shop.parents", 2)
    ]


@pytest.mark.thorough
def test_rows_that_a_deletion_left_are_found(start: Start) -> None:
    database = start()
    database.run(PARENTS.format(action=""))
    scripts = [
        SqlScript(
            s.name, s.sql.replace("DELETE FROM", "SELECT 1 WHERE false;  -- ") if "rows" in s.name else s.sql
        )
        for s in scripts_of(database, PARENT_POLICY.format(rows="delete where kind = 'b'"))
    ]
    done = run(database, scripts)
    assert done.status in (3, 9), done.log


@pytest.mark.thorough
def test_a_truncated_table_that_another_one_refers_to_is_refused_by_name(start: Start) -> None:
    database = start()
    database.run(PARENTS.format(action=""))
    messages = failed(treated(database, PARENT_POLICY.format(rows="truncate")))
    assert len(messages) == 1 and "kids." in messages[0] and "parents, which is truncated" in messages[0]
    assert database.one("SELECT COUNT(*) FROM parents") == 3
    passes(treated(database, PARENT_POLICY.format(rows="delete where true")))
    assert database.rows("SELECT id FROM toys") == [(3,)]


@pytest.mark.thorough
def test_a_key_follows_the_column_that_it_refers_to(start: Start) -> None:
    database = start()
    database.run("""
        CREATE TABLE accounts (mail VARCHAR(60) PRIMARY KEY);
        CREATE TABLE seats (id INT PRIMARY KEY, mail VARCHAR(60), sent_to VARCHAR(60),
            FOREIGN KEY (mail) REFERENCES accounts (mail) ON UPDATE CASCADE);
        INSERT INTO accounts VALUES ('ada@corp.test'), ('bob@corp.test');
        INSERT INTO seats
            VALUES (1, 'ada@corp.test', 'bob@corp.test'), (2, 'bob@corp.test', 'ada@corp.test')""")
    passes(
        treated(
            database,
            """
            [tables.seats]
            id = "keep"
            mail = "same as accounts.mail"
            sent_to = "same as seats.mail"
            [tables.accounts]
            mail = "fake email"
            """,
        )
    )
    joined = "SELECT COUNT(*) FROM seats s JOIN accounts a ON a.mail = s.{} WHERE a.mail LIKE '%@example.com'"
    assert [database.one(joined.format(column)) for column in ("mail", "sent_to")] == [2, 2]
