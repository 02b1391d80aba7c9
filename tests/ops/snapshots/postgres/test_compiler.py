"""Policies on a real PostgreSQL: treatments, verification, and leaks that must fail the run."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ops.embedded.ports import HOST
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import Login
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.suggest import suggest_treatments, suggestions_as_toml
from ops.snapshots.postgres.compiler import compile_policy
from ops.snapshots.report import report_from_log
from tests.ops.snapshots.leaks import LEAKS
from tests.ops.snapshots.sanitizer import ADDRESSES, CARDS, NO_CARDS, NONE_OF_THEM, Sanitized, sanitize

PASSWORD = "correct-horse-1"
TABLES = """
    CREATE TABLE people (
        id int PRIMARY KEY, email varchar(30) UNIQUE, name text, phone varchar(20), card text, born date,
        notes text, meta jsonb, score int, code int UNIQUE, "odd ""name" text,
        initials text GENERATED ALWAYS AS (left(name, 1)) STORED);
    INSERT INTO people SELECT n, 'person' || n || '@real.test', 'Maria ' || n, '+43 660 ' || (1000000 + n),
        '4539578763621486', '1980-01-01'::date + n, 'wrote a letter', '{"a": 1}', n, n, 'odd'
        FROM generate_series(1, 300) n;
    CREATE TABLE orders (id int PRIMARY KEY, person int NOT NULL REFERENCES people, email text);
    INSERT INTO orders SELECT n, 1 + n % 300, 'person' || (1 + n % 300) || '@real.test'
        FROM generate_series(1, 900) n;
    CREATE TABLE lines (id int PRIMARY KEY, ordered int REFERENCES orders, parent int REFERENCES lines);
    INSERT INTO lines SELECT n, 1 + n % 900, CASE WHEN n > 900 THEN n - 900 END
        FROM generate_series(1, 1800) n;
    CREATE TABLE history (id int, line text);
    INSERT INTO history SELECT n, 'person' || n || '@real.test' FROM generate_series(1, 300) n;
    CREATE MATERIALIZED VIEW emails AS SELECT email FROM people;
    ANALYZE"""
PEOPLE = """
    [tables.people]
    id = "keep"
    email = "fake email"
    name = "fake name"
    phone = "fake phone"
    card = "fake card"
    born = "shift 30 by id"
    notes = "constant it's gone: \\\\ %s :x"
    meta = "constant {}"
    score = "null"
    code = "hash"
    'odd "name' = "fake text"
    """
ORDERS = '[tables.orders]\nid = "keep"\nperson = "keep"\nemail = "fake email"\n'
LINES = '[tables.lines]\nid = "keep"\nordered = "keep"\nparent = "keep"\n'
HISTORY = '[tables.history]\n"*" = "truncate"\n'
POLICY = "\n".join([PEOPLE, ORDERS, LINES, HISTORY])


class Database:
    """A database per test, sanitized as its owner."""

    def __init__(self, postgres: Postgres, port: int, name: str) -> None:
        self._postgres = postgres
        self.login = Login(port, "master", PASSWORD, name)

    def run(self, sql: str) -> None:
        self._postgres.load(self.login, [sql])

    def superuser(self, database: str, sql: str) -> None:
        self._postgres.execute(self.login.port, f"\\connect {database}\n{sql}")

    def create(self, name: str) -> None:
        self._postgres.execute(self.login.port, f"CREATE DATABASE {name} OWNER master")

    def other(self, name: str) -> "Database":
        return Database(self._postgres, self.login.port, name)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(
            host=HOST, port=self.login.port, user="master", password=PASSWORD, dbname=self.login.database
        ) as connection:
            return connection.execute(query.encode()).fetchall()

    def one(self, query: str) -> object:
        ((value,),) = self.rows(query)
        return value

    def sanitize(self, policy: str) -> Sanitized:
        return sanitize(self.login, compile_policy(parse_policy(policy)))


@pytest.fixture(scope="module")
def server(database_folder: Path) -> Iterator[tuple[Postgres, int]]:
    postgres = Postgres(database_folder / "postgres", {})
    yield postgres, postgres.create("policy", "master", PASSWORD, "")
    postgres.delete("policy")


@pytest.fixture
def database(server: tuple[Postgres, int], request: pytest.FixtureRequest) -> Iterator[Database]:
    postgres, port = server
    name = request.node.name[:60].lower()
    postgres.execute(port, f'CREATE DATABASE "{name}" OWNER master')
    made = Database(postgres, port, name)
    made.run(TABLES)
    yield made
    others = made.rows("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
    for (other,) in others:
        postgres.execute(port, f'DROP DATABASE "{other}" WITH (FORCE)')


def test_a_policy_treats_and_verifies_every_column(database: Database) -> None:
    before = database.rows("SELECT id, born FROM people ORDER BY id")
    done = database.sanitize(POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT count(*) FROM people WHERE email LIKE '%real%' OR card LIKE '4539%'") == 0
    assert database.one("SELECT count(DISTINCT email) FROM people") == 300
    assert (
        database.one("SELECT count(*) FROM orders o JOIN people p ON (p.id, p.email) = (o.person, o.email)")
        == 900
    )
    assert database.rows("SELECT DISTINCT notes, meta::text, score FROM people") == [
        ("it's gone: \\ %s :x", "{}", None)
    ]
    assert database.one("SELECT count(*) FROM emails WHERE email LIKE '%real%'") == 0
    assert database.one("SELECT count(*) FROM history") == 0
    assert database.one("SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%real%'") == 0
    after = database.rows("SELECT id, born FROM people ORDER BY id")
    shifts = {abs((new - old).days) for (_, old), (_, new) in zip(before, after, strict=True)}  # type: ignore[operator]
    assert min(shifts) >= 1 and max(shifts) <= 30 and len(shifts) > 5
    assert database.one("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'slipway%'") == 0
    assert database.one("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND condeferrable") == 0


def test_the_report_has_every_check(database: Database) -> None:
    report = report_from_log(database.sanitize(POLICY).log.splitlines())
    assert {check.kind for check in report.checks} == {
        "drift",
        "exact",
        "treated",
        "truncated",
        "database",
        "statistics",
        "foreign key",
        "catalog",
        "owner",
        "rewritten",
        "space",
        "scan",
    }
    assert {check.column for check in report.treated if check.table == "public.people"} >= {"email", "card"}
    assert report.failed == () and report.unlisted == ()


def test_an_update_that_a_rule_discards_is_found(database: Database) -> None:
    """A shifted date has no pattern: the sum of the expected values is compared. Rules are off in a run."""
    database.run("""
        CREATE TABLE born (id int PRIMARY KEY, day date, at timestamptz, code numeric(12, 2), mark uuid);
        INSERT INTO born SELECT n, '2000-01-01'::date + n, now(), n, gen_random_uuid()
            FROM generate_series(1, 50) n""")
    columns = ('day = "shift 30 by id"', 'at = "shift 9 by day"', 'code = "hash"', 'mark = "hash"')
    policy = POLICY + '[tables.born]\nid = "keep"\n' + "\n".join(columns)
    done = database.sanitize(policy)
    assert (done.status, done.failed()) == (0, []), done.log
    exact = [check for check in done.checks if check["check"] == "exact" and "born" in check["table"]]
    assert [(c["column"], c["rows"], c["bad"]) for c in exact] == [
        (name, 50, 0) for name in ("day", "at", "code", "mark")
    ]
    database.run("CREATE RULE swallow AS ON UPDATE TO born DO INSTEAD NOTHING")
    scripts = compile_policy(parse_policy(policy))
    done = sanitize(
        database.login, [s for s in scripts if s.name not in ("undo.save", "relax.gen", "undo.saved")]
    )
    assert done.status == 9, done.log
    assert {check["column"] for check in done.failed() if check["check"] == "exact"} == {
        "day",
        "at",
        "code",
        "mark",
    }


def test_rows_that_row_security_hides_stop_the_run(database: Database) -> None:
    database.run("""
        ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
        ALTER TABLE orders FORCE ROW LEVEL SECURITY;
        CREATE POLICY few ON orders USING (id < 10)""")
    done = database.sanitize(POLICY)
    assert done.status == 3
    assert 'row-level security policy for table "orders"' in done.log
    lifted = 'before = "ALTER TABLE orders NO FORCE ROW LEVEL SECURITY"\n' + POLICY
    assert database.sanitize(lifted).status == 0


def test_views_are_refreshed_in_dependency_order(database: Database) -> None:
    database.run("""
        CREATE VIEW between AS SELECT ''::varchar(30) AS email;
        CREATE MATERIALIZED VIEW first AS SELECT email FROM between;
        CREATE MATERIALIZED VIEW second AS SELECT email FROM people;
        CREATE OR REPLACE VIEW between AS SELECT email FROM second;
        REFRESH MATERIALIZED VIEW first""")
    done = database.sanitize(POLICY)
    assert done.status == 0, done.log
    assert database.one("SELECT count(*) FROM first WHERE email LIKE '%real%'") == 0
    assert database.one("SELECT count(*) FROM first") == 300


def test_a_table_that_inherits_is_treated_once(database: Database) -> None:
    database.run("""
        CREATE TABLE people_of_crm (source text) INHERITS (people);
        INSERT INTO people_of_crm (id, email, source) VALUES (7, 'person7@real.test', 'x')""")
    inherits = PEOPLE.replace("[tables.people]", "[tables.people_of_crm]") + 'source = "keep"\n'
    done = database.sanitize(POLICY + inherits)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT count(DISTINCT email) FROM people WHERE id = 7") == 1


def test_a_sample_keeps_related_rows_together(database: Database) -> None:
    sampled = ORDERS.replace("[tables.orders]", '[tables.orders]\n"*" = "sample 20"')
    done = database.sanitize(POLICY.replace(ORDERS, sampled))
    assert (done.status, done.failed()) == (0, []), done.log
    orders, lines = database.rows("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM lines)")[0]
    assert isinstance(orders, int) and 100 < orders < 260
    assert isinstance(lines, int) and 0 < lines < 2 * 260
    assert database.one("SELECT count(*) FROM people") == 300


def test_triggers_do_not_fire_and_are_enabled_again(database: Database) -> None:
    database.run("""
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO history VALUES (0, OLD.email);
            NEW.email := OLD.email; RETURN NEW; END $$;
        CREATE TRIGGER undo BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION undo();
        ALTER TABLE people ENABLE ALWAYS TRIGGER undo""")
    done = database.sanitize(POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT count(*) FROM people WHERE email LIKE '%real%'") == 0
    assert database.one("SELECT tgenabled FROM pg_trigger WHERE tgname = 'undo'") == "A"


def fails(done: Sanitized, kind: str, where: str = "") -> None:
    assert done.status == 9, done.log
    assert any(check["check"] == kind and where in str(check) for check in done.failed()), done.failed()


def test_a_new_column_stops_the_run_before_anything_changes(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN contact text")
    done = database.sanitize(POLICY)
    fails(done, "drift", "public.orders.contact")
    assert database.one("SELECT count(*) FROM people WHERE email LIKE '%real%'") == 300


@pytest.mark.thorough
def test_a_new_table_stops_the_run(database: Database) -> None:
    database.run("CREATE SCHEMA crm; CREATE TABLE crm.leads (email text)")
    fails(database.sanitize(POLICY), "drift", "crm.leads.email")


def test_a_misspelled_column_stops_the_run(database: Database) -> None:
    fails(database.sanitize(POLICY.replace("phone =", "fone =")), "drift", "public.people.fone")


def test_personal_data_in_free_text_is_found(database: Database) -> None:
    leaks = {
        "email": "ask jane.doe@corp.test",
        "card": "paid with 4539 5787 6362 1486",
        "phone": "call +43 660 1234567",
        "national_id": "ssn 078-05-1120",
        "iban": "to AT61 1904 3002 3457 3201",
        "key": "AKIAIOSFODNN7EXAMPLE",  # pragma: allowlist secret
    }
    database.run("ALTER TABLE orders ADD COLUMN comment text")
    for number, text in enumerate(leaks.values(), 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    kept = POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n')
    done = database.sanitize(kept)
    assert done.status == 9
    found = {check["kind"]: check["bad"] for check in done.failed() if check["column"] == "comment"}
    assert found == dict.fromkeys(leaks, 1)
    assert not any(text in done.log for text in leaks.values()), "a report tells where, never what"
    allowed = (
        'allow_domains = ["corp.test"]\n'
        + kept
        + ('\n[allow]\n"orders.comment" = ["card", "phone", "national_id", "iban", "key"]\n')
    )
    assert database.sanitize(allowed).status == 0


@pytest.mark.thorough
def test_similar_patterns_are_not_findings(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment text")
    innocent = [
        "order 4539578763621487",
        "at 1700000000000 ms",
        "user@example.com",
        "v1.2.3 on 10.0.0.1",
        "2024-05-06",
    ]
    for number, text in enumerate(innocent, 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    done = database.sanitize(POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n'))
    assert (done.status, done.failed()) == (0, []), done.log


@pytest.mark.thorough
def test_values_that_differ_in_case_get_different_fakes_with_case_exact(database: Database) -> None:
    database.run("UPDATE people SET email = 'PERSON2@real.test' WHERE id = 1")
    folded = database.sanitize(POLICY)
    assert folded.status == 3 and "duplicate key" in folded.log
    done = database.sanitize("case = 'exact'\n" + POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT COUNT(DISTINCT email) FROM people") == 300


@pytest.mark.thorough
def test_rows_of_a_block_are_counted_and_wide_tables_are_scanned(database: Database) -> None:
    columns = [f"c{place}" for place in range(250)]
    database.run(f"CREATE TABLE wide (id int, {', '.join(f'{name} text' for name in columns)})")
    database.run("""
        INSERT INTO wide (id, c0, c1, c249) SELECT n, 'order ' || n, CASE WHEN n % 1000 = 0 THEN
            'ask jane' || n || '@corp.test' ELSE 'user@example.com' END,
            CASE n WHEN 2999 THEN '4539578763621486' END FROM generate_series(1, 3000) n;
        INSERT INTO wide (id, c2) VALUES (0, repeat('long text ', 10000) || '+43 660 1234567');
        CREATE TABLE empty (note text)""")
    kept = "".join(f'{name} = "keep"\n' for name in ["id", *columns])
    done = database.sanitize(POLICY + f'[tables.wide]\n{kept}[tables.empty]\nnote = "keep"\n')
    found = {(check["column"], check["kind"], check["rows"]): check["bad"] for check in done.failed()}
    assert found == {("c1", "email", 3001): 3, ("c249", "card", 3001): 1, ("c2", "phone", 3001): 1}
    empty = {(c["rows"], c["bad"]) for c in done.checks if c["check"] == "scan" and "empty" in c["table"]}
    assert empty == {(0, 0)}


@pytest.mark.thorough
def test_a_card_number_next_to_another_number_is_found(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment text")
    for number, text in enumerate(CARDS + NO_CARDS, 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    done = database.sanitize(POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n'))
    found = {check["kind"]: check["bad"] for check in done.failed()}
    assert found == {"card": len(CARDS)}


def test_every_format_of_a_secret_and_a_personal_value_is_found(database: Database) -> None:
    texts = [(kind, text) for kind, texts in LEAKS.items() for text in texts]
    quoted = ["'see " + text.replace("'", "''") + " there'" for _, text in texts]
    database.run(f"CREATE TABLE leaks ({', '.join(f'c{place} text' for place in range(len(texts)))})")
    database.run(f"INSERT INTO leaks VALUES ({', '.join(quoted)})")
    kept = "\n".join(f'c{place} = "keep"' for place in range(len(texts)))
    done = database.sanitize(POLICY + f"\n[tables.leaks]\n{kept}\n")
    found = {(check["column"], check["kind"]) for check in done.failed()}
    assert [text for place, (kind, text) in enumerate(texts) if (f"c{place}", kind) not in found] == []


@pytest.mark.thorough
def test_an_address_that_only_begins_like_an_allowed_one_is_found(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment text")
    for number, text in enumerate([*ADDRESSES, *NONE_OF_THEM], 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    done = database.sanitize(POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n'))
    fails(done, "scan", f"'kind': 'email', 'rows': 900, 'bad': {len(ADDRESSES)}")


def test_a_value_that_a_rule_restores_is_found(database: Database) -> None:
    after = "after = \"UPDATE people SET email = 'back' || id || '@real.test' WHERE id < 4\"\n"
    done = database.sanitize(after + POLICY)
    fails(done, "treated", "'bad': 3")


def test_a_foreign_key_that_was_never_validated_is_checked(database: Database) -> None:
    database.run("""
        CREATE TABLE loose (id int PRIMARY KEY, person int);
        INSERT INTO loose VALUES (1, 4711);
        ALTER TABLE loose ADD FOREIGN KEY (person) REFERENCES people NOT VALID""")
    done = database.sanitize(POLICY + '[tables.loose]\nid = "keep"\nperson = "keep"\n')
    fails(done, "foreign key", "loose_person_fkey")


def test_an_error_in_the_sql_fails_the_task(database: Database) -> None:
    done = database.sanitize("before = 'UPDATE nowhere SET x = 1'\n" + POLICY)
    assert done.status == 3
    assert 'relation "nowhere" does not exist' in done.log


def test_the_child_of_a_personal_key_is_suggested_as_personal(database: Database) -> None:
    database.run("CREATE TABLE accounts (email text PRIMARY KEY)")
    database.run("CREATE TABLE visits (who text, FOREIGN KEY (who) REFERENCES accounts (email))")
    report = report_from_log(database.sanitize("version = 1").log.splitlines())
    (who,) = (each for each in suggest_treatments(report) if each.column == "who")
    assert (who.treatment, who.reason) == ("fake email", "refers to public.accounts.email")


def test_a_policy_is_suggested_from_a_survey(database: Database) -> None:
    survey = database.sanitize("version = 1")
    fails(survey, "drift", "public.people.email")
    text = suggestions_as_toml(suggest_treatments(report_from_log(survey.log.splitlines())))
    assert '"email" = "fake email"' in text
    assert '"born" = "shift 180 by id"' in text
    done = database.sanitize(text)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT count(*) FROM people WHERE email LIKE '%real%' OR phone LIKE '+43%'") == 0


LEADS = """
    [databases.crm.tables.leads]
    id = "keep"
    email = "fake email"
    """


def test_several_databases_are_compared_treated_and_verified(database: Database) -> None:
    """Both get the same fakes; nothing changes before each database is compared."""
    database.create("crm")
    crm = database.other("crm")
    crm.run(
        "CREATE TABLE leads (id int PRIMARY KEY, email text);"
        "INSERT INTO leads VALUES (1, 'person1@real.test')"
    )
    fails(database.sanitize(POLICY), "database", "crm")
    assert database.one("SELECT count(*) FROM people WHERE email LIKE '%real%'") == 300
    fails(database.sanitize(POLICY + LEADS.replace("email =", "mail =")), "drift", "public.leads.email")
    done = database.sanitize(POLICY + LEADS)
    assert (done.status, done.failed()) == (0, []), done.log
    assert crm.one("SELECT email FROM leads") == database.one("SELECT email FROM people WHERE id = 1")
    report = report_from_log(done.log.splitlines())
    assert "crm:public.leads" in {check.table for check in report.treated}


@pytest.mark.thorough
def test_a_survey_lists_the_columns_of_a_named_database(database: Database) -> None:
    database.create("crm")
    database.other("crm").run("CREATE TABLE leads (id int, email text)")
    survey = database.sanitize("[databases.crm]")
    text = suggestions_as_toml(suggest_treatments(report_from_log(survey.log.splitlines())))
    assert '[databases.crm.tables.leads]\n"id" = "keep"' in text and "[tables.people]" in text


def test_the_default_database_is_checked(database: Database) -> None:
    database.superuser("postgres", "CREATE TABLE forgotten (email text)")
    try:
        fails(database.sanitize(POLICY), "database", "'table': 'postgres'")
    finally:
        database.superuser("postgres", "DROP TABLE forgotten")
