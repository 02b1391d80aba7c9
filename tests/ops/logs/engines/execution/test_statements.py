"""What may run is a list of DuckDB's node types and functions; everything else is refused."""

import sys
from pathlib import Path

import duckdb
import pytest

from ops.errors import InputError, QueryError
from ops.logs.engines.execution.functions import FUNCTIONS, TABLE_FUNCTIONS
from ops.logs.engines.execution.statements import check_statement
from tests.ops.logs.engines.execution.hostile_sql import ALLOWED, HOSTILE

QUERIES = Path(__file__).parents[5] / "queries"


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: sql[:60])
def test_everything_else_is_refused(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(InputError) as refused:
        check_statement(database, sql, own=False)
    assert refused.value.hint


@pytest.mark.parametrize("sql", [*ALLOWED, *(path.read_text() for path in QUERIES.glob("*.sql"))])
def test_what_computes_is_allowed(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert check_statement(database, sql, own=False).strip("; \n")


def test_the_table_of_hostile_statements_is_long_and_has_no_repeats() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 150


def test_only_slipways_own_statements_read_the_parts_of_events(database: duckdb.DuckDBPyConnection) -> None:
    assert check_statement(database, "SELECT * FROM masked_events", own=True)
    with pytest.raises(InputError, match="no table 'masked_events'"):
        check_statement(database, "SELECT * FROM masked_events", own=False)


def test_every_listed_function_exists_and_none_reads_files_or_state(
    database: duckdb.DuckDBPyConnection,
) -> None:
    rows = database.execute("SELECT DISTINCT lower(function_name), function_type FROM duckdb_functions()")
    kinds: dict[str, set[str]] = {}
    for name, kind in rows.fetchall():
        kinds.setdefault(name, set()).add(kind)
    ours = {"pattern_of", "level_of", "json_field"}
    assert sorted(FUNCTIONS - kinds.keys() - ours) == []
    assert sorted(TABLE_FUNCTIONS - kinds.keys()) == []
    danger = ("read_", "_scan", "glob", "getenv", "setting", "variable", "duckdb", "pragma", "nextval",
              "sleep", "log_", "serialize", "secret", "checkpoint")  # fmt: skip
    assert [name for name in FUNCTIONS | TABLE_FUNCTIONS if any(word in name for word in danger)] == []


def test_a_refusal_has_the_position_also_after_text_of_several_bytes(
    database: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(QueryError) as refused:
        check_statement(database, "SELECT 'é🚚',\n  getenv('X') FROM events", own=False)
    assert (refused.value.line, refused.value.column) == (2, 3)


def test_a_dynamic_pivot_is_refused_with_how_to_write_it(database: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InputError) as refused:
        check_statement(database, "PIVOT events ON level USING count(*)", own=False)
    assert "FOR level IN ('ERROR', 'WARN')" in refused.value.hint


def test_the_depth_is_limited_whatever_python_can_walk(database: duckdb.DuckDBPyConnection) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * limit)  # as some libraries do
    try:
        with pytest.raises(InputError, match="nested too deeply"):
            check_statement(database, "SELECT * FROM (" * 200 + "events" + ")" * 200, own=False)
    finally:
        sys.setrecursionlimit(limit)
    nested = "SELECT * FROM (" * 10 + "SELECT * FROM events" + ")" * 10
    assert check_statement(database, nested, own=False)
