"""Unique columns on real servers stay unique, up to the last fake, and joins still match."""

from pathlib import Path

import pytest

from ops.snapshots.policy.fakes import COLLISION_FREE, FAKE_RANGES
from ops.snapshots.report import report_from_log
from tests.ops.snapshots.databases import Start, numbers, passes, treated
from tests.ops.snapshots.postgres import test_compiler as test_postgres

ACCOUNTS = """
    CREATE TABLE accounts (id INT PRIMARY KEY, phone VARCHAR(20) UNIQUE, card VARCHAR(19) UNIQUE,
        code INT UNIQUE);
    INSERT INTO accounts SELECT n, CONCAT('+43 660 ', 1000000 + n), 4539000000000000 + n, n FROM {numbers};
    INSERT INTO accounts (id) VALUES (0), (-1);
    CREATE TABLE calls (id INT PRIMARY KEY, phone VARCHAR(20), code INT, card TEXT);
    INSERT INTO calls SELECT id, phone, code, card FROM accounts WHERE id > 180000;"""
ACCOUNT_POLICY = """
    [tables.accounts]
    id = "keep"
    phone = "fake phone"
    card = "fake card"
    code = "hash"
    [tables.calls]
    id = "keep"
    phone = "fake phone"
    code = "hash"
    card = "fake card"
    """


@pytest.mark.thorough
def test_hundreds_of_thousands_of_numbers_stay_unique_and_joined(start: Start) -> None:
    """By chance alone, about 30 codes, 20 cards, and 2 phones would be duplicates."""
    database, count = start(), 200_000
    database.run(ACCOUNTS.format(numbers=numbers(database, count)))
    passes(done := treated(database, ACCOUNT_POLICY))
    counted = database.rows(
        "SELECT COUNT(DISTINCT phone), COUNT(DISTINCT card), COUNT(DISTINCT code), "
        "COUNT(*), SUM(CASE WHEN phone IS NULL AND card IS NULL AND code IS NULL THEN 1 END) FROM accounts"
    )
    assert counted == [(count, count, count, count + 2, 2)]
    for column in ("phone", "code", "card"):
        joined = f"SELECT COUNT(*) FROM calls c JOIN accounts a ON a.id = c.id AND a.{column} = c.{column}"
        assert database.one(joined) == 20_000
    assert database.one(f"SELECT COUNT(*) FROM accounts WHERE code BETWEEN 1 AND {count}") == 0
    told = {(check["column"], check["rows"]) for check in done.checks if check["check"] == "space"}
    assert told == {(column, count) for column in ("phone", "card", "code")}


@pytest.mark.each_engine
def test_truncated_fakes_stay_unique(start: Start) -> None:
    """By chance, 200 pagers and 190 marks would be duplicates; a unique column is computed from the mark."""
    database, count = start(), 20_000
    database.run(f"""
        CREATE TABLE pagers (id INT PRIMARY KEY, pager VARCHAR(10) NOT NULL, mark VARCHAR(5) NOT NULL,
            same VARCHAR(5) GENERATED ALWAYS AS (left(mark, 5)) STORED UNIQUE, UNIQUE (pager));
        INSERT INTO pagers (id, pager, mark) SELECT n, CONCAT('0660', n), CONCAT(n)
            FROM {numbers(database, count)};
        CREATE TABLE copies (id INT PRIMARY KEY, pager VARCHAR(10), mark VARCHAR(5),
            FOREIGN KEY (pager) REFERENCES pagers (pager));
        CREATE INDEX of_pager ON copies (pager);
        INSERT INTO copies SELECT id, pager, mark FROM pagers WHERE id <= 5000;""")
    if isinstance(database, test_postgres.Database):
        database.run("ANALYZE")  # else it looks for foreign keys as in empty tables
    policy = "".join(
        f'[tables.{table}]\nid = "keep"\npager = "fake phone"\nmark = "hash"\n'
        for table in ("pagers", "copies")
    )
    passes(treated(database, policy))
    assert database.rows("SELECT COUNT(DISTINCT pager), COUNT(DISTINCT mark) FROM pagers") == [(count, count)]
    joined = (
        "SELECT COUNT(*) FROM copies c JOIN pagers p ON p.id = c.id AND p.pager = c.pager AND p.mark = c.mark"
    )
    assert database.one(joined) == 5000


