"""Applies a policy to a MySQL or MariaDB database: deletes rows, changes columns, and restores triggers.

MySQL cannot disable triggers: they are dropped, and recreated from the catalog.
"""

from collections.abc import Sequence
from functools import partial

from ops.snapshots.mysql import formats, unique
from ops.snapshots.mysql.documents import DOCUMENT, new_document
from ops.snapshots.mysql.fakes import CHECK_DIGIT, choice, digest, fake, number, value_of
from ops.snapshots.mysql.text import (
    HEAD,
    SYSTEM,
    TABLES,
    check_sql,
    columns_of,
    equal_names,
    exact,
    json_boolean,
    literal,
    quoted,
    rows,
    shown,
    tables,
)
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT, Treatment
from ops.text.quoting import nested

_TABLE = ("schema_name", "table_name")
_COLUMN = (*_TABLE, "column_name")
_DELIMITER = "//slipway//"  # occurs in no trigger

# The user name of the definer can contain an @; the host cannot.
_HOST = "SUBSTRING_INDEX(DEFINER, '@', -1)"
_USER = f"LEFT(DEFINER, CHAR_LENGTH(DEFINER) - CHAR_LENGTH({_HOST}) - 1)"
# A body with non-ASCII characters is sent as it was read: in utf8mb4.
_CHARACTERS = """\
IF(LENGTH(ACTION_STATEMENT) = CHAR_LENGTH(ACTION_STATEMENT), CHARACTER_SET_CLIENT, 'utf8mb4')"""


def undo() -> str:
    """Return SQL that prints how to recreate the triggers, in their order. Runs before `relax`."""
    return f"""\
{HEAD}
SELECT CONCAT('SET SESSION sql_mode = ', QUOTE(SQL_MODE), ', character_set_client = ', {_CHARACTERS},
    ', collation_connection = ', COLLATION_CONNECTION, ';\\nDELIMITER {_DELIMITER}\\nCREATE DEFINER = ',
    {quoted(_USER)}, '@', {quoted(_HOST)}, ' TRIGGER ', {quoted("TRIGGER_SCHEMA")}, '.',
    {quoted("TRIGGER_NAME")}, ' ', ACTION_TIMING, ' ', EVENT_MANIPULATION, ' ON ',
    {quoted("EVENT_OBJECT_SCHEMA")}, '.', {quoted("EVENT_OBJECT_TABLE")}, ' FOR EACH ROW ', ACTION_STATEMENT,
    '\\n{_DELIMITER}\\nDELIMITER ;')
FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN {SYSTEM}
ORDER BY EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER;
"""


def relax() -> str:
    return f"""\
{HEAD}
SELECT CONCAT('DROP TRIGGER ', {quoted("TRIGGER_SCHEMA")}, '.', {quoted("TRIGGER_NAME")}, ';')
FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN {SYSTEM};
"""


def rows_of(policy: Policy) -> str:
    """Return SQL that truncates and samples tables, and deletes the rows that lose their parent row."""
    truncated = [table for table in policy.tables if table.rows == "truncate"]
    sampled = [table for table in policy.tables if table.rows == "sample"]
    deleted = [table for table in policy.tables if table.rows == "delete"]
    parts = [
        HEAD,
        f"SELECT {literal(HEAD)};",
        *([_truncate(truncated)] if truncated else []),
        *(_delete(table) for table in deleted),
        *(_sample(table) for table in sampled),
        *([_orphans()] if sampled or deleted else []),
        *(_deleted(table) for table in deleted),
    ]
    return "\n".join(parts)


def treat(policy: Policy) -> str:
    """Return SQL that changes each table in one statement, and checks the result."""
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    parts = [
        HEAD,
        f"SELECT {literal(HEAD)};",
        unique.fake_columns(policy),
        unique.draw(),
        formats.create_functions(policy),
        *(_update(table, policy.case) for table in treated),
        formats.drop_functions(policy),
        unique.DROP,
        f"SELECT CONCAT('DELETE HISTORY FROM ', qualified, ';') FROM ({TABLES}) t WHERE has_history;",
    ]
    return "\n".join(parts)


