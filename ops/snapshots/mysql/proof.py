"""Verifies a MySQL or MariaDB database: schema drift, the result of every treatment, and foreign keys."""

from collections.abc import Sequence

from ops.snapshots.mysql.documents import values_hold
from ops.snapshots.mysql.text import (
    COLUMNS,
    HEAD,
    SYSTEM,
    TABLES,
    check_sql,
    columns_of,
    equal_names,
    exact,
    json_boolean,
    literal,
    rows,
    shown,
    tables,
    unwrapped,
)
from ops.snapshots.mysql.treat import KEYS
from ops.snapshots.policy import fakes
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT, Treatment

_LONGEST = 1_000_000_000  # characters of a value in a document, which is never truncated
COLUMNS_PER_LINE = 500  # CloudWatch Logs splits a line above 256 KB, and the report would be lost

_TABLE = ("schema_name", "table_name")
_COLUMN = (*_TABLE, "column_name")

# SQL that generates the expression for the value of a column as a text with a binary collation.
VALUE = "CONCAT('(CONVERT(', {source}.quoted, ' USING utf8mb4) COLLATE utf8mb4_bin)')"


# The column that a foreign key of the column p refers to, or NULL.
_REFERENCE = f"""(
                SELECT CONCAT_WS('.', k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME,
                    k.REFERENCED_COLUMN_NAME)
                FROM information_schema.KEY_COLUMN_USAGE k
                WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND {exact("k.TABLE_SCHEMA")} = p.schema_name
                    AND {exact("k.TABLE_NAME")} = p.table_name AND {exact("k.COLUMN_NAME")} = p.column_name
                LIMIT 1)"""


def drift(policy: Policy) -> str:
    """Return SQL that prints unlisted columns, and listed columns that do not exist; at least one line.

    It includes all databases of the server: the columns of an unlisted one are unlisted too.
    """
    ok = "TRUE" if policy.unlisted == "keep" else "unlisted IS NULL"
    listed = [(table.schema, table.name, column) for table in policy.tables for column in table.columns]
    truncated = tables([table for table in policy.tables if table.rows == "truncate"])
    line = f"(ROW_NUMBER() OVER (ORDER BY schema_name, table_name, place) - 1) DIV {COLUMNS_PER_LINE} AS line"
    in_line = "FROM {0} x WHERE x.line = l.line"
    return f"""\
{HEAD}
WITH RECURSIVE present AS ({COLUMNS}),
listed AS {rows(listed, *_COLUMN)},
truncated AS {truncated},
unlisted AS (
    SELECT u.*, {line} FROM (SELECT p.schema_name, p.table_name, p.column_name, p.place, JSON_OBJECT('column',
            {shown("p.schema_name", "p.table_name", "p.column_name")}, 'type',
            IF(p.family = 'json', 'json', p.type), 'required', {json_boolean("p.is_required")},
            'references', {_REFERENCE}) AS item
        FROM present p
        LEFT JOIN listed l ON {equal_names("l", "p", *_COLUMN)}
        LEFT JOIN truncated t ON {equal_names("t", "p", *_TABLE)}
        WHERE NOT p.is_generated AND l.column_name IS NULL AND t.table_name IS NULL) u
), missing AS (
    SELECT u.*, {line} FROM (SELECT l.schema_name, l.table_name, l.column_name AS place,
            JSON_QUOTE({shown("l.schema_name", "l.table_name", "l.column_name")}) AS item
        FROM (SELECT * FROM listed UNION SELECT t.*, NULL FROM truncated t) l
        LEFT JOIN present p ON {equal_names("p", "l", *_TABLE)}
            AND p.column_name = COALESCE(l.column_name, p.column_name)
        WHERE p.table_name IS NULL) u
), `lines` (line, last) AS (
    SELECT 0, GREATEST((SELECT COALESCE(MAX(line), 0) FROM unlisted),
        (SELECT COALESCE(MAX(line), 0) FROM missing))
    UNION ALL SELECT line + 1, last FROM `lines` WHERE line < last
), found AS (
    SELECT l.line, (SELECT GROUP_CONCAT(item ORDER BY schema_name, table_name, place)
            {in_line.format("unlisted")}) AS unlisted,
        (SELECT GROUP_CONCAT(item ORDER BY schema_name, table_name) {in_line.format("missing")}) AS missing
    FROM `lines` l
)
SELECT JSON_OBJECT('check', 'drift', 'policy', {policy.version},
    'ok', {json_boolean(f"({ok}) AND missing IS NULL")},
    'unlisted', JSON_EXTRACT(CONCAT('[', COALESCE(unlisted, ''), ']'), '$'),
    'missing', JSON_EXTRACT(CONCAT('[', COALESCE(missing, ''), ']'), '$'))
FROM found;
"""


