"""The treatment "keep format" on real servers of every engine, against a reference in Python."""

import re

import pytest

from ops.snapshots.report import report_from_log
from tests.ops.snapshots.databases import Database, Start, numbers, passes, treated
from tests.ops.snapshots.formats import formatted, is_iban, is_national_id, luhn
from tests.ops.snapshots.sanitizer import SALT

VALUES = {
    "": (
        "AB-1234/x",
        "",
        "7",
        "Straße 5\tÉmile",
        "customer-number-0000000000000000000000000000123456789-ABC",
    ),
    "prefix 4": ("CH-99.1234", "ab", "AéZ-12345"),
    "email": ("Ada.Stone+7@corp.test", "nobody", '"a@b"@corp.test', "é1@corp.test"),
    "card": ("4539578763621486", "3782 822463 10005", "4539-5787-6362-1487", "12"),
    "card prefix 6": ("4539578763621486", "453957 876362 1486"),
    "iban": ("DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "DE00370400440532013000", "none"),
    "pesel": ("44051401359", "44051401358"),
    "dni": ("12345678Z", "X1234567L", "12345678-I", "12345678A"),  # pragma: allowlist secret
    "nir": ("255081416802538", "2 55 08 14 168 025 38", "255081416802500"),
    "cpf": ("111.444.777-35", "11144477734"),
}


def has_luhn(text: str) -> bool:
    return luhn(re.sub(r"[ -]", "", text))


def has_pesel_digit(text: str) -> bool:
    return sum(int(d) * w for d, w in zip(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True)) % 10 == 0


def has_nir_number(text: str) -> bool:
    digits = text.replace(" ", "")
    return int(digits[:13]) % 97 + int(digits[13:]) == 97


VALID = {
    "card": has_luhn,
    "card prefix 6": has_luhn,
    "iban": is_iban,
    "pesel": has_pesel_digit,
    "dni": is_national_id,
    "nir": has_nir_number,
    "cpf": is_national_id,
}


def columns() -> list[str]:
    return [kind.replace(" ", "_") or "plain" for kind in VALUES]


def codes(start: Start) -> Database:
    database = start()
    made = ", ".join(f"{column} VARCHAR(90)" for column in columns())
    database.run(f"CREATE TABLE codes (id INT PRIMARY KEY, {made})")
    for place in range(5):
        cells = [items[place] if place < len(items) else None for items in VALUES.values()]
        texts = ", ".join("NULL" if cell is None else "'" + cell.replace("'", "''") + "'" for cell in cells)
        database.run(f"INSERT INTO codes VALUES ({place}, {texts})")
    return database


POLICY = "\n".join(
    ["[tables.codes]", 'id = "keep"']
    + [
        f'{column} = "{f"keep format {kind}".strip()}"'
        for column, kind in zip(columns(), VALUES, strict=True)
    ]
)


@pytest.mark.each_engine
def test_every_kind_matches_the_reference_and_stays_valid(start: Start) -> None:
    database = codes(start)
    passes(done := treated(database, POLICY))
    assert {c["column"] for c in done.checks if c["check"] == "exact"} == set(columns())
    rows = database.rows(f"SELECT {', '.join(columns())} FROM codes ORDER BY id")
    for place, (kind, items) in enumerate(VALUES.items()):
        found = [row[place] for row in rows][: len(items)]
        check, _, kept = kind.partition("prefix ")
        assert found == [formatted(item, check.strip(), int(kept or 0), SALT) for item in items], kind
        assert all(row[place] is None for row in rows[len(items) :]), "NULL stays NULL"
        for old, new in zip(items, map(str, found), strict=True):
            assert shape(old) == shape(new) and new[: int(kept or 0)] == old[: int(kept or 0)]
            assert new != old or len(old) < 3, f"{old} was not replaced"
            if kind in VALID and old != items[-1]:
                assert VALID[kind](new) == VALID[kind](old), f"{old} → {new}"
    assert str(rows[0][2]).endswith("@corp.test")


def shape(text: str) -> str:
    text = re.sub(r"[^ -~]", "x", text)
    for pattern, letter in ((r"[A-Z]", "A"), (r"[a-z]", "a"), (r"\d", "0")):
        text = re.sub(pattern, letter, text)
    return text


def test_unique_columns_stay_unique_and_keys_follow(start: Start) -> None:
    """Uses all 10,000 codes of four digits: by chance, a third of the fakes would be duplicates."""
    database = start()
    database.run(f"""
        CREATE TABLE members (code VARCHAR(9) PRIMARY KEY);
        INSERT INTO members SELECT CONCAT('M-', LPAD(CAST(n - 1 AS CHAR(4)), 4, '0'))
            FROM {numbers(database, 10_000)};
        CREATE TABLE visits (id INT PRIMARY KEY, code VARCHAR(9), FOREIGN KEY (code)
            REFERENCES members (code));
        INSERT INTO visits VALUES (1, 'M-0000'), (2, 'M-9999'), (3, NULL);""")
    policy = """
        [tables.members]
        code = "keep format prefix 2"
        [tables.visits]
        id = "keep"
        code = "same as members.code"
        """
    passes(treated(database, policy))
    assert database.one("SELECT COUNT(DISTINCT code) FROM members WHERE code LIKE 'M-____'") == 10_000
    found = [code for (code,) in database.rows("SELECT code FROM visits ORDER BY id")]
    assert found == [formatted("M-0000", "", 2, SALT), formatted("M-9999", "", 2, SALT), None]


def test_a_format_in_a_document_is_kept(start: Start) -> None:
    database = start()
    database.run("""
        CREATE TABLE notes (id INT PRIMARY KEY, doc TEXT);
        INSERT INTO notes VALUES (1, '{"iban": "DE89370400440532013000"}')""")
    passes(treated(database, '[tables.notes]\nid = "keep"\n"doc $.iban" = "keep format iban"\n'))
    assert formatted("DE89370400440532013000", "iban", 0, SALT) in str(database.one("SELECT doc FROM notes"))


def test_a_format_of_a_number_is_refused_before_anything_is_treated(start: Start) -> None:
    database = start()
    database.run("CREATE TABLE codes (id INT PRIMARY KEY, code INT); INSERT INTO codes VALUES (1, 77)")
    done = treated(database, '[tables.codes]\nid = "keep"\ncode = "keep format"\n')
    assert done.status == 9, done.log
    (message,) = [check.message for check in report_from_log(done.log.splitlines()).failed]
    assert "codes.code: a format can be kept in texts only" in message
    assert database.one("SELECT code FROM codes") == 77


def test_the_reference_is_a_permutation_that_hides_its_input() -> None:
    """Of all numbers of four digits; and one changed digit changes about nine of ten others."""
    new = [formatted(f"{n:04}", "", 0, "salt") for n in range(10_000)]
    assert len(set(new)) == 10_000 and sum(int(a) == n for n, a in enumerate(new)) < 20
    one, two = formatted("4539578763621486", "", 0, "s"), formatted("4539578763621487", "", 0, "s")
    assert sum(a == b for a, b in zip(one, two, strict=True)) < 8
    assert formatted("4539578763621486", "", 0, "other") != one


@pytest.mark.parametrize("kind", [kind for kind in VALID if "prefix" not in kind])
def test_the_values_of_this_module_are_valid(kind: str) -> None:
    assert VALID[kind](VALUES[kind][0])