def _truncate(policies: Sequence[TablePolicy]) -> str:
    return f"""\
SELECT CONCAT(IF(p.has_history, 'DELETE FROM ', 'TRUNCATE TABLE '), p.qualified, ';')
FROM ({TABLES}) p JOIN {tables(policies)} t ON {equal_names("t", "p", *_TABLE)};"""


def _delete(table: TablePolicy) -> str:
    return f"""\
SELECT CONCAT('DELETE FROM ', p.qualified, ' WHERE (', {literal(table.where)}, ');')
FROM ({TABLES}) p JOIN {tables([table])} t ON {equal_names("t", "p", *_TABLE)};"""


def _deleted(table: TablePolicy) -> str:
    """Check whether the condition still selects rows, before a treatment changes what it reads."""
    return f"""\
SELECT CONCAT('SELECT JSON_OBJECT(''check'', ''deleted'', ''table'', ', QUOTE(p.shown),
    ', ''column'', ''*'', ''rows'', kept, ''bad'', bad, ''ok'', {nested(json_boolean("bad = 0"))}) ',
    'FROM (SELECT COUNT(*) AS kept, COALESCE(SUM((', {literal(table.where)},
    ') IS TRUE), 0) AS bad FROM ', p.qualified, ') c;')
FROM ({TABLES}) p JOIN {tables([table])} t ON {equal_names("t", "p", *_TABLE)};"""


def _sample(table: TablePolicy) -> str:
    """The key of a row, or all its columns, decide whether it is kept: the same rows in every run."""
    sampled = nested(choice("sample", "CONCAT_WS('-', <key>)"))
    return f"""\
SELECT CONCAT('DELETE FROM ', p.qualified, ' WHERE ', REPLACE('{sampled}', '<key>',
    GROUP_CONCAT(p.quoted ORDER BY p.place SEPARATOR ', ')), ' % 10000 >= {int(table.percent * 100)};')
FROM ({columns_of(table)}) p
LEFT JOIN information_schema.STATISTICS k ON k.INDEX_NAME = 'PRIMARY' AND k.TABLE_SCHEMA = p.schema_name
    AND k.TABLE_NAME = p.table_name AND k.COLUMN_NAME = p.column_name
WHERE k.COLUMN_NAME IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM information_schema.STATISTICS n WHERE n.INDEX_NAME = 'PRIMARY'
    AND n.TABLE_SCHEMA = p.schema_name AND n.TABLE_NAME = p.table_name)
GROUP BY p.qualified;"""


# Join conditions of every foreign key. `one_column` is a column of the parent that is not NULL in a match.
KEYS = f"""\
SELECT k.CONSTRAINT_SCHEMA AS schema_name, k.TABLE_NAME AS table_name, k.CONSTRAINT_NAME AS constraint_name,
    CONCAT({quoted("k.TABLE_SCHEMA")}, '.', {quoted("k.TABLE_NAME")}) AS child,
    CONCAT({quoted("k.REFERENCED_TABLE_SCHEMA")}, '.', {quoted("k.REFERENCED_TABLE_NAME")}) AS parent,
    GROUP_CONCAT('c.', {quoted("k.COLUMN_NAME")}, ' = p.', {quoted("k.REFERENCED_COLUMN_NAME")}
        SEPARATOR ' AND ') AS joined,
    GROUP_CONCAT('c.', {quoted("k.COLUMN_NAME")}, ' IS NOT NULL' SEPARATOR ' AND ') AS given,
    MIN({quoted("k.REFERENCED_COLUMN_NAME")}) AS one_column, {
    shown("k.TABLE_SCHEMA", "k.TABLE_NAME")
} AS shown
FROM information_schema.KEY_COLUMN_USAGE k
WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.TABLE_SCHEMA NOT IN {SYSTEM}
GROUP BY k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, child, parent"""


