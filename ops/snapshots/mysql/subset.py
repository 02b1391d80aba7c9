"""Keeps a part of the rows of a MySQL or MariaDB database: `ops.snapshots.policy.subset` has the rules.

`ops.snapshots.postgres.subset` explains the steps. The generator writes them to a procedure, which is dropped
afterward; its tables are not temporary, because MySQL cannot refer to a temporary table twice in a statement.
"""

from ops.snapshots.mysql.fakes import choice
from ops.snapshots.mysql.text import (
    HEAD,
    SYSTEM,
    TABLES,
    columns_of,
    exact,
    json_boolean,
    literal,
    quoted,
    rows,
    shown,
)
from ops.snapshots.policy.subset import Reference, Subset
from ops.text.quoting import nested

_DELIMITER = "//slipway//"  # occurs in no condition of a policy: it would have to be in a literal
_SIDES = ("schema_name", "child_table", "child_column", "parent_schema", "parent_table", "parent_column")
_TEMPORARY = ("slipway_keys", "slipway_graph", "slipway_tables")


def _name(*parts: str) -> str:
    return "CONCAT(" + ", '.', ".join(quoted(part) for part in parts) + ")"


def _keys(references: tuple[Reference, ...]) -> str:
    """Return SQL that creates the table of keys, declared ones and those of the policy."""
    given = rows([(*each.child, each.parent[0], *each.parent[1:]) for each in references], *_SIDES)
    parent_schema = "COALESCE(NULLIF(r.parent_schema, ''), DATABASE())"
    return f"""\
CREATE TABLE slipway_keys (number INT AUTO_INCREMENT PRIMARY KEY, child TEXT, parent TEXT, own TEXT,
    other TEXT, given TEXT, joined TEXT, one_column TEXT) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO slipway_keys (child, parent, own, other, given, joined, one_column)
SELECT {_name("k.TABLE_SCHEMA", "k.TABLE_NAME")} AS child,
    {_name("k.REFERENCED_TABLE_SCHEMA", "k.REFERENCED_TABLE_NAME")} AS parent,
    GROUP_CONCAT('c.', {quoted("k.COLUMN_NAME")} ORDER BY k.ORDINAL_POSITION SEPARATOR ', '),
    GROUP_CONCAT('c.', {quoted("k.REFERENCED_COLUMN_NAME")} ORDER BY k.ORDINAL_POSITION SEPARATOR ', '),
    GROUP_CONCAT('c.', {quoted("k.COLUMN_NAME")}, ' IS NOT NULL' SEPARATOR ' AND '),
    GROUP_CONCAT('c.', {quoted("k.COLUMN_NAME")}, ' = p.', {quoted("k.REFERENCED_COLUMN_NAME")}
        SEPARATOR ' AND '), MIN({quoted("k.REFERENCED_COLUMN_NAME")})
FROM information_schema.KEY_COLUMN_USAGE k
WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND k.TABLE_SCHEMA NOT IN {SYSTEM}
GROUP BY k.CONSTRAINT_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, child, parent;
INSERT INTO slipway_keys (child, parent, own, other, given, joined, one_column)
SELECT {_name("r.schema_name", "r.child_table")}, {_name(parent_schema, "r.parent_table")},
    CONCAT('c.', {quoted("r.child_column")}), CONCAT('c.', {quoted("r.parent_column")}),
    CONCAT('c.', {quoted("r.child_column")}, ' IS NOT NULL'),
    CONCAT('c.', {quoted("r.child_column")}, ' = p.', {quoted("r.parent_column")}),
    {quoted("r.parent_column")}
FROM {given} r;"""


# `is_up` and `is_down` as in PostgreSQL; `kept` is the condition on a row that stays.
_TABLES = f"""\
CREATE TABLE slipway_graph AS WITH RECURSIVE up (t) AS (
    SELECT parent FROM slipway_keys WHERE child = @start
    UNION SELECT k.parent FROM slipway_keys k JOIN up ON up.t = k.child) SELECT t FROM up;
CREATE TABLE slipway_tables AS WITH RECURSIVE down (t) AS (
    SELECT child FROM slipway_keys WHERE parent = @start AND child <> @start
        AND child NOT IN (SELECT t FROM slipway_graph)
    UNION SELECT k.child FROM slipway_keys k JOIN down ON down.t = k.parent
        WHERE k.child <> @start AND k.child NOT IN (SELECT t FROM slipway_graph))
SELECT t.qualified AS t, t.shown, t.qualified = @start AS is_start,
    t.qualified IN (SELECT t FROM slipway_graph) AS is_up, t.qualified IN (SELECT t FROM down) AS is_down,
    (SELECT s.DATA_LENGTH + s.INDEX_LENGTH FROM information_schema.TABLES s
        WHERE {exact("s.TABLE_SCHEMA")} = t.schema_name AND {exact("s.TABLE_NAME")} = t.table_name) AS bytes,
    CAST('' AS CHAR(1000000)) AS kept
FROM ({TABLES}) t WHERE t.table_name NOT LIKE 'slipway\\\\_%';
UPDATE slipway_tables s SET kept = CONCAT_WS(' OR ', IF(is_start, @chosen, NULL),
    (SELECT GROUP_CONCAT('COALESCE((', k.other, ') IN (SELECT * FROM ', {{database}}, '.slipway_kept_',
        k.number, '), FALSE)' SEPARATOR ' OR ')
     FROM slipway_keys k WHERE k.parent = s.t AND k.child IN (SELECT * FROM slipway_reached)))
WHERE is_start OR is_up;"""

