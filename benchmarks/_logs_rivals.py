"""The benchmark's queries for polars, chdb, plain DuckDB and ripgrep, on the same files."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chdb
import duckdb
import polars as pl

REGEX = "(?i)error.*timeout"
DURATION = r"Duration: ([0-9.]+)"
MASKED = r"\b[0-9a-fA-F]*[0-9][0-9a-fA-F]*\b|[0-9]+"
RunQuery = Callable[[], Any]


def shell(command: str) -> str:
    return subprocess.run(command, shell=True, check=False, capture_output=True, text=True).stdout.strip()


def clickhouse(sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = chdb.query(sql, "ArrowTable").to_pylist()
    return rows


def chdb_raw_groups(files: str) -> list[dict[str, Any]]:
    """Return the events per log group. Slipway's raw format is ClickHouse's TSV, including its escapes."""
    columns = "'source String, millis Int64, message String'"
    return clickhouse(
        f"SELECT splitByChar(':', source)[1] AS g, count() AS n FROM file('{files}', 'TSV', {columns}) "
        "GROUP BY g"
    )


def polars_queries(parts: list[Path], hour: list[Path], group: str) -> dict[str, RunQuery]:
    events, one = pl.scan_parquet(parts), pl.scan_parquet(hour)
    message = pl.col("message")
    duration = message.str.extract(DURATION, 1).cast(pl.Float64)
    percentiles = [duration.quantile(q, "linear").alias(str(q)) for q in (0.5, 0.95, 0.99)]
    reports = (pl.col("log_group") == group) & message.str.starts_with("REPORT")
    top = message.str.replace_all(MASKED, "*").alias("pattern")
    errors = events.filter(pl.col("level") == "ERROR")
    every5 = pl.col("ts").dt.truncate("5m")
    return {
        "Q1": lambda: events.group_by("log_group").len().collect(),
        "Q2": lambda: events.filter(message.str.contains(REGEX)).top_k(100, by="ts").collect(),
        "Q3": lambda: one.filter(reports).select(percentiles).collect(),
        "Q4": lambda: errors.group_by(every5, "log_group").len().collect(),
        "Q5": lambda: events.group_by(top).len().top_k(20, by="len").collect(),
    }


def chdb_queries(parts: str, hour: str, group: str) -> dict[str, RunQuery]:
    events, one = f"file('{parts}', 'Parquet')", f"file('{hour}', 'Parquet')"
    duration = "toFloat64OrNull(extract(message, 'Duration: ([0-9.]+)'))"
    reports = f"log_group = '{group}' AND startsWith(message, 'REPORT')"
    masked = MASKED.replace("\\", "\\\\")
    queries = {
        "Q1": f"SELECT log_group, count() AS n FROM {events} GROUP BY 1",
        "Q2": f"SELECT * FROM {events} WHERE match(message, '{REGEX}') ORDER BY ts DESC LIMIT 100",
        "Q3": f"SELECT quantilesExactInclusive(0.5, 0.95, 0.99)({duration}) AS q FROM {one} WHERE {reports}",
        "Q4": f"SELECT toStartOfFiveMinutes(ts) AS t, log_group, count() AS n FROM {events} "
        "WHERE level = 'ERROR' GROUP BY 1, 2",
        "Q5": f"SELECT replaceRegexpAll(message, '{masked}', '*') AS t, count() AS n FROM {events} "
        "GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    }
    return {name: (lambda sql=sql: clickhouse(sql)) for name, sql in queries.items()}  # type: ignore[misc]


def duckdb_queries(parts: str, hour: str, group: str) -> dict[str, RunQuery]:
    """Return the queries as a user of DuckDB would write them, without what Slipway knows of the parts."""
    events, one = f"read_parquet('{parts}')", f"read_parquet('{hour}')"
    duration = f"CAST(regexp_extract(message, '{DURATION}', 1) AS DOUBLE)"
    reports = f"log_group = '{group}' AND starts_with(message, 'REPORT')"
    queries = {
        "Q1": f"SELECT log_group, count(*) AS n FROM {events} GROUP BY 1",
        "Q2": f"SELECT * FROM {events} WHERE regexp_matches(message, '{REGEX}') ORDER BY ts DESC LIMIT 100",
        "Q3": f"SELECT quantile_cont({duration}, [0.5, 0.95, 0.99]) AS q FROM {one} WHERE {reports}",
        "Q4": f"SELECT time_bucket(INTERVAL 5 MINUTE, ts) AS t, log_group, count(*) AS n FROM {events} "
        "WHERE level = 'ERROR' GROUP BY 1, 2",
        "Q5": f"SELECT regexp_replace(message, '{MASKED}', '*', 'g') AS t, count(*) AS n FROM {events} "
        "GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
    }
    connection = duckdb.connect()
    return {
        name: (lambda sql=sql: connection.sql(sql).to_arrow_table().to_pylist())  # type: ignore[misc]
        for name, sql in queries.items()
    }