def definers() -> str:
    """Return SQL that checks that the master user can recreate every trigger with its definer."""
    grantee = "CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@%')"
    return f"""\
{HEAD}
SELECT JSON_OBJECT('check', 'definer', 'table', CONCAT(t.EVENT_OBJECT_SCHEMA, '.', t.EVENT_OBJECT_TABLE),
    'column', t.TRIGGER_NAME, 'rows', 1, 'bad', 1, 'ok', {json_boolean("FALSE")})
FROM information_schema.TRIGGERS t
WHERE t.TRIGGER_SCHEMA NOT IN {SYSTEM} AND {exact("t.DEFINER")} <> {exact("CURRENT_USER()")}
    AND NOT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES p
        WHERE p.PRIVILEGE_TYPE IN ('SUPER', 'SET USER', 'SET_USER_ID', 'SET_ANY_DEFINER')
        AND (p.GRANTEE LIKE {grantee} OR p.GRANTEE LIKE '''rds_superuser_role''%'));
"""


def assertions(policy: Policy) -> str:
    """Return SQL that checks, for every treated column, that each value matches its treatment."""
    truncated = tables([table for table in policy.tables if table.rows == "truncate"])
    parts = [
        HEAD,
        f"SELECT {literal(HEAD)};",
        f"""\
SELECT CONCAT('SELECT JSON_OBJECT(''check'', ''truncated'', ''table'', ', QUOTE(p.shown),
    ', ''column'', ''*'', ''rows'', COUNT(*), ''bad'', COUNT(*), ''ok'', ',
    {literal(json_boolean("COUNT(*) = 0"))}, ') FROM ', p.qualified, ';')
FROM ({TABLES}) p JOIN {truncated} t ON {equal_names("t", "p", *_TABLE)};""",
        *(_asserted(table) for table in policy.tables if table.treated and table.rows != "truncate"),
    ]
    return "\n".join(parts)


def _asserted(table: TablePolicy) -> str:
    """One pass over the table for all its columns."""
    treatments = [
        (table.schema, table.name, column, shown_as, item.kind, str(item), holds, literal(item.argument))
        for column, treatment in table.treated.items()
        for shown_as, item, holds in _assertions_of(column, treatment)
    ]
    given = rows(treatments, *_COLUMN, "shown_as", "kind", "treatment", "holds", "constant_")
    check = check_sql(
        "treated",
        "u",
        detail=("treatment", "u.treatment"),
        bad="CONCAT('COALESCE(SUM(NOT (', u.holds, ')), 0)')",
        ok="CONCAT('COALESCE(SUM(NOT (', u.holds, ')), 0) = 0')",
    )
    same_json = "JSON_CONTAINS(', p.quoted, ', ', v.constant_, ') AND JSON_CONTAINS(', v.constant_, ', '"
    return f"""\
SELECT CONCAT('SELECT CONCAT_WS(CHAR(10 USING utf8mb4), ',
    GROUP_CONCAT({check} ORDER BY place SEPARATOR ', '), ') FROM ', qualified, ';')
FROM (SELECT p.place, p.qualified, p.shown, v.shown_as AS column_name, v.treatment, CASE
        WHEN v.shown_as <> p.column_name THEN REPLACE(v.holds, '<value>', {VALUE.format(source="p")})
        WHEN v.kind = 'constant' AND p.family = 'json'
            THEN CONCAT('COALESCE({same_json}, p.quoted, '), FALSE)')
        WHEN v.kind = 'constant' AND p.family = 'text'
            THEN CONCAT(p.quoted, ' <=> LEFT(', v.constant_, ', ', p.longest, ')')
        WHEN v.kind = 'constant' THEN CONCAT(p.quoted, ' <=> ', v.constant_)
        WHEN v.kind = 'hash' AND p.family <> 'text' THEN 'TRUE'
        ELSE REPLACE(REPLACE(v.holds, '<value>', {VALUE.format(source="p")}), '<longest>',
            COALESCE(p.longest, 0)) END AS holds
    FROM ({columns_of(table)}) p JOIN {given} v ON {equal_names("v", "p", *_COLUMN)}
    WHERE NOT p.is_generated) u
GROUP BY qualified;"""


def _assertions_of(column: str, treatment: Treatment) -> list[tuple[str, Treatment, str]]:
    """Return (shown name, treatment, condition) for a column, and for each path in its documents."""
    inner = [
        (
            f"{column} {path}",
            item,
            values_hold("<value>", path, _holds(item).replace("<longest>", str(_LONGEST))),
        )
        for path, item in treatment.paths
    ]
    return [(column, treatment, _holds(treatment)), *inner]


def _is_document(treatment: Treatment) -> str:
    other = f" OR {_holds(treatment.otherwise)}" if treatment.otherwise else ""
    return f"(<value> IS NULL OR JSON_VALID(<value>){other})"


