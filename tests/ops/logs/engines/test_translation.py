"""The same SQL on both engines: the same results, and errors with their position."""

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from ops.errors import QueryError
from ops.logs.engines.translation import to_athena
from ops.logs.lake.layout import COLUMNS
from ops.logs.search.sql_check import check, parameters_of
from tests.ops.logs.engines.athena_on_duckdb import run_translated

MESSAGES = [
    "error 12 at /a",
    "ok",
    '{"a": {"b": "x"}, "n": 5, "l": [7]}',
    "ERROR 500 at /b",
    "",
    "{bad",
    "a,b,,c",
]


@pytest.fixture(scope="module")
def events() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    columns = ", ".join(f"{column.name} {column.type}" for column in COLUMNS)
    connection.execute(f"CREATE TABLE events ({columns})")
    for number, message in enumerate(MESSAGES):
        connection.execute(
            "INSERT INTO events SELECT '1', 'r', ?, 's', DATE '2026-11-24' + to_minutes(?), ?, ?, ?, ?",
            [
                f"g{number % 2}",
                number * 7,
                message,
                str(number),
                message[:2],
                "ERROR" if number == 3 else None,
            ],
        )
    return connection


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM events ORDER BY ts",
        "SELECT * EXCLUDE (id, pattern) FROM events ORDER BY ts",
        "FROM events ORDER BY ts",
        "SELECT log_group, level, count(*) AS n FROM events GROUP BY ALL ORDER BY ALL",
        "SELECT substring(message, 1, 2) FROM events ORDER BY ts",
        "SELECT time_bucket(INTERVAL 10 minute, ts) AS t, count(*) FROM events GROUP BY t ORDER BY t",
        "SELECT time_bucket(INTERVAL ($n) MINUTE, ts) AS t, count(*) FROM events GROUP BY t ORDER BY t",
        "SELECT time_bucket(INTERVAL 7 day, ts) AS t, count(*) FROM events GROUP BY t ORDER BY t",
        "SELECT regexp_extract(message, '([0-9]+) at', 1) FROM events ORDER BY ts",
        "SELECT regexp_extract(message, '[0-9]+') FROM events ORDER BY ts",
        "SELECT nullif(regexp_extract(level, 'X', 0), '') FROM events ORDER BY ts",
        "SELECT id FROM events WHERE regexp_matches(message, 'ERROR [0-9]', 'i') ORDER BY id",
        "SELECT id FROM events WHERE regexp_matches(message, $p, 'i') ORDER BY id",
        r"SELECT regexp_replace(message, '([0-9])', '<\1$>', 'g') FROM events ORDER BY ts",
        "SELECT split_part(message, ',', 2), split_part(message, ',', 9) FROM events ORDER BY ts",
        "SELECT CASE WHEN json_valid(message) THEN message->>'$.a.b' END FROM events ORDER BY ts",
        "SELECT try(json_extract_string(message, '$.n')), try(json_extract_string(message, "
        "'$.l[0]')) FROM events ORDER BY ts",
        "SELECT length(message) / (length(message) - 2), length(id) / 2 FROM events ORDER BY ts",
        "SELECT length(message) % (length(id) + 1), length(message) % 5 FROM events ORDER BY ts",
        "SELECT contains(message, 'at'), starts_with(message, 'e'), message ILIKE '%ERR%' FROM "
        "events ORDER BY ts",
        "SELECT strlen(message), upper(message), epoch(ts) FROM events ORDER BY ts",
        "SELECT ts - INTERVAL 1 DAY, date_trunc('hour', ts), extract(minute FROM ts) FROM events ORDER BY ts",
        "SELECT date_diff('minute', min(ts), max(ts)) FROM events",
        "SELECT count(*) FILTER (WHERE level = 'ERROR'), count(DISTINCT log_group), arg_max(id, "
        "ts) FROM events",
        "SELECT id, row_number() OVER (PARTITION BY log_group ORDER BY ts) AS n FROM events "
        "QUALIFY n <= 2 ORDER BY id",
        "SELECT DISTINCT ON (log_group) log_group, ts, id FROM events ORDER BY log_group, ts DESC",
        "WITH x AS (SELECT log_group AS g, count(*) AS n FROM events GROUP BY 1) SELECT g, sum(n) "
        "OVER (ORDER BY g) FROM x ORDER BY g",
        "SELECT a.id FROM events a JOIN events b ON a.log_group = b.log_group AND a.ts > b.ts "
        "GROUP BY a.id HAVING count(*) > 1 ORDER BY a.id",
        "SELECT id FROM events WHERE message = $p UNION ALL SELECT id FROM events WHERE log_group "
        "IN ('g1') ORDER BY id LIMIT 3",
        "SELECT quantile_cont(length(message), 0.5) FROM events",
        "SELECT 'it''s ? $p slipway_parameter_p' AS x, $p AS y FROM events LIMIT 1",
    ],
)
def test_both_engines_return_the_same(events: duckdb.DuckDBPyConnection, sql: str) -> None:
    values = {name: {"n": 5, "p": "error"}[name] for name in parameters_of(sql)}
    assert run_translated(events, sql, values) == events.execute(sql, values).fetchall()


