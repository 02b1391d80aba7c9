"""Builds a new database from a copy: tables first, then sanitized rows, then triggers and events.

The new server never holds an original row: the copy evaluates the expressions of the treatments, and only
INSERT statements with their results are sent. Keys are part of a table, as in a dump. Accounts are not taken:
definers become the master user.
"""

from ops.snapshots.mysql import formats, unique
from ops.snapshots.mysql.text import COLUMNS, HEAD, equal_names, literal, tables
from ops.snapshots.mysql.treat import THEN, exact_check, new_and_unique, sum_of
from ops.snapshots.policy.model import Policy

ROWS_PER_INSERT = 200
# What the new server receives first: values as they are, and keys of rows that come later.
_RECEIVE = """\
SET NAMES utf8mb4;
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', SESSION time_zone = '+00:00', SESSION foreign_key_checks = 0;
START TRANSACTION;
"""
_GEOMETRIES = (
    "('geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon', "
    "'geometrycollection', 'geomcollection')"
)
# SQL of the literal of a value: a float with all digits, bytes in base 16, and a text in one line.
_LITERAL = f"""\
CONCAT('IF(', value, ' IS NULL, ''NULL'', ', CASE
        WHEN family = 'float' THEN CONCAT(value, ' + 0e0')
        WHEN family = 'bytes' OR family IN {_GEOMETRIES}
            THEN CONCAT('IF(LENGTH(', value, ') = 0, '''''''''''', CONCAT(''0x'', HEX(', value, ')))')
        ELSE CONCAT('REPLACE(QUOTE(CONVERT(CAST(', value, ' AS CHAR) USING utf8mb4)), CHAR(10), ',
            '''\\\\\\\\n'')') END, ')')"""
# SQL of the check of a table: @n is the number of rows that were sent.
_CHECK = """\
CONCAT('SELECT JSON_OBJECT(''check'', ''rows'', ''table'', ', QUOTE(shown), ', ''column'', ''*'', ',
        '''rows'', COUNT(*), ''bad'', ABS(COUNT(*) - @n), ''ok'', ',
        'JSON_EXTRACT(IF(COUNT(*) = @n, ''true'', ''false''), ''$'')) FROM ', qualified, ';',
        COALESCE(CONCAT('SELECT CONCAT_WS(CHAR(10 USING utf8mb4), ', checked, ') FROM ', qualified, ';'),
            ''))"""


def draw(policy: Policy) -> str:
    """Return SQL that assigns free fakes to values with the same fake, in tables of the copy.

    The functions that it creates remain: the copy is deleted, and its schema has been taken.
    """
    return (
        f"{HEAD}\nSELECT {literal(HEAD)};\n{unique.fake_columns(policy)}\n{unique.draw()}\n"
        f"{formats.create_functions(policy)}"
    )


def rows(policy: Policy) -> str:
    """Return SQL that prints, for each table, what the copy runs to print INSERT statements and their check.

    A line is the SQL in Base64. The largest tables come first.
    """
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    truncated = tables([table for table in policy.tables if table.rows == "truncate"])
    new = "\n".join(
        f"INSERT INTO slipway_new SELECT qualified, place, new, IF(COALESCE(then_, '') = '', NULL, {THEN}), "
        f"IF(is_exact, {sum_of('new')}, NULL), IF(is_exact, {exact_check()}, NULL) "
        f"FROM ({new_and_unique(table, policy.case)}) u WHERE turn_ IS NOT NULL;"
        for table in treated
    )
    insert = "CONCAT('INSERT INTO ', qualified, ' (', names, ') VALUES ')"
    return f"""\
{HEAD}
{unique.fake_columns(policy)}
CREATE TEMPORARY TABLE slipway_new (qualified VARCHAR(300), place INT, new LONGTEXT, then_ LONGTEXT,
    expected LONGTEXT, checked LONGTEXT) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
{new}
SELECT REPLACE(TO_BASE64(CONCAT({literal(HEAD + "SET @n = 0;")},
    COALESCE(CONCAT('SELECT ', expected, ' INTO ', variables, ' FROM ', qualified, ';'), ''),
    {literal(f"SELECT {literal(_RECEIVE)};")},
    'SELECT CONCAT(IF((@n := @n + 1) % {ROWS_PER_INSERT} = 1, CONCAT(IF(@n > 1, '';'', ''''), ',
    QUOTE({insert}), '), '',''), ''('', CONCAT_WS('','', ', literals, '), '')'') FROM (SELECT ', selected,
    ' FROM ', qualified, ') s;SELECT IF(@n > 0, '';'', '''');SELECT ''COMMIT;'';',
    COALESCE(CONCAT('SELECT CONCAT(', sent, ');'), ''),
    'SELECT CONCAT(''SET @n = '', @n, '';'');SELECT ', QUOTE({_CHECK}), ';')), CHAR(10), '')
FROM (SELECT qualified, shown, estimate,
        GROUP_CONCAT(quoted ORDER BY place SEPARATOR ', ') AS names,
        GROUP_CONCAT(IF(new IS NULL, quoted, CONCAT(new, ' AS ', quoted)) ORDER BY place SEPARATOR ', ')
            AS selected,
        GROUP_CONCAT({_LITERAL} ORDER BY place SEPARATOR ', ') AS literals,
        GROUP_CONCAT(expected ORDER BY place SEPARATOR ', ') AS expected,
        GROUP_CONCAT(IF(expected IS NULL, NULL, CONCAT('@x', place)) ORDER BY place SEPARATOR ', ')
            AS variables,
        GROUP_CONCAT(IF(expected IS NULL, NULL, CONCAT('''SET @x', place, ' = '', COALESCE(@x', place,
            ', ''NULL''), '';''')) ORDER BY place SEPARATOR ', ') AS sent,
        GROUP_CONCAT(checked ORDER BY place SEPARATOR ', ') AS checked
    FROM (SELECT c.qualified, c.shown, c.estimate, c.quoted, c.place, c.family, n.new, n.expected, n.checked,
            COALESCE(n.then_, c.quoted) AS value
        FROM ({COLUMNS}) c LEFT JOIN slipway_new n ON n.qualified = c.qualified AND n.place = c.place
        WHERE NOT c.is_generated
            AND REPLACE(c.qualified, '`', '') NOT IN (SELECT REPLACE(moved, '`', '') FROM slipway_fakes)
            AND NOT EXISTS (SELECT 1 FROM {truncated} t
                WHERE {equal_names("t", "c", "schema_name", "table_name")})) v
    GROUP BY qualified, shown, estimate) w
ORDER BY estimate DESC, qualified;
"""
