"""Scans the untreated columns of a MySQL or MariaDB database for personal data.

Every value is scanned as a text. `ops.snapshots.postgres.scan` explains what needs a reason to be kept.
"""

from collections.abc import Sequence

from ops.snapshots.mysql.documents import rest_of
from ops.snapshots.mysql.proof import VALUE
from ops.snapshots.mysql.text import COLUMNS, HEAD, check_sql, equal_names, literal, rows
from ops.snapshots.policy import findings
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.names import split_name

_COLUMN = ("schema_name", "table_name", "column_name")

# Non-ASCII letters and digits of names and domains.
_LETTERS = (
    "\\x{C0}-\\x{1FFF}\\x{2C00}-\\x{2DFF}\\x{3040}-\\x{D7FF}\\x{F900}-\\x{FDFF}"
    "\\x{FE70}-\\x{FEFE}\\x{FF10}-\\x{FF19}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{FF66}-\\x{FFDC}"
)
_NAME = f"[A-Za-z0-9._%+{_LETTERS}-]"


def _matches(patterns: Sequence[str], text: str = "<value>") -> str:
    return f"{text} REGEXP {literal('|'.join(f'(?:{pattern})' for pattern in patterns))}"


def _filtered(kind: str, patterns: Sequence[str], more: str = "") -> str:
    return f"{_matches([findings.PREFILTERS[kind]])} AND ({_matches(patterns)}{more})"


def _first(pattern: str) -> str:
    return f"REPLACE(REGEXP_SUBSTR(<value>, {literal(pattern)}), '-', '')"


def _official_number() -> str:
    """Return the condition that the first number of a format has valid check digits: see `findings`."""
    spanish, polish, french = map(_first, (findings.SPANISH_ID, findings.POLISH_ID, findings.FRENCH_ID))
    start = f"ELT(LOCATE(LEFT({spanish}, 1), 'XYZ') + 1, LEFT({spanish}, 1), '0', '1', '2')"
    number = f"CAST(CONCAT({start}, SUBSTR({spanish}, 2, 7)) AS UNSIGNED)"
    terms = (f"SUBSTR({polish}, {place}, 1) * {w}" for place, w in enumerate(findings.POLISH_WEIGHTS, 1))
    return (
        f"IF({spanish} = '', FALSE,"
        f" SUBSTR({literal(findings.SPANISH_LETTERS)}, {number} % 23 + 1, 1) = RIGHT({spanish}, 1))"
        f" OR IF({polish} = '', FALSE, ({' + '.join(terms)}) % 10 = 0)"
        f" OR IF({french} = '', FALSE, CAST(LEFT({french}, 13) AS UNSIGNED) % {findings.FRENCH_MODULUS}"
        f" + RIGHT({french}, 2) = {findings.FRENCH_MODULUS})"
    )


def _base64_email() -> str:
    """Return the condition that the first Base64 in the text decodes to an email address."""
    run = f"REPLACE(REPLACE(REGEXP_SUBSTR(<value>, {literal(findings.BASE64)}), '-', '+'), '_', '/')"
    whole = f"LEFT({run}, CHAR_LENGTH({run}) DIV 4 * 4)"
    plain = f"CONVERT(FROM_BASE64({whole}) USING latin1)"
    return (
        f"COALESCE({plain} LIKE '%@%' AND {plain} REGEXP {literal(findings.PLAIN_EMAIL)}"
        f" AND {plain} NOT REGEXP '@example\\\\.(com|net|org)', FALSE)"
    )


# Conditions on <value>. No match starts in the middle of a word, so long texts stay fast.
_FINDINGS = {
    "email": f"{_matches([findings.PREFILTERS['email']])} AND ((LOCATE('@', <value>) > 0 AND <bare> REGEXP "
    + literal(f"(?<!{_NAME}){_NAME}++@(?:[A-Za-z0-9{_LETTERS}-]+\\.)+[A-Za-z{_LETTERS}]{{2,}}")
    + f") OR {_matches([findings.ENCODED_EMAIL], '<bare>')} OR {_base64_email()})",
    "phone": _filtered("phone", findings.PHONE),
    "national_id": _filtered("national_id", findings.NATIONAL_ID, f" OR {_official_number()}"),
    "ip": _filtered("ip", findings.IP),
    "mac": _filtered("mac", findings.MAC),
    "password_hash": _filtered("password_hash", findings.PASSWORD_HASH),
    "key": _filtered("key", findings.KEY),
}
# A card number as a run of digits of any length, and in the common formats: another number can follow it.
_CARDS = (
    "(?<![0-9])[3-6](?:[ -]?[0-9]){12,18}(?![0-9])",
    "(?<![0-9])(?:[3-6][0-9]{12,18}|[3-6][0-9]{3}(?:(?: [0-9]{4}){3}|(?:-[0-9]{4}){3})"
    "|3[0-9]{3}(?: [0-9]{6} [0-9]{5}|-[0-9]{6}-[0-9]{5}))(?![0-9])",
)
_IBAN = "(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
# Their digits can look like card numbers.
_DIGESTS = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32,}"
_LONGEST_CARD = 20