def test_the_last_fake_is_used(start: Start) -> None:
    """Uses all 100 postcodes of two digits, all 8 cities, and all 50 numbers."""
    database = start()
    database.run(f"""
        CREATE TABLE towns (id INT PRIMARY KEY, postcode CHAR(2) UNIQUE, city VARCHAR(20) UNIQUE);
        INSERT INTO towns SELECT n, CONCAT('p', n), CASE WHEN n < 9 THEN CONCAT('City ', n) END
            FROM {numbers(database, 9)};
        INSERT INTO towns SELECT 9 + n, CONCAT(CHR(96 + n), 'x'), NULL FROM {numbers(database, 26)};
        INSERT INTO towns SELECT 35 + n, CONCAT(CHR(96 + n), 'y'), NULL FROM {numbers(database, 26)};
        INSERT INTO towns SELECT 61 + n, CONCAT(CHR(96 + n), 'z'), NULL FROM {numbers(database, 26)};
        INSERT INTO towns SELECT 87 + n, CONCAT(CHR(96 + n), 'w'), NULL FROM {numbers(database, 13)};
        CREATE TABLE levels (level DECIMAL(2, 0) PRIMARY KEY);
        INSERT INTO levels SELECT 2 * n - 1 FROM {numbers(database, 50)};""")
    policy = '[tables.towns]\nid = "keep"\npostcode = "fake postcode"\ncity = "fake city"\n'
    passes(treated(database, policy + '[tables.levels]\nlevel = "hash"\n'))
    assert database.one("SELECT COUNT(DISTINCT postcode) FROM towns") == 100
    assert database.one("SELECT COUNT(DISTINCT city) FROM towns") == 8
    assert [level for (level,) in database.rows("SELECT level FROM levels ORDER BY level")] == list(
        range(0, 100, 2)
    ), "all that were no level before"


WORDS = {
    kind: FAKE_RANGES[kind].base for kind in ("address", "name", "ip", "first_name", "last_name", "company")
}


def test_every_fake_of_words_is_used_once(start: Start) -> None:
    """With as many values as fakes, each fake is used once and matches its pattern."""
    database = start()
    columns = ", ".join(f"{kind} VARCHAR(60) UNIQUE" for kind in WORDS)
    values = ", ".join(f"CASE WHEN n <= {count} THEN CONCAT('v', n) END" for count in WORDS.values())
    database.run(f"""
        CREATE TABLE words (id INT PRIMARY KEY, {columns});
        INSERT INTO words SELECT n, {values} FROM {numbers(database, max(WORDS.values()))};""")
    treatments = "\n".join(f'{kind} = "fake {kind}"' for kind in WORDS)
    passes(treated(database, f'[tables.words]\nid = "keep"\n{treatments}\n'))
    for kind, count in WORDS.items():
        assert database.one(f"SELECT COUNT(DISTINCT {kind}) FROM words") == count


def test_too_many_values_fail_before_anything_is_treated(start: Start) -> None:
    database = start()
    database.run(f"""
        CREATE TABLE towns (id INT PRIMARY KEY, code CHAR(1) UNIQUE, city VARCHAR(20) UNIQUE, mail TEXT);
        INSERT INTO towns SELECT n, CHR(70 + n), CONCAT('City ', n), 'jane@corp.test'
            FROM {numbers(database, 17)};
        CREATE TABLE levels (level DECIMAL(2, 0) PRIMARY KEY);
        INSERT INTO levels SELECT n FROM {numbers(database, 51)};""")
    done = treated(
        database,
        '[tables.towns]\nid = "keep"\ncode = "hash"\ncity = "fake city"\nmail = "fake email"\n'
        '[tables.levels]\nlevel = "hash"\n',
    )
    assert done.status == 9, done.log
    failed = {(c["column"], c["rows"], c["bad"]) for c in done.failed() if c["check"] == "space"}
    assert failed == {("code", 17, 1), ("city", 17, 9), ("level", 51, 2)}
    assert database.one("SELECT COUNT(*) FROM towns WHERE mail = 'jane@corp.test'") == 17
    messages = [check.message for check in report_from_log(done.log.splitlines()).failed]
    assert any("towns.city: 9 of 17 unique values are too many for fake city" in text for text in messages)


def test_the_guide_lists_the_numbers_of_fakes() -> None:
    guide = Path("docs/snapshots.md").read_text("utf-8")
    counts = {
        kind: room.base**room.width
        for kind, room in FAKE_RANGES.items()
        if room.base**room.width < COLLISION_FREE
    }
    assert {"phone", "card", "postcode", "name"} <= set(counts)
    assert [kind for kind, number in counts.items() if f" {number:,} " not in guide] == []
