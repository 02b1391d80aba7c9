"""SQL expressions for new values in PostgreSQL: digests, numbers derived from them, and fakes.

MySQL and MariaDB compute the same fake from the same text and secret.
"""

from collections.abc import Sequence

from ops.snapshots.policy import fakes
from ops.snapshots.policy.fakes import NumberedFakes
from ops.snapshots.policy.treatment import Treatment
from ops.snapshots.postgres.text import array, identifier, literal

# The number of hashes that fit into a numeric column: 31 bits for an integer. The type modifier of `numeric`
# encodes its precision and scale.
MODULUS = """\
CASE WHEN p.plain_type = 'smallint' THEN '32767'
            WHEN p.plain_type = 'real' THEN '16777216'
            WHEN p.plain_type LIKE 'numeric(%' THEN least(2147483647,
                trunc(10::numeric ^ ((p.modifier - 4 >> 16) - (p.modifier - 4 & 2047))))::text
            ELSE '2147483647' END"""


def value_of(column: str, case: str) -> str:
    """Return the expression that a fake is derived from."""
    text = f"{identifier(column)}::text"
    return f"pg_temp.folded({text})" if case == "fold" else text


def digest(kind: str, value: str) -> str:
    """Return a 128-bit digest, irreversible without the salt. The inner SELECT runs once per statement."""
    return f"md5((SELECT current_setting('slipway.salt') || '{kind}-') || {value})"


def number(kind: str, value: str) -> str:
    """Return 60 bits of the digest."""
    return f"('x' || left({digest(kind, value)}, 15))::bit(60)::bigint"


def choice(kind: str, value: str) -> str:
    """Return 28 bits of the digest, which select one of a few words or days."""
    return f"('x' || left({digest(kind, value)}, 7))::bit(28)::int"


def fake(kind: str, value: str) -> str:
    """Return the fake of a value; another value can have the same one."""
    if kind in _DIGITS:
        return _DIGITS[kind].format(_seed_of(kind, value))
    if kind in fakes.PREFIXES:
        short = f"substr({digest(kind, value)}, 1, 16)"
        end = " || '@example.com'" if kind == "email" else ""
        return f"'{fakes.PREFIXES[kind]}' || {short}{end}"
    places = tuple(choice(salt, value) for salt in _SALTS.get(kind, (kind,)))
    return _words(kind, *places)


# By a number with enough digits.
_DIGITS = {
    "card": "pg_temp.card({0})",
    "phone": "'+999' || lpad(({0} % 10000000000)::text, 10, '0')",
    "postcode": "lpad(({0} % 100000)::text, 5, '0')",
}
# The salts that select the two words of a fake.
_SALTS = {"name": ("first_name", "last_name"), "address": ("house", "address")}


def _seed_of(kind: str, value: str) -> str:
    return choice(kind, value) if kind == "postcode" else number(kind, value)


def _words(kind: str, first: str, second: str = "") -> str:
    def pick(words: Sequence[str], place: str) -> str:
        return f"pg_temp.pick({array(words)}, {place})"

    if kind == "address":
        return f"(1 + {first} % {fakes.HOUSE_NUMBERS}) || ' ' || {pick(fakes.STREETS, second)}"
    if kind == "name":
        return f"{pick(fakes.FIRST_NAMES, first)} || ' ' || {pick(fakes.LAST_NAMES, second)}"
    if kind == "ip":
        return f"'192.0.2.' || {first} % 256"
    return pick(fakes.LISTED[kind], first)


def numbered_fakes(column: str, treatment: Treatment, case: str) -> list[NumberedFakes]:
    """Return the numberings of the fakes of a column; that of a digest depends on the type of the column."""
    value, name = value_of(column, case), identifier(column)
    if treatment.kind == "hash":
        drawn, taken = f"{number('hash', value)} % <space>", f"CASE WHEN {name} BETWEEN 0 AND <space> - 1"
        of_numbers = NumberedFakes(
            "number", "number", fakes.FAKE_RANGES["hash"], _plain_digest("hash", value), drawn, "<drawn>",
            f"{taken} THEN {name}::bigint END",
        )  # fmt: skip
        return [of_numbers, _of_digits("hash", name, value)]
    if treatment.kind != "fake":
        return []
    kind = treatment.argument
    return [_of_digits(kind, name, value) if kind in fakes.PREFIXES else _of_words(kind, name, value)]


def _plain_digest(kind: str, value: str) -> str:
    """Return the digest without an inner SELECT, which would prevent a hashed subplan."""
    return f"md5(current_setting('slipway.salt') || '{kind}-' || {value})"


def _of_digits(kind: str, name: str, value: str) -> NumberedFakes:
    """Digits in base 10 or 16 after a prefix; a short column has the first of them."""
    room, prefix = fakes.FAKE_RANGES[kind], fakes.PREFIXES[kind]
    text = f"lower({name}::text)"
    digits = f"substr({text}, {room.start + 1}, <width>)"
    given = f"left({text}, {room.start}) = {literal(prefix.lower())} AND {digits}"
    if room.base == 10:
        drawn = f"{_seed_of(kind, value)} % {10**room.width} / <tail>"
        fake = f"'{prefix}' || lpad((<drawn>)::text, <width>, '0')"
        if kind == "card":
            fake = f"CASE WHEN <width> = {room.width} THEN pg_temp.card(<drawn>) ELSE {fake} END"
        taken = f"CASE WHEN {given} ~ '^[0-9]{{<width>}}$' THEN nullif({digits}, '')::bigint END"
    else:
        drawn = _from_hex(f"substr({digest(kind, value)}, 1, <width>)")
        fake = f"'{prefix}' || lpad(to_hex(<drawn>), <width>, '0')"
        taken = f"CASE WHEN {given} ~ '^[0-9a-f]{{<width>}}$' THEN {_from_hex(digits)} END"
    family = "text" if kind == "hash" else ""
    return NumberedFakes(kind, family, room, _plain_digest(kind, value), drawn, fake, taken)


def _from_hex(sql: str) -> str:
    return f"('x' || lpad({sql}, 16, '0'))::bit(64)::bigint"


def _of_words(kind: str, name: str, value: str) -> NumberedFakes:
    count, taken = fakes.FAKE_RANGES[kind].base, "NULL::bigint"
    if kind in fakes.PARTS:
        (first, second), salts = fakes.PARTS[kind], _SALTS[kind]
        drawn = f"{choice(salts[0], value)} % {first} * {second} + {choice(salts[1], value)} % {second}"
        fake = _words(kind, f"(<drawn>) / {second}", f"(<drawn>) % {second}")
    else:
        drawn, fake = f"{choice(kind, value)} % {count}", _words(kind, "(<drawn>)")
    if kind in fakes.LISTED:
        words = array([word.lower() for word in fakes.LISTED[kind]])
        taken = f"(array_position({words}, lower({name}::text)) - 1)::bigint"
    return NumberedFakes(kind, "", fakes.FAKE_RANGES[kind], _plain_digest(kind, value), drawn, fake, taken)
