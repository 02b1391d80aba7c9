"""SQL expressions for new values in MySQL and MariaDB: digests, numbers derived from them, and fakes.

The placeholders are <value>, the value as a text, and <column>, the column.
"""

from collections.abc import Sequence

from ops.snapshots.mysql.text import literal
from ops.snapshots.policy import fakes
from ops.snapshots.policy.fakes import NumberedFakes
from ops.snapshots.policy.treatment import Treatment


def value_of(source: str, case: str) -> str:
    """Return SQL that generates the expression <value> for a column of `source`.

    The same value is the same text, whatever the type of the column. NULL stays NULL.
    """
    fold = "LOWER" if case == "fold" else ""
    return f"""\
CASE {source}.family WHEN 'text' THEN CONCAT('{fold}(CONVERT(', {source}.quoted, ' USING utf8mb4))')
        WHEN 'bytes' THEN CONCAT('HEX(', {source}.quoted, ')')
        ELSE CONCAT('CAST(', {source}.quoted, ' AS CHAR CHARACTER SET utf8mb4)') END"""


def digest(kind: str, value: str = "<value>") -> str:
    """Return a 128-bit digest, irreversible without the salt."""
    return f"MD5(CONCAT(@salt, '{kind}-', {value}))"


def number(kind: str, value: str = "<value>") -> str:
    """Return 60 bits of the digest."""
    return f"CAST(CONV(LEFT({digest(kind, value)}, 15), 16, 10) AS UNSIGNED)"


def choice(kind: str, value: str = "<value>") -> str:
    """Return 28 bits of the digest, which select one of a few words or days."""
    return f"CAST(CONV(LEFT({digest(kind, value)}, 7), 16, 10) AS UNSIGNED)"


def fake(kind: str) -> str:
    """Return the fake of a value; another value can have the same one."""
    if kind in _DIGITS:
        return _DIGITS[kind].format(_seed_of(kind))
    if kind in fakes.PREFIXES:
        end = ", '@example.com'" if kind == "email" else ""
        return f"CONCAT('{fakes.PREFIXES[kind]}', LEFT({digest(kind)}, 16){end})"
    return _words(kind, *(choice(salt) for salt in _SALTS.get(kind, (kind,))))


# By a number with enough digits. The check digit of a card is computed afterward: see CHECK_DIGIT.
_DIGITS = {
    "card": "CONCAT('400000', LPAD({0} % 1000000000, 9, '0'))",
    "phone": "CONCAT('+999', LPAD({0} % 10000000000, 10, '0'))",
    "postcode": "LPAD({0} % 100000, 5, '0')",
}
# The salts that select the two words of a fake.
_SALTS = {"name": ("first_name", "last_name"), "address": ("house", "address")}


def _seed_of(kind: str) -> str:
    return choice(kind) if kind == "postcode" else number(kind)


def _words(kind: str, first: str, second: str = "") -> str:
    def pick(words: Sequence[str], place: str) -> str:
        return f"ELT(1 + {place} % {len(words)}, {', '.join(map(literal, words))})"

    if kind == "address":
        return f"CONCAT(1 + {first} % {fakes.HOUSE_NUMBERS}, ' ', {pick(fakes.STREETS, second)})"
    if kind == "name":
        return f"CONCAT({pick(fakes.FIRST_NAMES, first)}, ' ', {pick(fakes.LAST_NAMES, second)})"
    if kind == "ip":
        return f"CONCAT('192.0.2.', {first} % 256)"
    return pick(fakes.LISTED[kind], first)


def _digit(place: int) -> str:
    """ISO/IEC 7812-1: every second digit from the right is doubled, and its digits are added."""
    digit = f"SUBSTR(<column>, {place}, 1)"
    return f"ELT(1 + {digit}, 0, 2, 4, 6, 8, 1, 3, 5, 7, 9)" if place % 2 else digit


# The leading 4, doubled, is 8. A truncated number gets no check digit.
CHECK_DIGIT = (
    "IF(CHAR_LENGTH(<column>) < 15, <column>, CONCAT(<column>, "
    f"(10 - CAST(8 + {' + '.join(_digit(place) for place in range(7, 16))} AS UNSIGNED) % 10) % 10))"
)


def numbered_fakes(treatment: Treatment) -> list[NumberedFakes]:
    """Return the numberings of the fakes of a column; that of a digest depends on the type of the column."""
    if treatment.kind == "hash":
        drawn = f"{number('hash')} % <space>"
        taken = "IF(<column> BETWEEN 0 AND <space> - 1, CAST(<column> AS UNSIGNED), NULL)"
        numbers = NumberedFakes(
            "number", "number", fakes.FAKE_RANGES["hash"], digest("hash"), drawn, "<drawn>", taken
        )
        return [numbers, _of_digits("hash")]
    if treatment.kind != "fake":
        return []
    kind = treatment.argument
    return [_of_digits(kind) if kind in fakes.PREFIXES else _of_words(kind)]


def _of_digits(kind: str) -> NumberedFakes:
    """Digits in base 10 or 16 after a prefix; a short column has the first of them."""
    room, prefix = fakes.FAKE_RANGES[kind], fakes.PREFIXES[kind]
    digits = f"SUBSTR(<value>, {room.start + 1}, <width>)"
    given = f"LEFT(<value>, {room.start}) = '{prefix}' AND {digits} REGEXP"
    if room.base == 10:
        drawn = f"{_seed_of(kind)} % {10**room.width} DIV <tail>"
        fake = f"CONCAT('{prefix}', LPAD(<drawn>, <width>, '0'))"
        taken = f"IF({given} '^[0-9]{{<width>}}$', CAST({digits} AS UNSIGNED), NULL)"
    else:
        drawn = _from_hex(f"LEFT({digest(kind)}, <width>)")
        fake = f"CONCAT('{prefix}', LPAD(LOWER(HEX(<drawn>)), <width>, '0'))"
        taken = f"IF({given} '^[0-9a-fA-F]{{<width>}}$', {_from_hex(digits)}, NULL)"
    return NumberedFakes(kind, "text" if kind == "hash" else "", room, digest(kind), drawn, fake, taken)


def _from_hex(sql: str) -> str:
    return f"CAST(CONV(CONCAT('0', {sql}), 16, 10) AS UNSIGNED)"


def _of_words(kind: str) -> NumberedFakes:
    taken = "NULL"
    if kind in fakes.PARTS:
        (first, second), (one, other) = fakes.PARTS[kind], _SALTS[kind]
        drawn = f"{choice(one)} % {first} * {second} + {choice(other)} % {second}"
        fake = _words(kind, f"(<drawn>) DIV {second}", "(<drawn>)")
    else:
        drawn, fake = f"{choice(kind)} % {fakes.FAKE_RANGES[kind].base}", _words(kind, "(<drawn>)")
    if kind in fakes.LISTED:
        words = ", ".join(map(literal, fakes.LISTED[kind]))
        taken = f"NULLIF(FIELD(<value>, {words}), 0) - 1"
    return NumberedFakes(kind, "", fakes.FAKE_RANGES[kind], digest(kind), drawn, fake, taken)