def _orphans() -> str:
    """Return SQL that deletes rows until none without its parent row is left.

    A loop needs a procedure, which is dropped afterward. It terminates for self-references and cycles too:
    every round except the last deletes rows.
    """
    return f"""\
SELECT CONCAT('DELIMITER {_DELIMITER}\\nCREATE PROCEDURE ', place, '() BEGIN\\nDECLARE gone BIGINT;\\n',
    'REPEAT\\nSET gone = 0;\\n', statements, 'UNTIL gone = 0 END REPEAT;\\nEND{_DELIMITER}\\nDELIMITER ;\\n',
    'CALL ', place, '();\\nDROP PROCEDURE ', place, ';')
FROM (SELECT CONCAT({quoted("MIN(schema_name)")}, '.slipway_orphans') AS place,
    GROUP_CONCAT('DELETE c FROM ', child, ' c LEFT JOIN ', parent, ' p ON ', joined, ' WHERE ', given,
        ' AND p.', one_column, ' IS NULL;\\nSET gone = gone + ROW_COUNT();\\n' SEPARATOR '') AS statements
    FROM ({KEYS}) k) s
WHERE statements IS NOT NULL;"""


def _update(table: TablePolicy, case: str) -> str:
    """One statement per table. Where values have no pattern, sums before and after are compared.

    If possible, a copy replaces the table: InnoDB fills new pages faster than it changes full ones, and keeps
    no old row. Otherwise the statement is an UPDATE.
    """
    return f"""\
SELECT CONCAT(
    COALESCE(CONCAT('SELECT ',
        GROUP_CONCAT(IF(is_exact, {sum_of("new")}, NULL) ORDER BY turn_ SEPARATOR ', '),
        ' INTO ', GROUP_CONCAT(IF(is_exact, CONCAT('@x', place), NULL) ORDER BY turn_ SEPARATOR ', '),
        ' FROM ', qualified, ';\\n'), ''),
    IF(MIN(is_free) AND MAX(COALESCE(then_, '')) = '', {_copied()},
        IF(MAX(is_permuted), {formats.refilled(THEN)}, {_updated()})),
    COALESCE(CONCAT('\\nSELECT CONCAT_WS(CHAR(10 USING utf8mb4), ',
        GROUP_CONCAT(IF(is_exact, {exact_check()}, NULL) ORDER BY turn_ SEPARATOR ', '),
        ') FROM ', qualified, ';'), ''))
FROM ({new_and_unique(table, case)}) u
GROUP BY qualified, schema_name HAVING COUNT(turn_) > 0;"""


_FAKES = f"LEFT JOIN slipway_fakes r ON {equal_names('r', 'p', *_COLUMN)}"


def new_and_unique(table: TablePolicy, case: str) -> str:
    """Return `new_values` with the fakes of unique columns."""
    return new_values(table, case, f"COALESCE(r.new, {_new(case)})", _FAKES)


def new_values(table: TablePolicy, case: str, new: str = "", fakes: str = "") -> str:
    """Return a subquery with the expression `new` for each column; `turn_` is NULL if the column is kept.

    `fakes` joins the fakes of unique columns, which `new` then contains.
    """
    cells = [
        (
            table.schema, table.name, column, item.by or column, f"{turn:06}", item.kind, str(item),
            "exact" if _is_exact(item) else "", *_expressions(item, case),
        )
        for turn, (column, item) in enumerate(_in_turn(table))
    ]  # fmt: skip
    names = ("by_name", "turn", "kind", "treatment", "exact", "plain", "numeric", "then")
    given = rows(cells, *_COLUMN, *(f"{name}_" for name in names))
    return f"""\
SELECT p.*, v.turn_, v.then_, v.treatment_,
        CASE WHEN v.turn_ IS NULL THEN p.quoted WHEN v.kind_ = 'json' THEN {_new(case)}
            ELSE {_cut("p", new or _new(case))} END AS new,
        p.family = 'number' AND v.treatment_ = 'hash' OR v.exact_ = 'exact' AS is_exact,
        {_FREE} AS is_free, {formats.is_permuted(table)} AS is_permuted
    FROM ({columns_of(table)}) p
    LEFT JOIN {given} v ON {equal_names("v", "p", *_COLUMN)}
    {fakes}
    JOIN ({columns_of(table)}) b ON b.column_name = COALESCE(v.by_name_, p.column_name)
    WHERE NOT p.is_generated"""


