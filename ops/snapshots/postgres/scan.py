"""Scans a PostgreSQL database for personal data: columns of every type, and the texts of the catalog.

Every value is scanned as a text. Where a text shows nothing, "keep" needs a reason in the policy: numbers
with nine or more digits can be phones, cards, or official numbers; bytes can be anything that is no text; the
words of a search column, positions, and embeddings show what they were made of.
"""

from collections.abc import Sequence

from ops.snapshots.policy import findings
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.names import split_name
from ops.snapshots.postgres.documents import rest_of
from ops.snapshots.postgres.text import COLUMNS, functions, literal, print_verbatim, values

VALUE = "<value>"  # placeholder for the text in a condition

# Non-ASCII letters and digits of names and domains, independent of the locale of the database.
_LETTERS = (
    "\\u00C0-\\u1FFF\\u2C00-\\u2DFF\\u3040-\\uD7FF\\uF900-\\uFDFF"
    "\\uFE70-\\uFEFE\\uFF10-\\uFF19\\uFF21-\\uFF3A\\uFF41-\\uFF5A\\uFF66-\\uFFDC"
)

_EMAIL = f"[A-Za-z0-9._%+{_LETTERS}-]+@(?:[A-Za-z0-9{_LETTERS}-]+\\.)+[A-Za-z{_LETTERS}]{{2,}}"


def _matches(patterns: Sequence[str], text: str = VALUE) -> str:
    """Return one expression: PostgreSQL keeps 32 compiled ones, and compiles others again for every row."""
    return f"{text} ~ {literal('|'.join(f'(?:{pattern})' for pattern in patterns))}"


def _filtered(kind: str, patterns: Sequence[str], more: str = "") -> str:
    return f"{_matches([findings.PREFILTERS[kind]])} AND ({_matches(patterns)}{more})"


_CHECKED_IDS = ", ".join(map(literal, (findings.SPANISH_ID, findings.POLISH_ID, findings.FRENCH_ID)))
# Findings of the scan, as conditions on <value>, or on <bare> without the allowed email addresses.
_FINDINGS = {
    "email": f"(position('@' IN {VALUE}) > 0 AND <bare> ~ {literal(_EMAIL)})"
    f" OR {_matches([findings.ENCODED_EMAIL], '<bare>')}"
    f" OR pg_temp.has_base64({VALUE}, {literal(findings.BASE64)}, {literal(findings.PLAIN_EMAIL)})",
    "card": f"pg_temp.has_card({VALUE})",
    "phone": _filtered("phone", findings.PHONE),
    "national_id": _filtered(
        "national_id", findings.NATIONAL_ID, f" OR pg_temp.has_official_number({VALUE}, {_CHECKED_IDS})"
    ),
    "iban": f"pg_temp.has_iban({VALUE})",
    "ip": _filtered("ip", findings.IP),
    "mac": _filtered("mac", findings.MAC),
    "password_hash": _filtered("password_hash", findings.PASSWORD_HASH),
    "key": _filtered("key", findings.KEY),
}

_COLUMNS = 60  # of a statement: a query has at most 1,664 expressions
_BLOCK = 20_000  # characters of rows that a prefilter looks into together
_ROW = 64  # characters that a row counts at least, so that a block has few rows

# The family of each type that a column is made of: the elements of an array, the fields of a composite
# type, the type under a domain. A type that is in no list is unknown.
_FAMILY = """\
CASE WHEN t.typtype IN ('d', 'c', 'r') OR t.typcategory = 'A' THEN 'made of others'
    WHEN t.typtype = 'm' OR t.typcategory IN ('S', 'E', 'Z') OR t.typname IN
        ('json', 'jsonb', 'jsonpath', 'xml', 'hstore', 'ltree', 'lquery') THEN 'text'
    WHEN t.typname IN ('int2', 'int4', 'int8', 'numeric', 'float4', 'float8') THEN 'number'
    WHEN t.typname = 'bytea' THEN 'bytes'
    WHEN t.typname IN ('inet', 'cidr') THEN 'ip'
    WHEN t.typcategory IN ('B', 'D', 'T', 'V', 'N') OR t.typname IN
        ('uuid', 'pg_lsn', 'xid', 'xid8', 'tid', 'cid', 'pg_snapshot', 'txid_snapshot') THEN 'plain'
    ELSE 'unknown' END"""