def _holds(treatment: Treatment) -> str:
    """Return the condition on <value>, which can be truncated to <longest>."""
    if treatment.kind == "json":
        return _is_document(treatment)
    if treatment.kind == "markup":
        return "COALESCE(<value> REGEXP '^(</?[A-Za-z][A-Za-z0-9:._-]*/?>)*$', TRUE)"
    if treatment.kind == "constant":
        return f"COALESCE(<value> = {literal(treatment.argument)}, TRUE)"
    if treatment.kind == "null":
        return "<value> IS NULL"
    if treatment.kind == "hash":
        return "COALESCE(<value> REGEXP '^[0-9a-f]{1,32}$', TRUE)"
    if treatment.kind == FORMAT:
        return "TRUE"
    pattern = fakes.PATTERNS.get(treatment.argument)
    if pattern:
        return f"COALESCE(<value> REGEXP {literal(pattern)}, TRUE)"
    words = fakes.LISTED.get(treatment.argument)
    if words:
        return f"COALESCE({_one_of('<value>', words)}, TRUE)"
    if treatment.argument == "name":
        first, last = "SUBSTRING_INDEX(<value>, ' ', 1)", "SUBSTR(<value>, LOCATE(' ', <value>) + 1)"
        both = f"LOCATE(' ', <value>) = 0 OR {last} = '' OR {_one_of(last, fakes.LAST_NAMES)}"
        return f"COALESCE({_one_of(first, fakes.FIRST_NAMES)} AND ({both}), TRUE)"
    return "TRUE"


def _one_of(value: str, words: Sequence[str]) -> str:
    """Return the condition that the value is one of the words, or a word truncated to the column length."""
    end = "IF(CHAR_LENGTH(<value>) < <longest>, '|', '')"
    return f"LOCATE(CONCAT('|', {value}, {end}), {literal('|' + '|'.join(words) + '|')}) > 0"


def foreign_keys() -> str:
    """Return SQL that checks every foreign key with a join: rows can predate a `foreign_key_checks = 0`."""
    return f"""\
{HEAD}
SELECT CONCAT('SELECT JSON_OBJECT(''check'', ''foreign key'', ''table'', ', QUOTE(shown), ', ''column'', ',
    QUOTE(constraint_name), ', ''rows'', (SELECT COUNT(*) FROM ', child,
    '), ''bad'', COUNT(*), ''ok'', ', {literal(json_boolean("COUNT(*) = 0"))}, ') FROM ', child,
    ' c LEFT JOIN ', parent, ' p ON ', joined, ' WHERE ', given, ' AND p.', one_column, ' IS NULL;')
FROM ({KEYS}) k;
"""


def statistics() -> str:
    """Return SQL that checks that no statistics contain old values: histograms are newer than the table."""
    lacks = "NOT EXISTS (SELECT 1 FROM ', p.qualified, ' WHERE LEFT(CAST(', p.quoted, ' AS BINARY), 255) = X'"
    made = "STR_TO_DATE(s.HISTOGRAM->>'$.\"last-updated\"', '%Y-%m-%d %H:%i:%s.%f')"
    return f"""\
{HEAD}
SELECT sql_text FROM (
    SELECT NULL AS sql_text FROM DUAL
    /*M! UNION ALL SELECT CONCAT('SELECT JSON_OBJECT(''check'', ''statistics'', ''table'', ',
        QUOTE(p.shown), ', ''column'', ', QUOTE(p.column_name),
        ', ''rows'', 1, ''bad'', bad, ''ok'', JSON_EXTRACT(IF(bad, ''false'', ''true''), ''$'')) FROM ',
        '(SELECT {lacks}, QUOTE(HEX(s.min_value)), ') OR {lacks}, QUOTE(HEX(s.max_value)), ') AS bad) b;')
    FROM ({unwrapped(COLUMNS)}) p JOIN mysql.column_stats s ON {exact("s.db_name")} = p.schema_name
        AND {exact("s.table_name")} = p.table_name AND {exact("s.column_name")} = p.column_name
    WHERE p.family = 'text' AND s.min_value IS NOT NULL */
    /*!80000 UNION ALL SELECT CONCAT('SELECT JSON_OBJECT(''check'', ''statistics'', ''table'', ',
        QUOTE(t.shown), ', ''column'', ', QUOTE(s.COLUMN_NAME),
        ', ''rows'', 1, ''bad'', ', {made} < t.made,
        ', ''ok'', JSON_EXTRACT(''', IF({made} < t.made, 'false', 'true'), ''', ''$''));')
    FROM ({TABLES}) t JOIN information_schema.COLUMN_STATISTICS s
        ON {exact("s.SCHEMA_NAME")} = t.schema_name AND {exact("s.TABLE_NAME")} = t.table_name */
) s WHERE sql_text IS NOT NULL;
"""
