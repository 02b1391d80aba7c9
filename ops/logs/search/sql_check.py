"""Check that SQL is a single SELECT from `events` in DuckDB's dialect. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from sqlglot import exp, parse
from sqlglot.errors import ParseError, TokenError

from ops.errors import QueryError

RELATION = "events"
MOST_CHARACTERS = 50_000  # of a statement: parsing takes time and memory before any limit of a query holds
# Table functions that generate rows and read no files.
SERIES = (
    exp.Unnest,
    exp.GenerateSeries,
    exp.ExplodingGenerateSeries,
)
# Complete strings, quoted names, and comments; `open` matches the start of an unterminated one.
_OPENING = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<open>['"]|/\*)""", re.DOTALL)


def check(sql: str) -> exp.Query:
    """Parse the query. Raises QueryError unless it is a single SELECT from events that reads no files."""
    if len(sql) > MOST_CHARACTERS:
        raise too_long(sql)
    try:
        statements = [statement for statement in parse(sql, read="duckdb") if statement is not None]
    except (ParseError, TokenError) as error:
        raise _syntax_error(sql, error) from error
    except RecursionError as error:
        raise QueryError(
            "The SQL is nested too deeply.", text=sql, hint="Write it with fewer levels of parentheses."
        ) from error
    if len(statements) != 1:
        raise QueryError(
            "The query is empty." if not statements else "There is more than one statement.",
            text=sql,
            hint="Write a single SELECT from events.",
        )
    query = statements[0]
    if not isinstance(query, exp.Query):
        raise QueryError(
            f"{sql.split(None, 1)[0].upper()} is not allowed.",
            text=sql,
            hint="Only SELECT and WITH … SELECT can run: logs are read-only.",
        )
    _check_tables(sql, query)
    return query


def too_long(sql: str) -> QueryError:
    """Return the error for a statement of more than MOST_CHARACTERS."""
    return QueryError(
        f"The SQL has {len(sql):,} characters; at most {MOST_CHARACTERS:,} are allowed.",
        text=sql[:200],
        hint="Shorten it, for example with a pattern instead of a long list of values.",
    )


def parameters_of(sql: str) -> tuple[str, ...]:
    """Return the names of the query's `$parameters`, in order of first use."""
    placeholders = check(sql).find_all(exp.Placeholder)
    return tuple(dict.fromkeys(str(placeholder.this) for placeholder in placeholders))


def _check_tables(sql: str, query: exp.Query) -> None:
    known = {RELATION, *(cte.alias for cte in query.find_all(exp.CTE))}
    for table in query.find_all(exp.Table):
        if isinstance(table.this, SERIES):
            continue
        if not isinstance(table.this, exp.Identifier) or table.db or table.name.lower() not in known:
            raise error_at(
                sql, table, f"There is no table {table.sql('duckdb')}.", "Select from the table events."
            )


def _syntax_error(sql: str, error: ParseError | TokenError) -> QueryError:
    if isinstance(error, TokenError) or not error.errors:
        return _unended(sql)
    facts: Mapping[str, Any] = error.errors[0]
    line, mark = facts.get("line") or 1, facts.get("highlight") or ""
    column = max(1, (facts.get("col") or 1) - len(mark) + 1)
    reason = str(facts.get("description") or "").partition(" but got <Token")[0].rstrip(".")
    return QueryError(
        f"Syntax error at {mark!r} (line {line}, column {column}): {reason[:1].lower()}{reason[1:]}.",
        text=sql,
        line=min(line, len(sql.splitlines()) or 1),
        column=column,
        hint="Use DuckDB's dialect; see the saved queries for examples.",
    )


def _unended(sql: str) -> QueryError:
    """Return the error for a quotation mark or comment that is not closed."""
    openings = [match for match in _OPENING.finditer(sql) if match["open"]]
    start = openings[-1].start() if openings else 0
    line, column = _line_and_column(sql, start)
    return QueryError(
        f"A quotation mark or comment is not closed (line {line}, column {column}).",
        text=sql,
        line=line,
        column=column,
        hint="Close it. To put a quotation mark into a string, double it.",
    )


def error_at(sql: str, node: exp.Expr, message: str, hint: str) -> QueryError:
    """Return the error at the first part of the node with a known position, else at the node around it."""
    around: exp.Expr | None = node
    start = None
    while around is not None and start is None:
        start = min((part.meta["start"] for part in around.walk() if "start" in part.meta), default=None)
        around = around.parent
    if start is None:
        return QueryError(message, text=sql, hint=hint)
    line, column = _line_and_column(sql, start)
    located = f"{message.rstrip('.')} (line {line}, column {column})."
    return QueryError(located, text=sql, line=line, column=column, hint=hint)


def _line_and_column(sql: str, start: int) -> tuple[int, int]:
    return sql.count("\n", 0, start) + 1, start - (sql.rfind("\n", 0, start) + 1) + 1
