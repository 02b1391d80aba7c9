"""Functions in DuckDB: pattern and level of events that have none yet, and fields of JSON messages."""

import weakref

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from ops.logs.engines.duckdb_readers import pattern_sql
from ops.logs.lake.lines.levels import Levels
from ops.logs.search.message_fields import MACRO


def add_functions(database: duckdb.DuckDBPyConnection, levels: Levels, owner: object) -> None:
    """Create `pattern_of`, `level_of`, and `json_field` for as long as the owner lives.

    The levels of a message are determined in Python, once per pattern: as a CASE of regular expressions,
    they take ten times as long.
    """

    def level_of(messages: pa.Array, patterns: pa.Array) -> pa.Array:
        messages, patterns = _one(messages).fill_null(""), _one(patterns).fill_null("")
        return levels.of(messages, patterns.dictionary_encode()).dictionary_decode()

    database.execute(MACRO)
    database.execute(f"CREATE MACRO pattern_of(message) AS {pattern_sql('message')}")
    database.create_function(
        "level_of",
        level_of,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    # At exit, DuckDB reports a Python function that is still registered as a leak.
    weakref.finalize(owner, database.remove_function, "level_of")


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