# Whether a table can be replaced by a copy: no foreign key refers to it or starts from it.
_FREE = f"""\
(p.engine = 'InnoDB' AND NOT p.has_history AND NOT EXISTS (
            SELECT 1 FROM information_schema.KEY_COLUMN_USAGE k WHERE k.REFERENCED_TABLE_NAME IS NOT NULL
            AND ({exact("k.TABLE_SCHEMA")} = p.schema_name AND {exact("k.TABLE_NAME")} = p.table_name
                OR {exact("k.REFERENCED_TABLE_SCHEMA")} = p.schema_name
                AND {exact("k.REFERENCED_TABLE_NAME")} = p.table_name)))"""


def _copied() -> str:
    """Replace the table by a copy under the same name: privileges, views, and triggers refer to the name."""
    new = f"CONCAT({quoted('schema_name')}, '.slipway_new')"
    return f"""\
CONCAT('CREATE TABLE ', {new}, ' LIKE ', qualified, ';\\nINSERT INTO ', {new}, ' (',
        GROUP_CONCAT(quoted ORDER BY place SEPARATOR ', '), ') SELECT ',
        GROUP_CONCAT(new ORDER BY place SEPARATOR ', '), ' FROM ', qualified, ';\\nDROP TABLE ', qualified,
        ';\\nRENAME TABLE ', {new}, ' TO ', qualified, ';')"""


def _updated() -> str:
    """Update the table. A column with ON UPDATE CURRENT_TIMESTAMP is set to itself."""
    then = f"IF(COALESCE(then_, '') = '', '', CONCAT(', ', quoted, ' = ', {THEN}))"
    return f"""\
CONCAT('UPDATE ', qualified, ' SET ', GROUP_CONCAT(
        IF(turn_ IS NULL AND NOT is_touched, NULL, CONCAT(quoted, ' = ', new, {then}))
        ORDER BY turn_ IS NULL, turn_ SEPARATOR ', '), ';')"""


def _new(case: str) -> str:
    """Return the SQL of the new value. <value> is the column, or the one that it is shifted by, as a text.

    An SQL expression is converted to a type that changes values when they are stored: its sum is compared.
    """
    return f"""\
CASE WHEN v.kind_ = 'sql' AND p.type REGEXP '^(date|time|decimal)' THEN CONCAT('CAST((', v.plain_, ') AS ',
        REPLACE(REGEXP_SUBSTR(p.type, '^[a-z]+([(][0-9,]+[)])?'), 'timestamp', 'datetime'), ')')
    WHEN v.kind_ = 'sql' THEN CONCAT('(', v.plain_, ')')
    WHEN v.kind_ = 'constant' THEN v.plain_
    ELSE REPLACE(REPLACE(IF(p.family IN ('number', 'float') AND v.numeric_ <> '',
        REPLACE(v.numeric_, '<modulus>', p.modulus), v.plain_),
        '<value>', {value_of("b", case)}), '<column>', p.quoted) END"""


def _cut(source: str, sql: str) -> str:
    """Truncate to the column length. JSON and binary columns are not truncated."""
    return f"IF({source}.family = 'text', CONCAT('LEFT(', {sql}, ', ', {source}.longest, ')'), {sql})"


