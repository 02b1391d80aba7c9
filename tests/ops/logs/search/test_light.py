"""Queries are described without Arrow, DuckDB, or sqlglot: a command's help needs none of them."""

import subprocess
import sys

LIGHT = (
    "cursor",
    "estimate",
    "exploration",
    "model",
    "query",
    "language.parser",
    "language.writing",
    "saved.queries",
    "sql",
)
HEAVY = {"awswrangler", "boto3", "duckdb", "numpy", "pandas", "pyarrow", "sqlglot", "streamlit"}


def test_queries_are_described_without_heavy_packages() -> None:
    modules = ", ".join(f"ops.logs.search.{name}" for name in (*LIGHT, "time_ranges"))
    code = f"import sys, {modules}, ops.logs.lake.layout; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "ops.logs.search.time_ranges" in loaded.split()
    assert not HEAVY & set(loaded.split())
