"""Decide which statements may run, by the node types of DuckDB's own syntax tree (`json_serialize_sql`).

The tree is DuckDB's, so nothing hides in a difference between two parsers. Everything is refused that is not
in the lists: statements, table references, expressions, and functions, also those of a later DuckDB.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import duckdb

from ops.errors import InputError, QueryError
from ops.logs.engines.execution.functions import FUNCTIONS, TABLE_FUNCTIONS
from ops.logs.search.sql_check import MOST_CHARACTERS, RELATION, too_long

# What Slipway's own statements read besides `events`; see `ops.logs.engines.duckdb_relation`.
OWN_RELATIONS = ("masked_events", "plain_events", "placed_events", "known_patterns")

# With a type but without a class: statements, modifiers, and table references.
NODES = {
    "SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE",
    "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER",
    "ORDER_DEFAULT", "ASCENDING", "DESCENDING", "ORDER_ASCENDING", "ORDER_DESCENDING",
    "BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT",
}  # fmt: skip
EXPRESSIONS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
    "LAMBDA", "LAMBDA_REF", "OPERATOR", "PARAMETER", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE",
    "WINDOW",
}  # fmt: skip
OPERATORS = {
    "ARRAY_CONSTRUCTOR", "ARRAY_EXTRACT", "ARRAY_SLICE", "COMPARE_IN", "COMPARE_NOT_IN", "GROUPING_FUNCTION",
    "OPERATOR_COALESCE", "OPERATOR_IS_NOT_NULL", "OPERATOR_IS_NULL", "OPERATOR_NOT", "OPERATOR_NULLIF",
    "OPERATOR_TRY", "OPERATOR_UNPACK", "STRUCT_EXTRACT",
}  # fmt: skip
REFUSED_NODES = {
    "SHOW_REF": ("DESCRIBE, SUMMARIZE, and SHOW are not allowed.", "The schema lists the columns of events."),
    "COPY_QUERY_NODE": ("COPY is not allowed, also not inside WITH.", "Download the result instead."),
}  # fmt: skip
WRITING = re.compile(r"(INSERT|UPDATE|DELETE|MERGE)\w*_QUERY_NODE")
ONLY_SELECT = "Write one SELECT from the table events."
# Not SELECT to DuckDB, or nothing that it can serialize: how to write it otherwise.
OTHERWISE = {
    "pivot": "Name the columns: FROM events PIVOT (count(*) FOR level IN ('ERROR', 'WARN')), "
    "or write count(*) FILTER (WHERE level = 'ERROR').",
    "explain": "Run the SELECT itself; the time that it took is shown above its result.",
}
# A name that a replacement scan of DuckDB could take for a file has another character.
_NAME = re.compile(r"\w[\w $-]*")
_DEEPEST = 500  # levels of the tree, below what Python and DuckDB can walk
_NOWHERE = 1 << 63  # DuckDB's position of what the query does not contain


def check_statement(connection: duckdb.DuckDBPyConnection, sql: str, *, own: bool) -> str:
    """Return the single SELECT in the text. Raises InputError, with the position if known.

    `own` statements, written by Slipway, may also read the relations that `events` consists of.
    """
    if len(sql) > MOST_CHARACTERS:
        raise too_long(sql)
    try:
        with connection.cursor() as cursor:
            text = _single(cursor, sql)
            (serialized,) = cursor.execute("SELECT json_serialize_sql(?)", [text]).fetchone() or ("{}",)
        tree = json.loads(serialized)
        if tree.get("error") or len(tree.get("statements", ())) != 1:
            _refuse_other(text)
        tables = {RELATION, *(OWN_RELATIONS if own else ())}
        _Walk(text).visit(tree["statements"], frozenset(tables))
    except duckdb.Error as error:
        raise InputError(
            "The SQL is not valid.", field="sql", hint="Correct the SQL.", detail=str(error)
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    return text


def _too_deep() -> InputError:
    return InputError(
        "The SQL is nested too deeply.", field="sql", hint="Write it with fewer levels of parentheses."
    )


def _single(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        _refuse_other(sql)
    return str(statements[0].query)


def _refuse_other(sql: str) -> NoReturn:
    words = re.findall(r"[a-z]+", sql.lower())
    hint = next((text for word, text in OTHERWISE.items() if word in words), ONLY_SELECT)
    raise InputError("Only a single SELECT can run.", field="sql", hint=hint)


class _Walk:
    """Visits every node of the tree of one statement. Raises QueryError at the first that is not allowed."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def visit(self, node: object, tables: frozenset[str], depth: int = 0) -> None:
        """Visit the node; `tables` are the names that a FROM clause may use here, in lower case."""
        if depth > _DEEPEST:
            raise _too_deep()
        if isinstance(node, list):
            for child in node:
                self.visit(child, tables, depth + 1)
        elif isinstance(node, dict):
            tables |= {name.lower() for name in _ctes(node)}
            if isinstance(node.get("type"), str):
                self._check(node, tables)
            for name, child in node.items():
                if name == "function" and node.get("type") == "TABLE_FUNCTION":
                    child = list(child.values())  # checked by its name among the table functions
                if name != "literal":  # a constant's value is data
                    self.visit(child, tables, depth + 1)

    def _check(self, node: Mapping[str, Any], tables: frozenset[str]) -> None:
        kind, class_ = node["type"], node.get("class")
        if class_ is None:
            self._check_node(node, kind)
        elif class_ not in EXPRESSIONS or (class_ == "OPERATOR" and kind not in OPERATORS):
            self._refuse(node, f"The expression {kind} is not allowed.", "Use another expression.")
        if kind == "BASE_TABLE":
            self._check_table(node, tables)
        elif kind == "TABLE_FUNCTION":
            self._check_function(node, node.get("function") or {}, TABLE_FUNCTIONS)
        elif class_ in ("FUNCTION", "WINDOW"):
            self._check_function(node, node, FUNCTIONS)

    def _check_node(self, node: Mapping[str, Any], kind: str) -> None:
        if kind in NODES:
            return
        if WRITING.fullmatch(kind):
            self._refuse(node, f"{kind.split('_')[0]} is not allowed: logs are read-only.", ONLY_SELECT)
        message, hint = REFUSED_NODES.get(kind, (f"{kind} is not allowed.", ONLY_SELECT))
        self._refuse(node, message, hint)

    def _check_table(self, node: Mapping[str, Any], tables: frozenset[str]) -> None:
        path = (node.get("qualified_name") or {}).get("path") or [node.get("table_name")]
        names = [str(name) for name in (node.get("catalog_name"), node.get("schema_name")) if name]
        name = str(node.get("table_name", ""))
        known = name.lower() in tables and _NAME.fullmatch(name)
        if names or len(path) > 1 or not known or node.get("at_clause"):
            full = ".".join([*names, name])
            self._refuse(node, f"There is no table {full!r}.", "Select from the table events.")

    def _check_function(
        self, node: Mapping[str, Any], function: Mapping[str, Any], allowed: frozenset[str]
    ) -> None:
        name = str(function.get("function_name", ""))
        if name.lower() not in allowed or function.get("schema") or function.get("catalog"):
            full = ".".join(str(part) for part in (function.get("schema"), name) if part)
            self._refuse(
                node,
                f"The function {full}() is not allowed.",
                "Functions that only compute values are allowed.",
            )

    def _refuse(self, node: Mapping[str, Any], message: str, hint: str) -> NoReturn:
        start = node.get("query_location")
        if not isinstance(start, int) or not 0 <= start < _NOWHERE:
            raise InputError(message, field="sql", hint=hint)
        before = self._sql.encode()[:start].decode("utf-8", "ignore")  # DuckDB counts bytes
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        located = f"{message.rstrip('.')} (line {line}, column {column})."
        raise QueryError(located, text=self._sql, line=line, column=column, hint=hint)


def _ctes(node: Mapping[str, Any]) -> Iterable[str]:
    ctes = node.get("cte_map")
    return [str(entry["key"]) for entry in ctes.get("map", ())] if isinstance(ctes, dict) else []