# The second step of a treatment, on the new value in its column.
THEN = _cut("u", "REPLACE(then_, '<column>', quoted)")


def sum_of(sql: str) -> str:
    """Return the sum of the checksums of all values, in the same form before and after they are stored."""
    number = f"CONCAT('CAST(CAST(', {sql}, ' AS DECIMAL(20, 0)) AS CHAR)')"
    plain = f"IF(u.family = 'number', {number}, CONCAT('CAST(', {sql}, ' AS CHAR)'))"
    return f"CONCAT('SUM(CRC32(', {plain}, '))')"


def exact_check() -> str:
    """Return the check that compares the sums over all rows, expected and stored."""
    ok = f"CONCAT({sum_of('quoted')}, ' <=> @x', place)"
    bad = f"CONCAT('IF(', {ok}, ', 0, COUNT(*))')"
    return check_sql("exact", "u", detail=("treatment", "treatment_"), bad=bad, ok=ok)


def _in_turn(table: TablePolicy) -> list[tuple[str, Treatment]]:
    """Return the columns in order of assignment: a column that others are shifted by comes after them."""
    remaining, ordered = dict(table.treated), []
    while remaining:
        free = [
            name
            for name in remaining
            if not any(name in t.sources for other, t in remaining.items() if other != name)
        ]
        name = (free or list(remaining))[0]
        ordered.append((name, remaining.pop(name)))
    return ordered


def _is_exact(treatment: Treatment) -> bool:
    """Whether the new value has no pattern, so that sums before and after are compared."""
    kinds = {treatment.kind, *(item.kind for _, item in treatment.paths)}
    return not kinds.isdisjoint({"shift", "sql", FORMAT})


def _expressions(treatment: Treatment, case: str) -> tuple[str, str, str]:
    """Return the new value, that of numeric columns if different, and a second step on the new value."""
    if treatment.kind == "json":
        new = new_document(treatment, partial(_in_document, case), _otherwise(treatment, case))
        return new, "", ""
    if treatment.kind == "sql":
        return treatment.argument, "", ""
    if treatment.kind == "markup":
        return _tags(), "", ""
    if treatment.kind == FORMAT:
        return formats.formatted(treatment, DOCUMENT), "", ""
    if treatment.kind == "null":
        return "NULL", "", ""
    if treatment.kind == "constant":
        return literal(treatment.argument), "", ""
    if treatment.kind == "hash":
        return digest("hash"), f"{number('hash')} % <modulus>", ""
    if treatment.kind == "shift":
        return _shift(int(treatment.argument)), "", ""
    return fake(treatment.argument), "", CHECK_DIGIT if treatment.argument == "card" else ""


def _in_document(case: str, treatment: Treatment, text: str) -> str:
    """Return the new text of a value in a document, from the old one. <value> is what a shift depends on."""
    if treatment.kind == "shift":
        is_date = f"{text} REGEXP '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'"
        day = f"STR_TO_DATE(IF({is_date}, LEFT({text}, 10), NULL), '%Y-%m-%d')"
        moved = f"DATE_ADD({day}, INTERVAL {_days(int(treatment.argument))} DAY)"
        return f"CONCAT(DATE_FORMAT({moved}, '%Y-%m-%d'), SUBSTR({text}, 11))"
    if treatment.kind == FORMAT:
        return formats.formatted(treatment, text)
    plain, _, then = _expressions(treatment, case)
    if treatment.kind == "constant":
        return plain
    plain = plain.replace("<value>", f"LOWER({text})" if case == "fold" else text)
    return then.replace("<column>", plain) if then else plain


def _otherwise(treatment: Treatment, case: str) -> str:
    """Return the new value of what is not a JSON document."""
    item = treatment.otherwise
    return f"IF(<column> IS NULL, NULL, {_in_document(case, item, DOCUMENT)})" if item else "<column>"