_EDGE = """\
slipway_keys k JOIN slipway_tables c ON c.t = k.child JOIN slipway_tables p ON p.t = k.parent
    AND (p.is_up OR p.is_start)"""


def subset(given: Subset) -> str:
    """Return SQL that generates a procedure that deletes all other rows, and prints how many rows stay."""
    table = given.table
    schema = literal(table.schema) if table.schema else "DATABASE()"
    database = quoted("DATABASE()")
    helpers = (*_TEMPORARY, "slipway_reached")
    tables = _TABLES.replace("{database}", database).replace(
        "UPDATE slipway_tables s",
        "CREATE TABLE slipway_reached AS SELECT t FROM slipway_tables WHERE is_start OR is_up OR is_down;\n"
        "UPDATE slipway_tables s",
    )
    return f"""\
{HEAD}
SELECT {literal(HEAD)};
{_keys(given.references)}
SET @start = {_name(schema, literal(table.name))};
SET @chosen = {_chosen(given)};
{tables}
SELECT CONCAT('CREATE TABLE ', {database}, '.slipway_counts (t VARCHAR(200) PRIMARY KEY, before_ BIGINT, ',
    'after_ BIGINT) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;');
SELECT CONCAT('INSERT INTO slipway_counts SELECT ', QUOTE(t), ', COUNT(*), 0 FROM ', t, ';')
FROM slipway_tables;
SELECT CONCAT('CREATE TABLE slipway_kept_', k.number, ' AS SELECT ', k.own, ' FROM ', k.child,
    ' c LIMIT 0;') FROM {_EDGE};
SELECT CONCAT('DELIMITER {_DELIMITER}\\nCREATE PROCEDURE slipway_subset() BEGIN\\nDECLARE total BIGINT;');
{_collect(1)}
{_delete("is_start")}
{_orphans("c.is_down")}
{_collect(2)}
{_delete("is_up AND NOT is_start")}
{_orphans("TRUE")}
SELECT 'END{_DELIMITER}\\nDELIMITER ;\\nCALL slipway_subset();\\nDROP PROCEDURE slipway_subset;';
SELECT CONCAT('DROP TABLE slipway_kept_', k.number, ';') FROM {_EDGE};
SELECT CONCAT('UPDATE slipway_counts SET after_ = (SELECT COUNT(*) FROM ', t, ') WHERE t = ', QUOTE(t), ';')
FROM slipway_tables;
{_report(given)}
SELECT 'DROP TABLE slipway_counts;';
{"".join(f"DROP TABLE {helper};{chr(10)}" for helper in helpers)}"""


def _chosen(given: Subset) -> str:
    """Return the condition on a row: by its primary key, or by all its values without one."""
    if given.where:
        return literal(f"COALESCE(({given.where}), FALSE)")
    sampled = nested(choice("subset", "CONCAT_WS('-', <key>)"))
    return f"""\
(SELECT REPLACE('({sampled} % 10000 < {int(given.percent * 100)})', '<key>',
    GROUP_CONCAT('c.', p.quoted ORDER BY p.place SEPARATOR ', '))
FROM ({columns_of(given.table)}) p
LEFT JOIN information_schema.STATISTICS k ON k.INDEX_NAME = 'PRIMARY' AND k.TABLE_SCHEMA = p.schema_name
    AND k.TABLE_NAME = p.table_name AND k.COLUMN_NAME = p.column_name
WHERE k.COLUMN_NAME IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM information_schema.STATISTICS n WHERE n.INDEX_NAME = 'PRIMARY'
    AND n.TABLE_SCHEMA = p.schema_name AND n.TABLE_NAME = p.table_name))"""


