"""Query results as tables: numbers with units, and JSON fields on demand."""

import duckdb
import pandas as pd
import pyarrow as pa

from app.logs.charts import result_chart
from app.logs.result_table import json_paths, readable, units, with_fields
from ops.logs.search.saved.queries import Chart


def answer(sql: str) -> pa.Table:
    with duckdb.connect() as connection:
        found = connection.sql(sql)
        assert found
        return found.to_arrow_table()


def test_sums_and_decimals_are_numbers() -> None:
    table = answer(
        "SELECT sum(x) AS n, sum(x)::DECIMAL(10, 2) / 4 AS share, [1, 2] AS list, {'a': 'é'} AS inner,"
        " sum(170141183460469231731687303715::HUGEINT) AS huge FROM range(20) r(x)"
        " GROUP BY x % 12 ORDER BY x % 12"
    )
    frame = readable(table)
    assert [str(frame[name].dtype) for name in ("n", "share", "huge")] == ["int64", "float64", "float64"]
    assert list(frame.sort_values("n")["n"]) == sorted(table["n"].to_pylist())
    assert (frame["list"][0], frame["inner"][0]) == ("[1, 2]", '{"a": "é"}')
    assert result_chart(frame.assign(name="x"), Chart("bar", "n", "name")) is not None


def test_two_columns_of_one_name_are_both_shown() -> None:
    table = answer("SELECT 1 AS a, 2 AS b").rename_columns(["a", "a"])
    assert list(readable(table).columns) == ["a", "a (2)"]


def test_numbers_have_the_unit_in_the_columns_name() -> None:
    frame = pd.DataFrame({"bytes": [1], "dollars": [0.0004], "init_ms": [2.0], "n": [3], "text_bytes": ["x"]})
    found = {name: column["type_config"]["format"] for name, column in units(frame).items()}
    assert found == {"bytes": "bytes", "dollars": "$%.4f", "init_ms": "%.1f ms", "n": "localized"}


def test_fields_of_json_become_columns() -> None:
    messages = [
        '{"status": 500, "user": {"name": "ada", "a.b": [1]}}',
        "no JSON",
        '{"status": 404}',
        None,
        "{",
    ]
    assert json_paths(messages) == ["$.status", "$.user.a.b", "$.user.name"]
    frame = with_fields(
        pd.DataFrame({"message": messages}), "message", ["$.status", "$.user.a.b", "$.user.name"]
    )
    assert frame["$.status"].dropna().tolist() == [500, 404]
    assert pd.api.types.is_numeric_dtype(frame["$.status"])
    assert frame["$.user.a.b"][0] == "[1]"
    assert frame["$.user.name"].isna().tolist() == [False, True, True, True, True]
