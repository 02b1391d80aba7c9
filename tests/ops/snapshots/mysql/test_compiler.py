"""Policies on a real MariaDB: treatments, verification, and leaks that must fail the run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ops.embedded.ports import HOST
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.servers import Login
from ops.snapshots.mysql.compiler import compile_policy
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.suggest import suggest_treatments, suggestions_as_toml
from ops.snapshots.report import report_from_log
from tests.ops.snapshots import leaks
from tests.ops.snapshots.sanitizer import ADDRESSES, CARDS, NO_CARDS, NONE_OF_THEM, Sanitized, sanitize

pytestmark = pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")

PASSWORD = "correct-horse-1"
TABLES = """
    CREATE TABLE people (
        id INT PRIMARY KEY, email VARCHAR(30) UNIQUE, name TEXT, phone VARCHAR(20), card CHAR(16), born DATE,
        seen TIMESTAMP(3) NULL, notes TEXT, meta JSON, score INT, code BIGINT UNIQUE, `odd ``'name` LONGTEXT,
        short VARCHAR(4) CHARACTER SET latin1, changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00'
            ON UPDATE CURRENT_TIMESTAMP, initials VARCHAR(1) AS (LEFT(name, 1)) STORED);
    INSERT INTO people
        (id, email, name, phone, card, born, seen, notes, meta, score, code, `odd ``'name`, short)
        SELECT seq, CONCAT('person', seq, '@real.test'), CONCAT('María ', seq),
        CONCAT('+43 660 ', 1000000 + seq), '4539578763621486', DATE_ADD('1980-01-01', INTERVAL seq DAY),
        '2024-03-31 01:30:00.5', 'wrote a letter',
        '{"a": 1}', seq, seq, 'odd', 'Zoë' FROM seq_1_to_300;
    CREATE TABLE orders (id INT PRIMARY KEY, person INT NOT NULL, email VARCHAR(40) CHARACTER SET latin1,
        FOREIGN KEY (person) REFERENCES people (id));
    INSERT INTO orders
        SELECT seq, 1 + seq % 300, CONCAT('Person', 1 + seq % 300, '@real.test') FROM seq_1_to_900;
    CREATE TABLE `lines` (id INT PRIMARY KEY, ordered INT, parent INT,
        FOREIGN KEY (ordered) REFERENCES orders (id), FOREIGN KEY (parent) REFERENCES `lines` (id));
    INSERT INTO `lines` SELECT seq, 1 + seq % 900, IF(seq > 900, seq - 900, NULL) FROM seq_1_to_1800;
    CREATE TABLE history (id INT, line TEXT);
    INSERT INTO history SELECT seq, CONCAT('person', seq, '@real.test') FROM seq_1_to_300;
    CREATE VIEW emails AS SELECT email FROM people;
    ANALYZE TABLE people, history PERSISTENT FOR ALL;"""
PEOPLE = """
    [tables.people]
    id = "keep"
    email = "fake email"
    name = "fake name"
    phone = "fake phone"
    card = "fake card"
    born = "shift 30 by id"
    seen = "shift 400 by born"
    notes = "constant it's gone: \\\\ %s :x"
    meta = "constant {}"
    score = "null"
    code = "hash"
    "odd `'name" = "fake text"
    short = "fake first_name"
    changed = "keep"
    """
ORDERS = '[tables.orders]\nid = "keep"\nperson = "keep"\nemail = "fake email"\n'
LINES = '[tables.lines]\nid = "keep"\nordered = "keep"\nparent = "keep"\n'
HISTORY = '[tables.history]\n"*" = "truncate"\n'
POLICY = "\n".join(['engine = "mariadb"', PEOPLE, ORDERS, LINES, HISTORY])


class Database:
    """The only database of a server, recreated for each test and sanitized as the master user."""

    def __init__(self, servers: MariaDb, port: int) -> None:
        self._servers = servers
        self.login = Login(port, "master", PASSWORD, "shop")

    def run(self, sql: str) -> None:
        self._servers.load(self.login, [sql])

    def execute(self, sql: str) -> None:
        """As the cloud's superuser."""
        self._servers.execute(self.login.port, sql)

    def reset(self) -> None:
        self.execute(
            "SET foreign_key_checks = 0; DROP DATABASE shop; DROP DATABASE IF EXISTS crm; "
            "CREATE DATABASE shop; TRUNCATE mysql.column_stats"
        )
        self.run(TABLES)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with (
            pymysql.connect(
                host=HOST, port=self.login.port, user="master", password=PASSWORD, database="shop"
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return list(cursor.fetchall())

    def one(self, query: str) -> Any:
        ((value,),) = self.rows(query)
        return value

    def sanitize(self, policy: str) -> Sanitized:
        return sanitize(self.login, compile_policy(parse_policy(policy)), "mysql")


@pytest.fixture(scope="module")
def server(database_folder: Path) -> Iterator[tuple[MariaDb, int]]:
    servers = MariaDb(database_folder / "mariadb", {})
    yield servers, servers.create("policy", "master", PASSWORD, "shop")
    servers.delete("policy")


@pytest.fixture
def database(server: tuple[MariaDb, int]) -> Database:
    servers, port = server
    made = Database(servers, port)
    made.reset()
    return made


def test_a_policy_treats_and_verifies_every_column(database: Database) -> None:
    before = database.rows("SELECT id, born, seen FROM people ORDER BY id")
    done = database.sanitize(POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT COUNT(*) FROM people WHERE email LIKE '%real%' OR card LIKE '4539%'") == 0
    assert database.one("SELECT COUNT(DISTINCT email) FROM people") == 300
    joined = "SELECT COUNT(*) FROM orders o JOIN people p ON p.id = o.person AND p.email = o.email"
    assert database.one(joined) == 900
    left = (
        "SELECT COUNT(*) FROM people WHERE notes = 'it''s gone: \\\\ %s :x' AND meta = '{}' AND score IS NULL"
    )
    assert database.one(left) == 300
    assert database.one("SELECT COUNT(*) FROM people WHERE changed = '2020-01-01'") == 300
    assert database.one("SELECT COUNT(*) FROM history") == 0
    assert database.one("SELECT COUNT(*) FROM mysql.column_stats WHERE min_value LIKE '%real%'") == 0
    after = database.rows("SELECT id, born, seen FROM people ORDER BY id")
    shifts = {abs((new[1] - old[1]).days) for old, new in zip(before, after, strict=True)}
    assert min(shifts) >= 1 and max(shifts) <= 30 and len(shifts) > 5
    longer = {abs((new[2] - old[2]).days) for old, new in zip(before, after, strict=True)}
    assert min(longer) >= 1 and max(longer) <= 400 and len(longer) > 100
    assert database.rows("SHOW PROCEDURE STATUS WHERE Db = 'shop'") == []


# Values that a copy of a table must keep: the row 0, an empty enum value, and a zero date.
VISITS = """
    SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
    CREATE TABLE visits (
        id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, who VARCHAR(40) NOT NULL, day DATE NOT NULL,
        level ENUM ('low', 'high') NOT NULL, score DECIMAL(12, 3), ratio DOUBLE, raw VARBINARY(20),
        hidden INT INVISIBLE DEFAULT 7, stored DECIMAL(13, 3) AS (score * 2) STORED,
        shown VARCHAR(9) AS (LEFT(who, 9)) VIRTUAL, note TEXT,
        at TIMESTAMP(6) NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP(6),
        UNIQUE (who), INDEX (day, level), FULLTEXT (note), CHECK (score < 1000000)) COMMENT 'of people';
    INSERT INTO visits (id, who, day, level, score, ratio, raw, note)
        SELECT seq, CONCAT('person', seq, '@real.test'), '2021-02-03', 1 + seq % 2, seq / 3, SQRT(seq),
        MD5(seq), 'a word' FROM seq_0_to_99;
    UPDATE IGNORE visits SET level = 'neither' WHERE id = 5;
    UPDATE visits SET day = '2021-02-31', at = at WHERE id = 6;
    CREATE TRIGGER seen BEFORE INSERT ON visits FOR EACH ROW SET NEW.note = 'seen';"""
VISITED = """
    [tables.visits]
    id = "keep"
    who = "fake email"
    day = "keep"
    level = "keep"
    score = "keep"
    ratio = "keep"
    raw = "keep"
    hidden = "keep"
    note = "keep"
    at = "keep"
    """


@pytest.mark.thorough
def test_a_table_without_foreign_keys_keeps_everything_untreated(database: Database) -> None:
    database.run(VISITS)
    definition = "SHOW CREATE TABLE visits"
    columns = "id, day, level, level + 0, score, ratio, raw, hidden, stored, note, at"
    kept = f"SELECT {columns} FROM visits ORDER BY id"
    before = database.rows(definition), database.rows(kept)
    done = database.sanitize(POLICY + VISITED)
    assert (done.status, done.failed()) == (0, []), done.log
    assert (database.rows(definition), database.rows(kept)) == before
    assert database.one("SELECT COUNT(*) FROM visits WHERE who LIKE '%real%' OR shown LIKE 'person%'") == 0
    assert database.one("SELECT COUNT(DISTINCT who) FROM visits") == 100
    database.run("INSERT INTO visits (who, day, level) VALUES ('new', '2021-02-03', 'low')")
    assert database.rows("SELECT id, note, hidden FROM visits WHERE who = 'new'") == [(100, "seen", 7)]


def test_the_report_has_every_check(database: Database) -> None:
    report = report_from_log(database.sanitize(POLICY).log.splitlines())
    kinds = {"drift", "exact", "treated", "truncated", "statistics", "foreign key", "space", "scan"}
    kinds |= {"catalog", "constraint"}
    assert {check.kind for check in report.checks} == kinds
    assert {check.column for check in report.treated if check.table == "shop.people"} >= {"email", "card"}
    assert report.failed == () and report.unlisted == ()


@pytest.mark.thorough
def test_fakes_are_the_same_in_every_run(database: Database) -> None:
    assert database.sanitize(POLICY).status == 0
    first = database.rows("SELECT email, name, phone, card, born, code, short FROM people ORDER BY id")
    database.reset()
    assert database.sanitize(POLICY).status == 0
    assert (
        database.rows("SELECT email, name, phone, card, born, code, short FROM people ORDER BY id") == first
    )
    assert all(luhn(row[3]) for row in first)


def luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return sum(d if place % 2 == 0 else d * 2 - 9 * (d > 4) for place, d in enumerate(digits)) % 10 == 0


def test_a_sample_keeps_related_rows_together(database: Database) -> None:
    sampled = ORDERS.replace("[tables.orders]", '[tables.orders]\n"*" = "sample 20"')
    done = database.sanitize(POLICY.replace(ORDERS, sampled))
    assert (done.status, done.failed()) == (0, []), done.log
    ((orders, lines),) = database.rows("SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM `lines`)")
    assert 100 < orders < 260 and 0 < lines < 2 * 260
    assert database.one("SELECT COUNT(*) FROM people") == 300
    assert database.rows("SHOW PROCEDURE STATUS WHERE Db = 'shop'") == []


TRIGGERS = """
    DELIMITER //
    CREATE TRIGGER back BEFORE UPDATE ON people FOR EACH ROW BEGIN
        -- a comment; with 'quotes' and é
        INSERT INTO history VALUES (0, OLD.email);
        SET NEW.email = OLD.email;
    END//
    SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', character_set_client = latin1//
    CREATE TRIGGER "od`d" BEFORE UPDATE ON people FOR EACH ROW SET NEW."score" = 1, NEW.notes = '\\'//
    SET sql_mode = ''//
    CREATE TRIGGER first_of_all BEFORE UPDATE ON people FOR EACH ROW PRECEDES back SET NEW.score = 2//
    DELIMITER ;"""


def test_triggers_do_not_fire_and_are_restored(database: Database) -> None:
    database.run(TRIGGERS)
    all_of_them = (
        "SELECT TRIGGER_NAME, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER, ACTION_STATEMENT, SQL_MODE, "
        "DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION FROM information_schema.TRIGGERS "
        "WHERE TRIGGER_SCHEMA = 'shop' ORDER BY ACTION_ORDER"
    )
    before = database.rows(all_of_them)
    assert [row[0] for row in before] == ["first_of_all", "back", "od`d"]
    done = database.sanitize(POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.rows(all_of_them) == before
    assert database.one("SELECT COUNT(*) FROM people WHERE email LIKE '%real%'") == 0


def test_a_trigger_of_another_user_fails_before_anything_changes(database: Database) -> None:
    database.execute(
        "CREATE DEFINER = 'else'@'%' TRIGGER shop.theirs AFTER UPDATE ON shop.people FOR EACH ROW SET @x = 1"
    )
    fails(database.sanitize(POLICY), "definer", "theirs")
    assert database.one("SELECT COUNT(*) FROM people WHERE email LIKE '%real%'") == 300


def fails(done: Sanitized, kind: str, where: str = "") -> None:
    assert done.status == 9, done.log
    assert any(check["check"] == kind and where in str(check) for check in done.failed()), done.failed()


def test_a_new_column_stops_the_run_before_anything_changes(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN contact TEXT")
    fails(database.sanitize(POLICY), "drift", "shop.orders.contact")
    assert database.one("SELECT COUNT(*) FROM people WHERE email LIKE '%real%'") == 300


def test_another_database_is_drift_unless_it_is_listed(database: Database) -> None:
    database.run("""
        CREATE DATABASE crm; CREATE TABLE crm.leads (id INT PRIMARY KEY, person INT, email TEXT,
            FOREIGN KEY (person) REFERENCES shop.people (id));
        INSERT INTO crm.leads VALUES (1, 7, 'person7@real.test')""")
    fails(database.sanitize(POLICY), "drift", "crm.leads.email")
    more = '[tables."crm.leads"]\nid = "keep"\nperson = "keep"\nemail = "fake email"\n'
    done = database.sanitize(POLICY + more)
    assert (done.status, done.failed()) == (0, []), done.log
    assert (
        database.one(
            "SELECT COUNT(*) FROM crm.leads l JOIN people p ON p.id = l.person AND p.email = l.email"
        )
        == 1
    )
    kept = database.sanitize('unlisted = "keep"\n' + POLICY)
    assert kept.status == 0, kept.log


@pytest.mark.thorough
def test_a_misspelled_column_stops_the_run(database: Database) -> None:
    fails(database.sanitize(POLICY.replace("phone =", "fone =")), "drift", "shop.people.fone")


LEAKS = {
    "email": "ask jane.doe@corp.test",
    "card": "paid 77 with 4539 5787 6362 1486",
    "phone": "call +43 660 1234567",
    "national_id": "ssn 078-05-1120",
    "iban": "to AT61 1904 3002 3457 3201",
    "key": "AKIAIOSFODNN7EXAMPLE",  # pragma: allowlist secret
}


def test_personal_data_in_free_text_is_found(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment TEXT")
    for number, text in enumerate(LEAKS.values(), 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    kept = POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n')
    done = database.sanitize(kept)
    assert done.status == 9
    found = {check["kind"]: check["bad"] for check in done.failed() if check["column"] == "comment"}
    assert found == dict.fromkeys(LEAKS, 1)
    assert not any(text in done.log for text in LEAKS.values()), "a report tells where, never what"
    allowed = '\n[allow]\n"orders.comment" = ["card", "phone", "national_id", "iban", "key"]\n'
    passed = database.sanitize('allow_domains = ["corp.test"]\n' + kept + allowed)
    assert passed.status == 0, passed.failed()


@pytest.mark.thorough
def test_similar_patterns_are_not_findings(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment TEXT")
    innocent = [
        "order 4539578763621487",
        "at 1700000000000 ms",
        "User@Example.com",
        "v1.2.3 on 10.0.0.1",
        "2024-05-06",
        "GB82 WEST 1234 5698 7654 33",
        "a" * 60000,
    ]
    for number, text in enumerate(innocent, 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    done = database.sanitize(POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n'))
    assert (done.status, done.failed()) == (0, []), done.log


@pytest.mark.thorough
def test_values_that_differ_in_case_get_different_fakes_with_case_exact(database: Database) -> None:
    database.run("ALTER TABLE people MODIFY email VARCHAR(30) COLLATE utf8mb4_bin")
    database.run("UPDATE people SET email = 'PERSON2@real.test' WHERE id = 1")
    folded = database.sanitize(POLICY)
    assert folded.status == 3 and "Duplicate entry (not shown)" in folded.log
    database.reset()
    database.run("ALTER TABLE people MODIFY email VARCHAR(30) COLLATE utf8mb4_bin")
    database.run("UPDATE people SET email = 'PERSON2@real.test' WHERE id = 1")
    done = database.sanitize("case = 'exact'\n" + POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT COUNT(DISTINCT email) FROM people") == 300


@pytest.mark.thorough
def test_a_card_number_next_to_another_number_is_found(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment TEXT")
    for number, text in enumerate(CARDS + NO_CARDS, 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    done = database.sanitize(POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n'))
    found = {check["kind"]: check["bad"] for check in done.failed()}
    assert found == {"card": len(CARDS)}


@pytest.mark.thorough
def test_every_format_of_a_secret_and_a_personal_value_is_found(database: Database) -> None:
    texts = [(kind, text) for kind, texts in leaks.LEAKS.items() for text in texts]
    quoted = [
        "'see " + text.replace("'", "''").replace(chr(92), chr(92) * 2) + " there'" for _, text in texts
    ]
    database.run(f"CREATE TABLE leaks ({', '.join(f'c{place} text' for place in range(len(texts)))})")
    database.run(f"INSERT INTO leaks VALUES ({', '.join(quoted)})")
    kept = "\n".join(f'c{place} = "keep"' for place in range(len(texts)))
    done = database.sanitize(POLICY + f"\n[tables.leaks]\n{kept}\n")
    found = {(check["column"], check["kind"]) for check in done.failed()}
    assert [text for place, (kind, text) in enumerate(texts) if (f"c{place}", kind) not in found] == []


@pytest.mark.thorough
def test_an_address_that_only_begins_like_an_allowed_one_is_found(database: Database) -> None:
    database.run("ALTER TABLE orders ADD COLUMN comment TEXT")
    for number, text in enumerate([*ADDRESSES, *NONE_OF_THEM], 1):
        database.run(f"UPDATE orders SET comment = '{text}' WHERE id = {number}")
    done = database.sanitize(POLICY.replace(ORDERS, ORDERS + 'comment = "keep"\n'))
    fails(done, "scan", f"'kind': 'email', 'rows': 900, 'bad': {len(ADDRESSES)}")


def test_a_restored_value_is_found(database: Database) -> None:
    after = "after = \"UPDATE people SET email = CONCAT('back', id, '@real.test') WHERE id < 4\"\n"
    fails(database.sanitize(after + POLICY), "treated", "'bad': 3")


def test_a_foreign_key_that_was_never_checked_is_checked(database: Database) -> None:
    database.run("""
        SET foreign_key_checks = 0;
        CREATE TABLE loose (id INT PRIMARY KEY, person INT, CONSTRAINT to_nobody FOREIGN KEY (person)
            REFERENCES people (id));
        INSERT INTO loose VALUES (1, 4711)""")
    done = database.sanitize(POLICY + '[tables.loose]\nid = "keep"\nperson = "keep"\n')
    fails(done, "foreign key", "to_nobody")


def test_history_and_logs_hold_no_old_rows(database: Database) -> None:
    database.run("""
        CREATE TABLE versioned (id INT PRIMARY KEY, email TEXT) WITH SYSTEM VERSIONING;
        INSERT INTO versioned VALUES (1, 'jane@corp.test'); UPDATE versioned SET email = 'joan@corp.test'""")
    database.execute("GRANT DELETE HISTORY ON *.* TO master; SET GLOBAL general_log = ON")
    try:
        done = database.sanitize(POLICY + '[tables.versioned]\nid = "keep"\nemail = "fake email"\n')
    finally:
        database.execute("SET GLOBAL general_log = OFF")
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT COUNT(*) FROM versioned FOR SYSTEM_TIME ALL WHERE email LIKE '%corp%'") == 0
    assert database.one("SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '%SET @salt%'") == 0
    assert (
        database.one("SELECT COUNT(*) FROM mysql.general_log_backup WHERE argument LIKE '%SET @salt%'") == 0
    )


def test_an_error_in_the_sql_fails_the_task_and_quotes_no_value(database: Database) -> None:
    done = database.sanitize("before = 'UPDATE nowhere SET x = 1'\n" + POLICY)
    assert done.status == 3
    assert "Table 'shop.nowhere' doesn't exist" in done.log
    done = database.sanitize(
        "before = \"INSERT INTO people (id, email) VALUES (0, 'person7@real.test')\"\n" + POLICY
    )
    assert done.status == 3
    assert "Duplicate entry (not shown)" in done.log and "person7" not in done.log


@pytest.mark.thorough
def test_the_child_of_a_personal_key_is_suggested_as_personal(database: Database) -> None:
    database.run("CREATE TABLE accounts (email varchar(40) PRIMARY KEY)")
    database.run("CREATE TABLE visits (who varchar(40), FOREIGN KEY (who) REFERENCES accounts (email))")
    report = report_from_log(database.sanitize('version = 1\nengine = "mariadb"').log.splitlines())
    (who,) = (each for each in suggest_treatments(report) if each.column == "who")
    assert (who.treatment, who.reason) == ("fake email", "refers to shop.accounts.email")


def test_a_policy_is_suggested_from_a_survey(database: Database) -> None:
    survey = database.sanitize('version = 1\nengine = "mariadb"')
    fails(survey, "drift", "shop.people.email")
    text = suggestions_as_toml(suggest_treatments(report_from_log(survey.log.splitlines())))
    assert '[tables."shop.people"]' in text
    assert '"email" = "fake email"' in text and '"meta" = "constant {}"' in text
    assert '"born" = "shift 180 by id"' in text
    done = database.sanitize('engine = "mariadb"\n' + text)
    assert (done.status, done.failed()) == (0, []), done.log
    assert database.one("SELECT COUNT(*) FROM people WHERE email LIKE '%real%' OR phone LIKE '+43%'") == 0
