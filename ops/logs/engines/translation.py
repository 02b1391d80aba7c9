"""Translate a query over `events` from DuckDB's dialect to Athena's. Pure.

Syntax that would fail on Athena, or return a different result, is a QueryError with its position, before
anything is sent.
"""

import re
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.tokenizer_core import TokenType
from sqlglot.tokens import Tokenizer

from ops.errors import QueryError
from ops.logs.engines.athena_rules import RULES, Untranslatable, allowed
from ops.logs.lake.layout import COLUMNS, OLD_PATTERN_NAME, uses_old_name
from ops.logs.search.sql_check import RELATION, check, error_at

SCHEMA: dict[str, str] = {column.name: column.type for column in COLUMNS}

_PLACE = re.compile(r"\s*Line:? (\d+), Col: (\d+)\.?.*", re.DOTALL)
_UNRESOLVED = re.compile(r"Column '?\"?([^'\"]+)\"?'? could not be resolved")
_MARK = "slipway_parameter_"  # placeholder for a parameter until its position in Athena's SQL is known


@dataclass(frozen=True)
class Translated:
    """A query for Athena, with a `?` for each of `parameters` in order; `notes` are differences to DuckDB."""

    sql: str
    parameters: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def to_athena(sql: str) -> Translated:
    """Translate the query for Athena. Raises QueryError for a mistake, or if Athena has no equivalent."""
    query = check(sql)
    qualified = _qualified(sql, query)
    notes: dict[str, None] = {}
    try:
        for node in reversed(list(qualified.walk())):  # innermost first: a rule sees translated arguments
            if (translated := _translated(node, notes)) is not node:
                node.replace(translated)
            qualified = translated if node is qualified else qualified
        text = qualified.sql(dialect="athena", pretty=True, comments=False)
    except Untranslatable as error:
        raise error_at(sql, error.node, str(error), error.hint) from error
    except SqlglotError as error:
        raise QueryError(
            f"Cannot translate the query for Athena: {error}", text=sql, hint="Run it on DuckDB."
        ) from error
    text, parameters = _positions(text)
    return Translated(text, parameters, tuple(notes))


def _translated(node: exp.Expr, notes: dict[str, None]) -> exp.Expr:
    if isinstance(node, exp.Placeholder):
        return exp.Var(this=f"{_MARK}{node.this}")
    if not allowed(node):
        raise Untranslatable(node, f"{_name(node)} cannot be translated for Athena.")
    if isinstance(node, exp.Select):
        _by_position(node)
        return _ordered_outside(node)
    rule = RULES.get(type(node))
    return rule(node, lambda note: notes.setdefault(note)) if rule else node


def _by_position(select: exp.Select) -> None:
    """Refer to result columns by position in GROUP BY and ORDER BY.

    Athena does not support ALL, and never considers two expressions with `?` equal.
    """
    group, order = select.args.get("group"), select.args.get("order")
    columns = [column.unalias() for column in select.expressions]
    if group and group.args.get("all"):
        free = [n for n, column in enumerate(columns, 1) if not _aggregates(column)]
        group.replace(exp.Group(expressions=[exp.Literal.number(n) for n in free]) if free else None)
    elif group:
        for expression in group.expressions:
            if expression in columns:
                expression.replace(exp.Literal.number(columns.index(expression) + 1))
    if order and len(order.expressions) == 1 and order.expressions[0].this.sql().upper() == "ALL":
        ordered = order.expressions[0]
        order.set("expressions", [_ordered(ordered, n) for n in range(1, len(columns) + 1)])


def _aggregates(column: exp.Expr) -> bool:
    """Return whether the translated column has an aggregate function; percentiles have no class."""
    percentiles = (one for one in column.find_all(exp.Anonymous) if one.name == "APPROX_PERCENTILE")
    return column.find(exp.AggFunc) is not None or next(percentiles, None) is not None


def _ordered_outside(select: exp.Select) -> exp.Expr:
    """Move ORDER BY out of a SELECT with QUALIFY or DISTINCT ON.

    sqlglot turns those into subqueries, in which Athena ignores the order.
    """
    order = select.args.get("order")
    first_of = select.args.get("distinct") and select.args["distinct"].args.get("on")
    if not order or not (select.args.get("qualify") or first_of):
        return select
    columns = [column.alias_or_name for column in select.expressions]
    outside = order.copy()
    for ordered in outside.expressions:
        ordered.set("this", exp.Literal.number(_position(select, ordered.this)))
    around = exp.select(*[exp.column(name, quoted=True) for name in columns])
    for name in ("limit", "offset"):
        around.set(name, select.args.get(name))
        select.set(name, None)
    around.set("order", outside)
    if not first_of:
        select.set("order", None)
    return around.from_(exp.alias_(exp.Subquery(this=select.copy()), "ordered", table=True))


def _position(select: exp.Select, key: exp.Expr) -> int:
    """Return the position of the result column that is the sort key."""
    if key.is_int:
        return int(key.name)
    for number, column in enumerate(select.expressions, 1):
        if column.unalias() == key or (isinstance(key, exp.Column) and column.alias == key.name):
            return number
    raise Untranslatable(
        key,
        "Athena cannot order by this expression.",
        "With QUALIFY or DISTINCT ON, order by columns of the result.",
    )


def _ordered(like: exp.Ordered, position: int) -> exp.Ordered:
    copied: exp.Ordered = like.copy()
    copied.set("this", exp.Literal.number(position))
    return copied


def _name(node: exp.Expr) -> str:
    """Return the node as error messages name it."""
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    if isinstance(node, exp.Func):
        return f"{node.sql_name().lower()}()"
    return node.sql("duckdb")[:60]


def _qualified(sql: str, query: exp.Query) -> exp.Expr:
    """Resolve every column and expand `*` and aliases: Athena has no aliases in WHERE and GROUP BY."""
    columns = SCHEMA | ({OLD_PATTERN_NAME: "VARCHAR"} if uses_old_name(sql) else {})
    try:
        return qualify(
            query.copy(),
            schema={RELATION: columns},
            dialect="duckdb",
            quote_identifiers=False,
            identify=False,
        )
    except OptimizeError as error:
        message = str(error)
        place = _PLACE.search(message)
        name = _UNRESOLVED.search(message)
        if not (place and name):
            raise QueryError(message, text=sql, hint="Check the names of tables and columns.") from error
        column = int(place[2]) - len(name[1]) + 1  # sqlglot reports the end of the name
        raise QueryError(
            f"There is no column {name[1]} (line {place[1]}, column {column}).",
            text=sql,
            line=int(place[1]),
            column=max(1, column),
            hint=f"Columns of events: {', '.join(SCHEMA)}.",
        ) from error


def _positions(text: str) -> tuple[str, tuple[str, ...]]:
    """Replace each placeholder outside of strings with `?`, and return their names in order."""
    pieces, names, done = [], [], 0
    for token in Tokenizer().tokenize(text):
        if token.token_type is TokenType.VAR and token.text.startswith(_MARK):
            pieces += [text[done : token.start], "?"]
            names.append(token.text.removeprefix(_MARK))
            done = token.end + 1
    return "".join([*pieces, text[done:]]), tuple(names)
