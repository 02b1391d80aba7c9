"""A test double for Athena: runs its SQL on DuckDB, with Trino's results where they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from ops.logs.engines.translation import to_athena

# Trino's functions by its documentation, where DuckDB has no such function or another result.
MACROS = """
CREATE MACRO to_unixtime(t) AS epoch(t);
CREATE MACRO date_add(unit, n, t) AS t + to_seconds(n);
CREATE MACRO trino_regexp_extract(s, p, g) AS
  CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END;
CREATE MACRO trino_split_part(s, d, n) AS CASE WHEN n <= len(string_split(s, d)) THEN split_part(s, d, n) END;
CREATE MACRO trino_regexp_replace(s, p, r) AS
  regexp_replace(s, p, replace(regexp_replace(r, '\\$([0-9])', '\\\\\\1', 'g'), '\\$', '$'), 'g');
CREATE MACRO trino_json(s, p) AS CASE WHEN json_valid(s) THEN
  CASE WHEN json_type(s, p) NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string(s, p) END END;
CREATE MACRO json_parse(s) AS CASE WHEN json_valid(s) THEN s ELSE error('not JSON') END;
CREATE MACRO normalize(x) AS nfc_normalize(x);
CREATE MACRO approx_percentile(x, p) AS quantile_cont(x, p);
"""
RENAMED = {
    "REGEXP_EXTRACT": "trino_regexp_extract",
    "SPLIT_PART": "trino_split_part",
    "REGEXP_REPLACE": "trino_regexp_replace",
    "JSON_EXTRACT_SCALAR": "trino_json",
}


def run_translated(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return the rows of the query as it is sent to Athena."""
    translated = to_athena(sql)
    bound = [values[name] for name in translated.parameters]
    return run_athena(connection, translated.sql, bound)


def run_athena(
    connection: duckdb.DuckDBPyConnection, sql: str, bound: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    connection.execute(MACROS.replace("CREATE MACRO", "CREATE OR REPLACE TEMP MACRO"))
    tree = sqlglot.parse_one(sql, read="athena")
    for node in list(tree.walk()):
        if isinstance(node, exp.Length) and isinstance(node.this, exp.Encode):
            node.replace(exp.Anonymous(this="strlen", expressions=[node.this.this]))
        elif isinstance(node, exp.Func) and (name := RENAMED.get(_name(node))):
            arguments = [part for part in node.args.values() if isinstance(part, exp.Expr)]
            if isinstance(node, exp.Anonymous):
                arguments = list(node.expressions)
            if isinstance(node, exp.JSONExtractScalar):
                arguments = [node.this, _path(node)]
            node.replace(exp.Anonymous(this=name, expressions=arguments))
    return connection.execute(tree.sql(dialect="duckdb"), bound).fetchall()


def _name(node: exp.Func) -> str:
    return node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name()


def _path(node: exp.JSONExtractScalar) -> exp.Expr:
    path: exp.Expr = node.expression
    if isinstance(path, exp.JSONPath):
        return exp.Literal.string(path.sql("trino").strip("'"))
    return path