# Families without a pattern in them: dates, times, and what the other conditions decide about.
_KNOWN = """\
('text', 'json', 'number', 'float', 'inet4', 'inet6', 'date', 'time', 'datetime', 'timestamp', 'year',
    'uuid')"""
# Families, finding, and condition on <column> or <value>, where "keep" needs a reason.
_KNOWINGLY = (
    (
        "number",
        "number",
        "ABS(<column>) BETWEEN 1e8 AND 1e30 AND "
        + " AND ".join(f"ABS(<column>) NOT BETWEEN 1e{power} AND 2e{power}" for power in (9, 12, 15, 18)),
    ),
    (
        "bytes",
        "unscanned",
        "NOT (HEX(<column>) = HEX(CONVERT(CAST(<column> AS BINARY) USING utf8mb4)) AND "
        "HEX(<column>) NOT REGEXP '^(..)*(0[0-8EF]|1[0-9A-F])')",
    ),
    ("", "unscanned", "<column> IS NOT NULL"),
)
# A column that refers to a counted one, through a foreign key.
_COUNTED = """\
EXISTS (SELECT 1 FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.COLUMNS o
            ON o.TABLE_SCHEMA = k.REFERENCED_TABLE_SCHEMA AND o.TABLE_NAME = k.REFERENCED_TABLE_NAME
            AND o.COLUMN_NAME = k.REFERENCED_COLUMN_NAME AND o.EXTRA LIKE '%auto_increment%'
            WHERE k.TABLE_SCHEMA = p.schema_name AND k.TABLE_NAME = p.table_name
            AND k.COLUMN_NAME = p.column_name)"""


def conditions(policy: Policy) -> list[tuple[str, str]]:
    """Return the findings that are one condition on <value>."""
    return [(kind, condition.replace("<bare>", _bare(policy))) for kind, condition in _FINDINGS.items()]


def scan(policy: Policy) -> str:
    """Return SQL that counts, in every untreated text column, the rows that look like personal data."""
    replaced = rows([(t.schema, t.name, c) for t in policy.tables for c in t.replaced], *_COLUMN)
    documents = rows(
        [
            (t.schema, t.name, column, rest_of(item))
            for t in policy.tables
            for column, item in t.treated.items()
            if item.kind == "json"
        ],
        *_COLUMN,
        "rest",
    )
    knowingly = rows([(t.schema, t.name, c) for t in policy.tables for c in t.kept_knowingly], *_COLUMN)
    allowed = rows(
        [(*_split(name), kind) for name, kinds in policy.allow.items() for kind in kinds], *_COLUMN, "kind"
    )
    held = [
        (kind, condition, "text json bytes inet4 inet6 set enum") for kind, condition in conditions(policy)
    ]
    held += [(kind, condition, families) for families, kind, condition in _KNOWINGLY]
    piecewise = [
        ("card", _pieces("[3-6](?:[ -]?[0-9]){12}", _CARDS, "[ -]", _luhn())),
        ("iban", _pieces("[A-Z]{2}[0-9]{2}", (_IBAN,), " ", _mod_97())),
    ]
    share = f"CONCAT(' WHERE RAND() < ', {policy.scan_rows} / p.estimate)"
    sample = f"IF(p.estimate > {policy.scan_rows}, {share}, '')"
    columns = f"""\
SELECT p.*, k.kind, {sample} AS sampled, IF(a.kind IS NULL, 'FALSE', 'TRUE') AS is_allowed,
        REPLACE(REPLACE(REPLACE(k.found, '<value>', CASE WHEN j.rest IS NOT NULL
            THEN CONCAT('(CONVERT(', j.rest, ' USING utf8mb4) COLLATE utf8mb4_bin)')
            WHEN p.family = 'bytes' THEN CONCAT(
            'CONVERT(CONVERT(CAST(', p.quoted, ' AS BINARY) USING latin1) USING utf8mb4)')
            ELSE {VALUE.format(source="p")} END), '<column>', p.quoted), '<table>', CONCAT(p.qualified,
            {sample})) AS found
    FROM ({COLUMNS}) p
    JOIN {{kinds}} k
    LEFT JOIN {documents} j ON {equal_names("j", "p", *_COLUMN)}
    LEFT JOIN {replaced} t ON {equal_names("t", "p", *_COLUMN)}
    LEFT JOIN {allowed} a ON {equal_names("a", "p", *_COLUMN)} AND a.kind = k.kind
    LEFT JOIN {knowingly} w ON {equal_names("w", "p", *_COLUMN)}
    WHERE t.column_name IS NULL AND CASE k.kind WHEN 'unscanned'
        THEN NOT p.is_generated AND w.column_name IS NULL AND (p.family = 'bytes') = (k.families = 'bytes')
            AND (p.family = 'bytes' OR p.family NOT IN {_KNOWN})
        WHEN 'number' THEN NOT p.is_generated AND w.column_name IS NULL AND p.family IN ('number', 'float')
            AND NOT p.is_counted AND NOT {_COUNTED}
        ELSE p.family IN ('text', 'json', 'bytes', 'inet4', 'inet6') END"""
    bad = "CONCAT('COALESCE(SUM(', u.found, '), 0)')"
    check = check_sql("scan", "u", detail=("kind", "u.kind"), bad=bad, ok=_ok(bad))
    piece = check_sql(
        "scan",
        "u",
        detail=("kind", "u.kind"),
        bad="'COALESCE(MAX(bad), 0)'",
        ok=_ok("'COALESCE(MAX(bad), 0)'"),
    )
    return f"""\
{HEAD}
SELECT {literal(HEAD)};
SELECT CONCAT('SELECT CONCAT_WS(CHAR(10 USING utf8mb4), ',
    GROUP_CONCAT({check} ORDER BY place, kind SEPARATOR ', '), ') FROM ', qualified, sampled, ';')
FROM ({columns.format(kinds=rows(held, "kind", "found", "families"))}) u GROUP BY qualified, sampled;
SELECT CONCAT(REPLACE(u.found, '<check>', {piece}), ';')
FROM ({columns.format(kinds=rows([(*item, "") for item in piecewise], "kind", "found", "families"))}) u;
"""