# The families of each type, as an array.
TYPES = f"""\
WITH RECURSIVE parts (whole, part) AS (
    SELECT oid, oid FROM pg_type
    UNION SELECT p.whole, x.part FROM parts p JOIN pg_type t ON t.oid = p.part CROSS JOIN LATERAL (
        SELECT t.typelem WHERE t.typcategory = 'A'
        UNION ALL SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
        UNION ALL SELECT a.atttypid FROM pg_attribute a
            WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0
            AND NOT a.attisdropped) x (part)
)
SELECT p.whole, array_agg(DISTINCT {_FAMILY}) AS families
FROM parts p JOIN pg_type t ON t.oid = p.part GROUP BY p.whole"""

# Numbers that are no seconds, milli-, micro-, or nanoseconds since 1970, as of 2001 to 2033.
_LONG = "abs(%I::float8) BETWEEN 1e8 AND 1e30 AND {}".format(
    " AND ".join(f"abs(%I::float8) NOT BETWEEN 1e{power} AND 2e{power}" for power in (9, 12, 15, 18))
).replace("%I", "{column}")
_LONG_IN_TEXT = "{value} ~ '(?<![0-9.])(?!1[0-9]{9}(?:[0-9]{3}){0,3}(?![0-9]))[0-9]{9,}'"
# Families of a column, as an array {f}; the finding; its condition on {column} or {value}. The first applies.
_KNOWINGLY = (
    ("f = '{number}'", "number", _LONG),
    ("f = '{bytes}'", "unscanned", "NOT pg_temp.is_text({column})"),
    ("f && '{bytes,unknown}'", "unscanned", "{column} IS NOT NULL"),
    ("'number' = ANY (f)", "number", _LONG_IN_TEXT),
)
# Numbers from a sequence are no personal numbers, nor are the columns that refer to them.
_COUNTED = """\
EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
    AND ((a.attrelid, a.attnum) = (p.relation, p.number) OR EXISTS (SELECT FROM pg_constraint k
        WHERE k.contype = 'f' AND k.conrelid = p.relation AND k.confrelid = a.attrelid
        AND p.number = k.conkey[array_position(k.confkey, a.attnum)])))"""


def conditions(policy: Policy) -> list[tuple[str, str]]:
    """Return the findings and their conditions on VALUE. They need the SQL functions of `functions`."""
    domains = "|".join(domain.lower().replace(".", "\\.") for domain in policy.allow_domains)
    more = f"[a-z0-9_{_LETTERS}]"
    whole = literal(f"{findings.AT}({domains})(?!-|\\.?{more})")  # example.com, not example.com.corp.test
    bare = f"regexp_replace(lower({VALUE}), {whole}, '', 'g')"
    return [(kind, condition.replace("<bare>", bare)) for kind, condition in _FINDINGS.items()]


