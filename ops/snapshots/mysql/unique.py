"""Keeps unique columns of MySQL and MariaDB unique: `ops.snapshots.postgres.unique` explains how.

The replaced fakes are in tables that are dropped after use. They are not temporary tables, because MySQL
cannot refer to a temporary table twice in a statement.
"""

from ops.snapshots.mysql.fakes import numbered_fakes, value_of
from ops.snapshots.mysql.text import HEAD, columns_of, equal_names, json_boolean, literal, quoted, rows, shown
from ops.snapshots.policy import fakes
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.text.quoting import nested

_COLUMN = ("schema_name", "table_name", "column_name")
_ALL = f"CONCAT({quoted('DATABASE()')}, '.slipway_all')"
_NO_DIGEST = "X'00000000000000000000000000000000'"  # for a number whose fake is already a value

# In the generator's session: columns that need distinct fakes, and their new values.
_FAKE_COLUMNS = """\
CREATE TEMPORARY TABLE slipway_fakes (
    schema_name VARCHAR(64), table_name VARCHAR(64), column_name VARCHAR(64), qualified TEXT, quoted TEXT,
    treatment TEXT, kind VARCHAR(20), space BIGINT, is_unique BOOLEAN, moved TEXT, value TEXT, digest TEXT,
    drawn TEXT, taken TEXT, new LONGTEXT
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
"""
_ONLY_NEEDED = """\
SET @needed = (SELECT GROUP_CONCAT(',', kind, ' ', space, ',' SEPARATOR '')
    FROM slipway_fakes WHERE is_unique);
DELETE FROM slipway_fakes WHERE COALESCE(LOCATE(CONCAT(',', kind, ' ', space, ','), @needed), 0) = 0;
"""
DROP = "SELECT DISTINCT CONCAT('DROP TABLE ', moved, ';') FROM slipway_fakes;"


def fake_columns(policy: Policy) -> str:
    """Return SQL that creates a table, in the generator's session, of the columns that need distinct fakes.

    `moved` is the table of the values that got another fake, `new` the expression for the new value.
    """
    treated = [table for table in policy.tables if table.treated and table.rows != "truncate"]
    inserts = [_insert(table, policy.case) for table in treated]
    return "\n".join([_FAKE_COLUMNS, *filter(None, inserts), _ONLY_NEEDED])


def _insert(table: TablePolicy, case: str) -> str:
    cells = [
        (
            table.schema, table.name, column, str(treatment), way.family, way.kind, str(way.room.start),
            str(way.room.base), str(way.room.width), way.digest, way.drawn, way.fake, way.taken,
        )
        for column, treatment in table.treated.items()
        for way in numbered_fakes(treatment)
    ]  # fmt: skip
    if not cells:
        return ""
    names = ("treatment", "family", "kind", "start", "base", "most", "digest", "drawn", "fake", "taken")
    given = rows(cells, *_COLUMN, *(f"{name}_" for name in names))

    def filled(sql: str) -> str:
        for name, value in (("space", "space"), ("width", "width"), ("tail", "tail"), ("column", "quoted")):
            sql = f"REPLACE({sql}, '<{name}>', {value})"
        return f"REPLACE({sql}, '<value>', value)"

    looked = (
        "CONCAT('COALESCE((SELECT m.slipway_drawn FROM ', moved, ' m WHERE m.slipway_digest = UNHEX(', "
        "digest_, ')), ', drawn_, ')')"
    )
    return f"""\
INSERT INTO slipway_fakes
SELECT schema_name, table_name, column_name, qualified, quoted, treatment_, kind_, space, is_unique, moved,
    value, {filled("digest_")}, {filled("drawn_")}, {filled("taken_")},
    {filled(f"REPLACE(fake_, '<drawn>', {looked})")}
FROM (SELECT w.*, CONCAT({quoted("DATABASE()")}, '.slipway_', kind_, '_', space) AS moved
    FROM (SELECT w.*, POW(10, most_ - width) AS tail, CAST(LEAST({fakes.COLLISION_FREE},
            IF(family_ = 'number', modulus, POW(base_, width))) AS UNSIGNED) AS space
        FROM (SELECT p.*, v.treatment_, v.kind_, v.family_, v.base_, v.most_ + 0 AS most_, v.digest_,
                v.drawn_, v.fake_, v.taken_, {value_of("p", case)} AS value,
                INSTR(u.names, p.quoted) > 0 AS is_unique, GREATEST(0, IF(p.family = 'text',
                    LEAST(v.most_ + 0, p.longest - v.start_), v.most_ + 0)) AS width
            FROM ({columns_of(table)}) p JOIN {given} v ON {equal_names("v", "p", *_COLUMN)}
                AND (v.family_ = '' OR (v.family_ = 'number') = (p.family IN ('number', 'float')))
            JOIN ({columns_in_keys(table)}) u
            WHERE NOT p.is_generated) w
        ) w
    WHERE space < {fakes.COLLISION_FREE}) w;
"""


