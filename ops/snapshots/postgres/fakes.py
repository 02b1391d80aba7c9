"""What a value becomes, as SQL for PostgreSQL: digests, numbers that follow from them, fakes."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.snapshots.policy import fakes
from ops.snapshots.policy.model import Treatment
from ops.snapshots.postgres.text import array, identifier, literal

# Of what a column of numbers can hold: 31 bits fit an integer. A modifier holds a numeric's digits, and those
# of them behind the point.
MODULUS = """\
CASE WHEN p.plain_type = 'smallint' THEN '32767'
            WHEN p.plain_type = 'real' THEN '16777216'
            WHEN p.plain_type LIKE 'numeric(%' THEN least(2147483647,
                trunc(10::numeric ^ ((p.modifier - 4 >> 16) - (p.modifier - 4 & 2047))))::text
            ELSE '2147483647' END"""


def value_of(column: str, case: str) -> str:
    """What a fake follows from."""
    text = f"{identifier(column)}::text"
    return f"lower({text})" if case == "fold" else text


def digest(kind: str, value: str) -> str:
    """128 bits that nobody turns back without the salt. The inner SELECT runs once a statement."""
    return f"md5((SELECT current_setting('slipway.salt') || '{kind}-') || {value})"


def number(kind: str, value: str) -> str:
    """63 bits that follow from the digest."""
    return f'(hashtextextended({digest(kind, value)} COLLATE "C", 0) & 9223372036854775807)'


def choice(kind: str, value: str) -> str:
    """Which of a few words or days a value gets: quick, and tells too little to be turned back."""
    seed = f"(SELECT hashtextextended('{kind}', current_setting('slipway.seed')::bigint))"
    return f"(hashtextextended({value}, {seed}) & 9223372036854775807)"


def fake(kind: str, value: str) -> str:
    """The fake of a value, where it may be that of another value as well."""
    if kind in _DIGITS:
        return _DIGITS[kind].format(_seed_of(kind, value))
    if kind in fakes.PREFIXES:
        short = f"substr({digest(kind, value)}, 1, 16)"
        end = " || '@example.com'" if kind == "email" else ""
        return f"'{fakes.PREFIXES[kind]}' || {short}{end}"
    places = tuple(choice(salt, value) for salt in _SALTS.get(kind, (kind,)))
    return _words(kind, *places)


# Of a number that is not too small.
_DIGITS = {
    "card": "pg_temp.card({0})",
    "phone": "'+999' || lpad(({0} % 10000000000)::text, 10, '0')",
    "postcode": "lpad(({0} % 100000)::text, 5, '0')",
}
# What the two words of a fake are chosen by.
_SALTS = {"name": ("first_name", "last_name"), "address": ("address", "address")}
_PARTS: dict[str, tuple[int, int]] = {
    "name": (len(fakes.FIRST_NAMES), len(fakes.LAST_NAMES)),
    "address": (fakes.HOUSES, len(fakes.STREETS)),
}


def _seed_of(kind: str, value: str) -> str:
    return choice(kind, value) if kind == "postcode" else number(kind, value)


def _words(kind: str, first: str, second: str = "") -> str:
    def pick(words: Sequence[str], place: str) -> str:
        return f"pg_temp.pick({array(words)}, {place})"

    if kind == "address":
        return f"(1 + {first} % {fakes.HOUSES}) || ' ' || {pick(fakes.STREETS, second)}"
    if kind == "name":
        return f"{pick(fakes.FIRST_NAMES, first)} || ' ' || {pick(fakes.LAST_NAMES, second)}"
    if kind == "ip":
        return f"'192.0.2.' || {first} % 256"
    return pick(fakes.LISTED[kind], first)


@dataclass(frozen=True)
class Numbered:
    """Fakes of a kind by their number, as templates of SQL, for columns of a `family`: number, text or any.

    `drawn` is the number that a value has by itself, `fake` the fake of the number <drawn>, and `taken` the
    number of the fake that the value is itself, or NULL. <space> is how many fakes the column holds, <width>
    how many digits, <tail> by what the rest is cut off.
    """

    kind: str
    family: str
    room: fakes.Room
    digest: str
    drawn: str
    fake: str
    taken: str


def numbered(column: str, treatment: Treatment, case: str) -> list[Numbered]:
    """Every way in which the column's fakes are numbered: a digest differs by the column's type."""
    value, name = value_of(column, case), identifier(column)
    if treatment.kind == "hash":
        drawn, taken = f"{number('hash', value)} % <space>", f"CASE WHEN {name} BETWEEN 0 AND <space> - 1"
        of_numbers = Numbered(
            "number", "number", fakes.ROOMS["hash"], _sought("hash", value), drawn, "<drawn>",
            f"{taken} THEN {name}::bigint END",
        )  # fmt: skip
        return [of_numbers, _of_digits("hash", name, value)]
    if treatment.kind != "fake":
        return []
    kind = treatment.argument
    return [_of_digits(kind, name, value) if kind in fakes.PREFIXES else _of_words(kind, name, value)]


def _sought(kind: str, value: str) -> str:
    """The digest without an inner SELECT: PostgreSQL seeks it by hashing only so."""
    return f"md5(current_setting('slipway.salt') || '{kind}-' || {value})"


def _of_digits(kind: str, name: str, value: str) -> Numbered:
    """Digits behind a prefix, of base 10 or 16; in a short column the first of them."""
    room, prefix = fakes.ROOMS[kind], fakes.PREFIXES[kind]
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
    return Numbered(kind, family, room, _sought(kind, value), drawn, fake, taken)


def _from_hex(sql: str) -> str:
    return f"('x' || lpad({sql}, 16, '0'))::bit(64)::bigint"


def _of_words(kind: str, name: str, value: str) -> Numbered:
    count, taken = fakes.ROOMS[kind].base, "NULL::bigint"
    if kind in _PARTS:
        (first, second), salts = _PARTS[kind], _SALTS[kind]
        drawn = f"{choice(salts[0], value)} % {first} * {second} + {choice(salts[1], value)} % {second}"
        fake = _words(kind, f"(<drawn>) / {second}", f"(<drawn>) % {second}")
    else:
        drawn, fake = f"{choice(kind, value)} % {count}", _words(kind, "(<drawn>)")
    if kind in fakes.LISTED:
        words = array([word.lower() for word in fakes.LISTED[kind]])
        taken = f"(array_position({words}, lower({name}::text)) - 1)::bigint"
    return Numbered(kind, "", fakes.ROOMS[kind], _sought(kind, value), drawn, fake, taken)