_MARKUP_WITHOUT_TAGS = (
    "(?s)<!--.*?-->",
    r"(?s)<!\[CDATA\[.*?\]\]>",
    r"(?is)<(script|style)[^A-Za-z0-9].*?</\1\s*>",
)
_ATTRIBUTE = r"""\s+[^\s=>/"']+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
_TAG = rf"(?s)(</?[A-Za-z][A-Za-z0-9:._-]*)(?:{_ATTRIBUTE})*\s*(/?>)|."


def _tags() -> str:
    """Return the tags of a markup, without attributes, texts, comments, and scripts."""
    text = DOCUMENT
    for pattern in _MARKUP_WITHOUT_TAGS:
        text = f"REGEXP_REPLACE({text}, {literal(pattern)}, '')"
    return rf"REGEXP_REPLACE({text}, {literal(_TAG)}, /*M! '\\1\\2' */ /*!80000 '$1$2' */)"


def _days(days: int) -> str:
    """Return the days of a shift: positive or negative, never zero. Halves are rounded away from zero."""
    return f"ROUND({choice('shift')} % {2 * days} - {days - 0.5})"


def _shift(days: int) -> str:
    """Shift a date or time. Zero dates stay."""
    return f"IF(YEAR(<column>) = 0, <column>, DATE_ADD(<column>, INTERVAL {_days(days)} DAY))"


def rebuild() -> str:
    """Return SQL that rebuilds every table: an UPDATE leaves the old row in the table file."""
    return f"""\
{HEAD}
SELECT {literal(HEAD + "SET @unread = 0 /*M! , SESSION system_versioning_alter_history = KEEP */;")};
SELECT CONCAT('ALTER TABLE ', qualified, ' FORCE;') FROM ({TABLES}) t ORDER BY qualified;
"""


def statistics() -> str:
    """Return SQL that recreates histograms and the statistics tables of MariaDB: they contain sample values.

    An error of ANALYZE in MySQL is a row of its result and fails nothing, so a histogram is dropped first.
    """
    return f"""\
{HEAD}
SELECT sql_text FROM (
    SELECT NULL AS sql_text FROM DUAL
    /*M! UNION SELECT CONCAT('ANALYZE TABLE ', qualified, ' PERSISTENT FOR ALL;') FROM ({TABLES}) t
    WHERE EXISTS (SELECT 1 FROM mysql.column_stats s
        WHERE {exact("s.db_name")} = t.schema_name AND {exact("s.table_name")} = t.table_name) */
    /*!80000 UNION SELECT CONCAT('ANALYZE TABLE ', qualified, ' DROP HISTOGRAM ON ',
        {quoted("s.COLUMN_NAME")}, ';\\nANALYZE TABLE ', qualified, ' UPDATE HISTOGRAM ON ',
        {quoted("s.COLUMN_NAME")}, ' WITH ', s.HISTOGRAM->>'$."number-of-buckets-specified"', ' BUCKETS',
        IF(s.HISTOGRAM->>'$."auto-update"' = 'true', ' AUTO UPDATE', ''), ';')
    FROM ({TABLES}) t JOIN information_schema.COLUMN_STATISTICS s
        ON {exact("s.SCHEMA_NAME")} = t.schema_name AND {exact("s.TABLE_NAME")} = t.table_name */
) s WHERE sql_text IS NOT NULL;
"""


def logs() -> str:
    """Return SQL that empties the general and slow log tables of RDS. Two rotations empty both copies."""
    return f"""\
{HEAD}
SELECT CONCAT('CALL mysql.', ROUTINE_NAME, '();')
FROM information_schema.ROUTINES JOIN (SELECT 1 UNION ALL SELECT 2) twice
WHERE ROUTINE_SCHEMA = 'mysql' AND ROUTINE_NAME IN ('rds_rotate_general_log', 'rds_rotate_slow_log');
"""