def columns_in_keys(table: TablePolicy) -> str:
    """Return the columns of all unique keys in one text, including expressions of generated columns."""
    schema = literal(table.schema) if table.schema else "DATABASE()"
    return f"""\
SELECT COALESCE(GROUP_CONCAT(COALESCE({quoted("s.COLUMN_NAME")}, ''), ' ',
                COALESCE(g.GENERATION_EXPRESSION, '') /*!80013 , ' ', COALESCE(s.EXPRESSION, '') */), '')
                AS names
            FROM information_schema.STATISTICS s LEFT JOIN information_schema.COLUMNS g
                ON g.TABLE_SCHEMA = {schema} AND g.TABLE_NAME = {literal(table.name)}
                AND g.COLUMN_NAME = s.COLUMN_NAME
            WHERE s.NON_UNIQUE = 0 AND s.TABLE_SCHEMA = {schema} AND s.TABLE_NAME = {literal(table.name)}"""


def draw() -> str:
    """Return SQL that assigns free fakes to values with the same fake, for each kind and number of fakes.

    They get the lowest free numbers. Of as many numbers as were drawn or taken, at least as many are free as
    are needed, so no others are considered.
    """
    moved = (
        "SELECT m.digest, f.number FROM (SELECT a.digest, ROW_NUMBER() OVER (ORDER BY a.digest) AS place "
        "FROM <all> a JOIN (SELECT drawn, MIN(digest) AS stays FROM <all> GROUP BY drawn "
        "HAVING COUNT(*) > 1) s ON s.drawn = a.drawn AND a.digest > s.stays) m "
        "JOIN (SELECT number, ROW_NUMBER() OVER (ORDER BY number) AS place "
        "FROM (SELECT ROW_NUMBER() OVER () - 1 AS number FROM <all>) n "
        "WHERE NOT EXISTS (SELECT 1 FROM <all> a WHERE a.drawn = n.number)) f ON f.place = m.place;"
    )
    return f"""\
SELECT CONCAT('CREATE TABLE ', {_ALL}, ' (drawn BIGINT NOT NULL, digest BINARY(16) NOT NULL, '
    'PRIMARY KEY (drawn, digest));\\n', GROUP_CONCAT('INSERT IGNORE INTO ', {_ALL}, ' SELECT ', drawn,
        ', UNHEX(', digest, ') FROM ', qualified, ' WHERE ', quoted, ' IS NOT NULL ORDER BY 1, 2;\\n',
        'INSERT IGNORE INTO ', {_ALL}, ' SELECT ', taken, ', {nested(_NO_DIGEST)} FROM ', qualified,
        ' WHERE ', taken, ' IS NOT NULL ORDER BY 1;\\n' SEPARATOR ''),
    'CREATE TABLE ', moved, ' (slipway_digest BINARY(16) PRIMARY KEY, slipway_drawn BIGINT NOT NULL);\\n',
    'INSERT INTO ', moved, ' ', REPLACE({literal(moved)}, '<all>', {_ALL}),
    '\\nDROP TABLE ', {_ALL}, ';')
FROM slipway_fakes WHERE is_unique GROUP BY kind, space, moved ORDER BY kind, space;
"""


def space(policy: Policy) -> str:
    """Return SQL that checks that there are enough fakes for the unique columns that share them.

    Values that already equal a fake count too. Distinct values are counted only if there might be too many.
    """
    ok = nested(json_boolean("many + taken <= <space>"))
    return f"""\
{HEAD}
SELECT {literal(HEAD)};
{fake_columns(policy)}
SELECT REPLACE(CONCAT('SELECT CONCAT_WS(CHAR(10 USING utf8mb4), ',
    GROUP_CONCAT('JSON_OBJECT(''check'', ''space'', ''table'', ',
        QUOTE({shown("schema_name", "table_name")}), ', ''column'', ', QUOTE(column_name),
        ', ''treatment'', ', QUOTE(treatment), ', ''rows'', many, ''bad'', ',
        'GREATEST(0, many + taken - <space>), ''ok'', {ok})' SEPARATOR ', '),
    ') FROM (SELECT IF(many * 2 <= <space>, many, (SELECT COUNT(*) FROM (',
    GROUP_CONCAT('SELECT DISTINCT MD5(', value, ') FROM ', qualified, ' WHERE ', quoted, ' IS NOT NULL'
        SEPARATOR ' UNION '), ') d)) AS many, IF(many * 2 <= <space>, 0, (SELECT COUNT(*) FROM (',
    GROUP_CONCAT('SELECT DISTINCT ', taken, ' FROM ', qualified, ' WHERE ', taken, ' IS NOT NULL'
        SEPARATOR ' UNION '), ') d)) AS taken FROM (SELECT ',
    GROUP_CONCAT('(SELECT COUNT(', quoted, ') FROM ', qualified, ')' SEPARATOR ' + '), ' AS many) m) f;'),
    '<space>', space)
FROM slipway_fakes WHERE is_unique GROUP BY kind, space ORDER BY kind, space;
"""