@pytest.fixture
def with_old_name(events: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """`events` as both engines offer it to a query that names `template`."""
    cursor = events.cursor()
    cursor.execute("CREATE OR REPLACE TEMP VIEW events AS SELECT *, pattern AS template FROM memory.events")
    return cursor


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {0}, count(*) AS n FROM events GROUP BY {0} ORDER BY ALL",
        "SELECT id FROM events WHERE {0} LIKE 'e%' ORDER BY id",
        'WITH named AS (SELECT "{0}" AS kind FROM events) SELECT kind FROM named ORDER BY kind',
        "SELECT e.{0} FROM events AS e ORDER BY e.{0} DESC",
    ],
)
def test_template_is_the_same_as_pattern(with_old_name: duckdb.DuckDBPyConnection, sql: str) -> None:
    old, new = (run_translated(with_old_name, sql.format(name), {}) for name in ("template", "pattern"))
    assert old == new == with_old_name.execute(sql.format("template")).fetchall()
    assert new


def test_a_star_shows_template_only_if_the_query_names_it() -> None:
    def columns(sql: str) -> list[str]:
        query = sqlglot.parse_one(to_athena(sql).sql, read="athena")
        assert isinstance(query, exp.Query)
        return query.named_selects

    names = [column.name for column in COLUMNS]
    assert columns("SELECT * FROM events -- template") == names
    assert columns("SELECT * FROM events WHERE message = 'template'") == names
    assert columns("SELECT * FROM events WHERE template = 'x'") == [*names, "template"]


def test_the_rules_are_needed(events: duckdb.DuckDBPyConnection) -> None:
    """The test double for Athena returns what Trino returns, so the tests above can fail."""
    from tests.ops.logs.engines.athena_on_duckdb import run_athena

    sql = "SELECT regexp_extract(message, 'none', 0) FROM events LIMIT 1"
    assert run_athena(events, sql) == [(None,)] != events.execute(sql).fetchall()


def test_parameters_are_bound_by_position() -> None:
    translated = to_athena("SELECT $b AS x FROM events WHERE message = $a AND id = $b")
    assert translated.parameters == ("b", "a", "b")
    assert translated.sql.count("?") == 3


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM events QUALIFY row_number() OVER (ORDER BY ts) < 9 ORDER BY id DESC LIMIT 2",
        "SELECT DISTINCT ON (log_group) log_group, ts FROM events ORDER BY log_group, ts",
    ],
)
def test_order_by_is_outside_of_subqueries(sql: str) -> None:
    outermost = sqlglot.parse_one(to_athena(sql).sql, read="athena")
    assert outermost.args["order"]
    if "LIMIT" in sql:
        assert outermost.args["limit"]
        assert not outermost.args["from_"].this.find(exp.Limit)


def test_approximate_results_are_noted() -> None:
    assert "approximate" in to_athena("SELECT median(length(message)) FROM events").notes[0]


@pytest.mark.parametrize(
    ("sql", "place", "words"),
    [
        ("SELECT nope FROM events", (1, 8), "no column nope"),
        ("SELECT id\nFROM other", (2, 6), "no table other"),
        ("SELECT id FROM read_csv('/etc/passwd')", (1, 16), "no table"),
        ("SELECT id FROM '/etc/passwd'", (1, 16), "no table"),
        ("SELECT\n  foo(id)\nFROM events", (2, 3), "foo() cannot be translated"),
        ("SELECT list(id) FROM events", (1, 8), "array_agg() cannot be translated"),
        ("SELECT greatest(level, id) FROM events", (1, 8), "greatest()"),
        ("SELECT lower(foo(id)) FROM events", (1, 14), "foo()"),
        ("SELECT id::JSON FROM events", (1, 8), "type JSON"),
        ("SELECT regexp_replace(id, 'a', 'b') FROM events", (1, 8), "only the first match"),
        ("SELECT 1 // 2 FROM events", (1, 8), "//"),
        ("SELECT DISTINCT ON (id) id FROM events ORDER BY id, ts", (1, 53), "cannot order by this"),
    ],
)
def test_unsupported_syntax_is_reported_with_its_position(
    sql: str, place: tuple[int, int], words: str
) -> None:
    with pytest.raises(QueryError) as raised:
        to_athena(sql)
    assert words in str(raised.value)
    assert (raised.value.line, raised.value.column) == place
    assert raised.value.hint


@pytest.mark.parametrize(
    ("sql", "place", "words"),
    [
        ("", (1, 1), "The query is empty"),
        ("SELECT 1; SELECT 2", (1, 1), "more than one"),
        ("DROP TABLE events", (1, 1), "DROP is not allowed"),
        ("COPY events TO 'x'", (1, 1), "COPY is not allowed"),
        ("SELECT id FROM FROM", (1, 16), "Syntax error at 'FROM'"),
        ("SELECT 'x'\n, 'open", (2, 3), "not closed"),
        ("SELECT 1 /* open", (1, 10), "not closed"),
        ("SELECT (1", (1, 9), "Syntax error"),
    ],
)
def test_a_mistake_in_the_sql_is_reported_with_its_position(
    sql: str, place: tuple[int, int], words: str
) -> None:
    with pytest.raises(QueryError) as raised:
        check(sql)
    assert words in str(raised.value)
    assert (raised.value.line, raised.value.column) == place