def scan(policy: Policy) -> str:
    """Return SQL that counts, in every untreated column, the rows that look like personal data.

    PostgreSQL builds the automaton of a regular expression again for each text, which costs more than the
    text itself. So a prefilter looks into blocks of rows, and conditions only into the rows of a block in
    which it matches.
    """
    replaced = [(t.schema, t.name, c) for t in policy.tables for c in t.replaced]
    documents = [
        (t.schema, t.name, column, rest_of(column, item))
        for t in policy.tables
        for column, item in t.treated.items()
        if item.kind == "json"
    ]
    kinds = [(kind, condition, findings.PREFILTERS[kind]) for kind, condition in conditions(policy)]
    knowingly = [(t.schema, t.name, c) for t in policy.tables for c in t.kept_knowingly]
    allowed = [(*split_name(name), kind) for name, kinds in policy.allow.items() for kind in kinds]
    cases = " ".join(
        f"WHEN {families} THEN ARRAY[{literal(kind)}, {literal(condition)}]"
        for families, kind, condition in _KNOWINGLY
    )
    return f"""\
{print_verbatim(functions())}
CREATE TEMP TABLE slipway_scan AS
SELECT p.*, t.families AS f, format('slipway_%s', p.number) AS text_name,
    row_number() OVER (PARTITION BY p.relation ORDER BY p.number) / {_COLUMNS} AS part,
    CASE WHEN j.rest IS NOT NULL THEN format('(%s COLLATE "default")', j.rest)
        WHEN t.families = '["bytes"]' THEN format('pg_temp.as_text(%I)', p.column_name)
        ELSE format('(%I::text COLLATE "default")', p.column_name) END AS text
FROM ({COLUMNS}) p
JOIN (SELECT whole, to_jsonb(families) AS families FROM ({TYPES}) t) t ON t.whole = p.type_id
LEFT JOIN ({values(replaced, 3)}) AS d (schema, name, column_name)
    ON (d.schema, d.name, d.column_name) = (p.schema, p.name, p.column_name)
LEFT JOIN ({values(documents, 4)}) AS j (schema, name, column_name, rest)
    ON (j.schema, j.name, j.column_name) = (p.schema, p.name, p.column_name)
WHERE d.schema IS NULL;
CREATE TEMP TABLE slipway_kinds AS
SELECT p.relation, p.estimate, p.part, p.shown, p.column_name, p.text, p.text_name, k.kind, k.condition,
    k.prefilter, format('slipway_bad_%s', row_number() OVER ()) AS bad,
    EXISTS (SELECT FROM ({values(allowed, 4)}) AS a (schema, name, column_name, kind)
        WHERE (a.schema, a.name, a.column_name, a.kind) = (p.schema, p.name, p.column_name,
            k.kind)) AS allowed
FROM slipway_scan p CROSS JOIN LATERAL (
    SELECT kind, replace(condition, '{VALUE}', p.text_name), prefilter
    FROM ({values(kinds, 3)}) AS k (kind, condition, prefilter)
    WHERE NOT p.f - 'made of others' <@ '["plain", "number"]'
        AND NOT (p.generated <> '' AND p.f ? 'unknown')
    UNION ALL SELECT c.pair[1], replace(replace(c.pair[2], '{{column}}', format('%I', p.column_name)),
        '{{value}}', p.text_name), NULL
    FROM (SELECT CASE {cases} END AS pair
        FROM (SELECT ARRAY(SELECT jsonb_array_elements_text(p.f)) AS f) f) c
    WHERE c.pair IS NOT NULL AND p.generated = '' AND p.relkind <> 'm'
        AND NOT (p.f = '["number"]' AND {_COUNTED})
        AND NOT EXISTS (SELECT FROM ({values(knowingly, 3)}) AS w (schema, name, column_name)
            WHERE (w.schema, w.name, w.column_name) = (p.schema, p.name, p.column_name))
) k (kind, condition, prefilter);
SELECT format('SELECT unnest(ARRAY[%s]) FROM (SELECT sum(slipway_rows) AS slipway_rows, %s FROM '
    '(SELECT count(*) AS slipway_rows, %s FROM (SELECT *, sum(%s) OVER (ROWS UNBOUNDED PRECEDING) '
    '/ {_BLOCK} AS slipway_block FROM (SELECT %s FROM %s%s OFFSET 0) AS r) AS r GROUP BY slipway_block) '
    'AS b) AS s;', string_agg(format(
    'json_build_object(''check'', ''scan'', ''table'', %L, ''column'', %L, ''kind'', %L, ''rows'', '
    'coalesce(slipway_rows, 0), ''bad'', coalesce(%s, 0), ''ok'', %s OR coalesce(%s, 0) = 0)',
    shown, column_name, kind, bad, allowed::text, bad), ', '),
    string_agg(CASE WHEN prefilter IS NULL THEN format('sum(%s) AS %s', bad, bad)
        ELSE format('sum(CASE WHEN %s_all ~ %L THEN (SELECT count(*) FROM unnest(%s_each) AS u (%s) '
            'WHERE %s) ELSE 0 END) AS %s', text_name, prefilter, text_name, text_name, condition, bad) END,
        ', '),
    concat_ws(', ', string_agg(format('count(*) FILTER (WHERE %s) AS %s', condition, bad), ', ')
        FILTER (WHERE prefilter IS NULL), string_agg(DISTINCT format(
            'string_agg(%s, E''\\n'') AS %s_all, array_agg(%s) AS %s_each', text_name, text_name, text_name,
            text_name), ', ') FILTER (WHERE prefilter IS NOT NULL)),
    string_agg(DISTINCT format('coalesce(length(%s), 0) + {_ROW}', text_name), ' + '),
    string_agg(DISTINCT format('%s AS %s, %I', text, text_name, column_name), ', '), relation::regclass,
    CASE WHEN estimate > {policy.scan_rows}
         THEN format(' TABLESAMPLE SYSTEM (%s)',
                     round((100.0 * {policy.scan_rows} / estimate)::numeric, 4)) END)
FROM slipway_kinds GROUP BY relation, estimate, part;
"""