def _ok(bad: str) -> str:
    return f"CONCAT(u.is_allowed, ' OR ', {bad}, ' = 0')"


def _split(name: str) -> tuple[str, ...]:
    """Split a full name into schema (can be empty), table, and column."""
    *schema, table, column = split_name(name)
    return "".join(schema), table, column


def _bare(policy: Policy) -> str:
    """Return the value without the allowed email addresses."""
    domains = "|".join(domain.replace(".", "\\.") for domain in policy.allow_domains)
    pattern = literal(f"{findings.AT}({domains.lower()})(?!-|\\.?[a-z0-9_{_LETTERS}])")
    return f"REGEXP_REPLACE(LOWER(<value>), {pattern}, '')"


def _pieces(first: str, patterns: Sequence[str], between: str, holds: str) -> str:
    """Return SQL that counts the rows with a match whose digits, without separators, are valid.

    `first` is a fast prefilter; the remaining rows are split into their matches.
    """

    def step(pattern: str, text: str, source: str) -> str:
        found = f"REGEXP_SUBSTR({text}, {literal(pattern)})"
        rest = f"SUBSTR({text}, REGEXP_INSTR({text}, {literal(pattern)}) + CHAR_LENGTH({found}))"
        return f"SELECT n, {found}, {rest} FROM {source} WHERE {text} REGEXP {literal(pattern)}"

    def pieces(place: int, pattern: str) -> str:
        taken = f"{step(pattern, 'held', 'looked')} UNION ALL {step(pattern, 'rest', f'piece{place}')}"
        return f"piece{place} (n, found, rest) AS ({taken}),\n"

    either = " UNION ALL ".join(f"SELECT n, found FROM piece{place}" for place in range(len(patterns)))
    held = f"IF(<value> REGEXP {literal(first)}, REGEXP_REPLACE(<value>, {literal(_DIGESTS)}, 'x'), '')"
    return f"""\
WITH RECURSIVE looked AS (SELECT ROW_NUMBER() OVER () AS n, {held} AS held FROM <table>),
{"".join(pieces(place, pattern) for place, pattern in enumerate(patterns))}\
bare AS (SELECT n, REGEXP_REPLACE(found, {literal(between)}, '') AS d FROM ({either}) f),
bads AS (SELECT COUNT(DISTINCT n) AS bad FROM bare WHERE {holds})
SELECT <check> FROM looked JOIN bads"""


def _luhn() -> str:
    """ISO/IEC 7812-1: every second digit from the right is doubled."""
    digits = f"LPAD(d, {_LONGEST_CARD}, '0')"
    doubled = "ELT(1 + SUBSTR({0}, {1}, 1), 0, 2, 4, 6, 8, 1, 3, 5, 7, 9)"
    single = "SUBSTR({0}, {1}, 1)"
    terms = (
        (doubled if place % 2 else single).format(digits, place) for place in range(1, _LONGEST_CARD + 1)
    )
    return f"CHAR_LENGTH(d) BETWEEN 13 AND 19 AND ({' + '.join(terms)}) % 10 = 0"


def _mod_97() -> str:
    """ISO 13616: the rearranged number, letters as 10 to 35, is 1 modulo 97. Computed in two steps."""
    turned = "CONCAT(SUBSTR(d, 5), LEFT(d, 4))"
    for code in range(26):
        turned = f"REPLACE({turned}, '{chr(ord('A') + code)}', '{10 + code}')"
    first = f"CAST(LEFT({turned}, 30) AS DECIMAL(40)) % 97"
    return f"CAST(CONCAT({first}, SUBSTR({turned}, 31)) AS DECIMAL(60)) % 97 = 1"