def _collect(step: int) -> str:
    """Return SQL that generates a loop that collects the keys of rows that stay, until there are no more."""
    source = "(c.is_up OR c.is_start OR c.is_down)" if step == 2 else "(c.is_up OR c.is_start)"
    return f"""\
SELECT 'REPEAT\\nSET total = 0;';
SELECT CONCAT('INSERT INTO slipway_kept_', k.number, ' SELECT DISTINCT ', k.own, ' FROM ', k.child,
    ' c WHERE ', k.given, ' AND (', IF(c.is_down, 'TRUE', c.kept), ') AND (', k.own,
    ') NOT IN (SELECT * FROM slipway_kept_', k.number, ');\\nSET total = total + ROW_COUNT();')
FROM {_EDGE} WHERE {source};
SELECT 'UNTIL total = 0 END REPEAT;';"""


def _delete(which: str) -> str:
    return (
        f"SELECT CONCAT('DELETE c FROM ', t, ' c WHERE NOT (', kept, ');') FROM slipway_tables WHERE {which};"
    )


def _orphans(which: str) -> str:
    return f"""\
SELECT 'REPEAT\\nSET total = 0;';
SELECT CONCAT('DELETE c FROM ', k.child, ' c LEFT JOIN ', k.parent, ' p ON ', k.joined, ' WHERE ', k.given,
    ' AND p.', k.one_column, ' IS NULL;\\nSET total = total + ROW_COUNT();')
FROM slipway_keys k JOIN slipway_tables c ON c.t = k.child WHERE {which};
SELECT 'UNTIL total = 0 END REPEAT;';"""


def _report(given: Subset) -> str:
    def line(place: str, bytes_: str, before: str, after: str, ok: str) -> str:
        kept = f"IF({before} = 0, {bytes_}, {bytes_} * {after} / {before})"
        size = "CONCAT(ROUND({} / 1048576, 1), ' MB')"
        detail = f"CONCAT({after}, ' (', {size.format(kept)}, ' of ', {size.format(bytes_)}, ')')"
        return (
            f"SELECT JSON_OBJECT('check', 'subset', 'table', {place}, 'column', '*', 'treatment', {detail}, "
            f"'rows', {before}, 'bad', 0, 'ok', {json_boolean(ok)})"
        )

    apply = "FALSE" if given.is_forecast else "TRUE"
    values = (
        "GROUP_CONCAT('SELECT ', QUOTE(t), ' AS t, ', QUOTE(shown), ' AS shown, ', bytes, ' AS bytes, ', "
        "is_start, ' AS is_start' SEPARATOR ' UNION ALL ')"
    )
    one = line("s.shown", "s.bytes", "n.before_", "n.after_", "TRUE")
    total = line("'all tables'", "SUM(s.bytes)", "SUM(n.before_)", "SUM(n.after_)", apply)
    joined = "') s JOIN slipway_counts n ON n.t = s.t'"
    return f"""\
SELECT CONCAT({literal(total + " FROM (")}, {values}, {joined}, ';\\n', {literal(one + " FROM (")}, {values},
    {joined}, ' WHERE n.after_ < n.before_ OR s.is_start ORDER BY s.shown;') FROM slipway_tables;"""


def references(given: Subset) -> str:
    """Return SQL that checks that every reference that no constraint declares refers to an existing row."""
    cells = [(*each.child, *each.parent, each.name) for each in given.references]
    found = rows(cells, *_SIDES, "shown_as")
    parent_schema = "COALESCE(NULLIF(r.parent_schema, ''), DATABASE())"
    parent, key = _name(parent_schema, "r.parent_table"), quoted("r.parent_column")
    missing = (
        "'COALESCE(SUM(c.', own, ' NOT IN (SELECT ', other, ' FROM ', parent, ' WHERE ', other, "
        "' IS NOT NULL)), 0)'"
    )
    return f"""\
{HEAD}
SELECT {literal(HEAD)};
SELECT CONCAT('SELECT JSON_OBJECT(''check'', ''foreign key'', ''table'', ', QUOTE(shown), ', ''column'', ',
    QUOTE(shown_as), ', ''rows'', COUNT(*), ''bad'', ', {missing}, ', ''ok'', JSON_EXTRACT(IF(', {missing},
    ' = 0, ''true'', ''false''), ''$'')) FROM ', child, ' c;')
FROM (SELECT {shown("r.schema_name", "r.child_table")} AS shown, r.shown_as,
    {_name("r.schema_name", "r.child_table")} AS child, {parent} AS parent,
    {quoted("r.child_column")} AS own, {key} AS other FROM {found} r) f;
"""
