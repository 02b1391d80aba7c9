"""One SQL: a query in DuckDB's dialect over `events`, checked before it runs, and turned into Athena's.

Pure. What would fail or answer otherwise on Athena is a QueryError at its place, before anything is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp, parse
from sqlglot.errors import OptimizeError, ParseError, SqlglotError, TokenError
from sqlglot.optimizer.qualify import qualify
from sqlglot.tokenizer_core import TokenType
from sqlglot.tokens import Tokenizer

from ops.errors import QueryError
from ops.logs.engines.athena_rules import RULES, Untranslatable, allowed
from ops.logs.lake.layout import COLUMNS

RELATION = "events"
SERIES = (
    exp.Unnest,
    exp.GenerateSeries,
    exp.ExplodingGenerateSeries,
)  # rows out of nothing, not out of files
SCHEMA: dict[str, Mapping[str, str]] = {RELATION: {column.name: column.type for column in COLUMNS}}

_PLACE = re.compile(r"\s*Line:? (\d+), Col: (\d+)\.?.*", re.DOTALL)
_UNRESOLVED = re.compile(r"Column '?\"?([^'\"]+)\"?'? could not be resolved")
# Strings, names and comments as they should be; `open` begins one that never ends.
_OPENING = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<open>['"]|/\*)""", re.DOTALL)
_MARK = "slipway_parameter_"  # stands for a parameter until its position in Athena's text is known


@dataclass(frozen=True)
class Translated:
    """A query for Athena: `?` at the place of each of `parameters`, in order; `notes` say what differs."""

    sql: str
    parameters: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def check(sql: str) -> exp.Query:
    """The query, parsed. Raises QueryError unless it is one SELECT over events, which reads no file."""
    try:
        statements = [one for one in parse(sql, read="duckdb") if one is not None]
    except (ParseError, TokenError) as error:
        raise _syntax_error(sql, error) from error
    if len(statements) != 1:
        raise QueryError(
            "There is no query." if not statements else "There is more than one query.",
            text=sql,
            hint="Write one SELECT over events.",
        )
    query = statements[0]
    if not isinstance(query, exp.Query):
        raise QueryError(
            f"{sql.split(None, 1)[0].upper()} is no query.",
            text=sql,
            hint="Only SELECT (also WITH … SELECT) can be run: logs are never changed.",
        )
    _check_tables(sql, query)
    return query


def parameters_of(sql: str) -> tuple[str, ...]:
    """The names of the query's `$parameters`, in order of their first appearance."""
    return tuple(dict.fromkeys(str(one.this) for one in check(sql).find_all(exp.Placeholder)))


def to_athena(sql: str) -> Translated:
    """The query for Athena. Raises QueryError for a mistake, or for what Athena cannot do alike."""
    query = check(sql)
    qualified = _qualified(sql, query)
    notes: dict[str, None] = {}
    try:
        for node in reversed(list(qualified.walk())):  # from the inside out: a rule sees translated arguments
            if (translated := _translated(node, notes)) is not node:
                node.replace(translated)
            qualified = translated if node is qualified else qualified
        text = qualified.sql(dialect="athena", pretty=True, comments=False)
    except Untranslatable as error:
        raise _at_node(sql, error.node, str(error), error.hint) from error
    except SqlglotError as error:
        raise QueryError(
            f"The query cannot be translated for Athena: {error}", text=sql, hint="Run it on DuckDB."
        ) from error
    text, parameters = _positions(text)
    return Translated(text, parameters, tuple(notes))


def _translated(node: exp.Expr, notes: dict[str, None]) -> exp.Expr:
    if isinstance(node, exp.Placeholder):
        return exp.Var(this=f"{_MARK}{node.this}")
    if not allowed(node):
        raise Untranslatable(node, f"{_spoken(node)} cannot be translated for Athena.")
    if isinstance(node, exp.Select):
        _by_position(node)
        return _ordered_outside(node)
    rule = RULES.get(type(node))
    return rule(node, lambda note: notes.setdefault(note)) if rule else node


def _by_position(select: exp.Select) -> None:
    """GROUP BY and ORDER BY name columns of the result by number: ALL is unknown to Athena, and two `?` are
    never the same to it."""
    group, order = select.args.get("group"), select.args.get("order")
    columns = [column.unalias() for column in select.expressions]
    if group and group.args.get("all"):
        free = [n for n, column in enumerate(columns, 1) if not column.find(exp.AggFunc)]
        group.replace(exp.Group(expressions=[exp.Literal.number(n) for n in free]) if free else None)
    elif group:
        for wanted in group.expressions:
            if wanted in columns:
                wanted.replace(exp.Literal.number(columns.index(wanted) + 1))
    if order and len(order.expressions) == 1 and order.expressions[0].this.sql().upper() == "ALL":
        ordered = order.expressions[0]
        order.set("expressions", [_ordered(ordered, n) for n in range(1, len(columns) + 1)])


def _ordered_outside(select: exp.Select) -> exp.Expr:
    """QUALIFY and DISTINCT ON become subqueries, in which Athena ignores an order: it stands around them."""
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


def _position(select: exp.Select, wanted: exp.Expr) -> int:
    """The number of the result's column that is ordered by."""
    if wanted.is_int:
        return int(wanted.name)
    for number, column in enumerate(select.expressions, 1):
        if column.unalias() == wanted or (isinstance(wanted, exp.Column) and column.alias == wanted.name):
            return number
    raise Untranslatable(
        wanted,
        "Athena cannot order by this here.",
        "With QUALIFY or DISTINCT ON, order by columns of the result.",
    )


def _ordered(like: exp.Ordered, position: int) -> exp.Ordered:
    copied: exp.Ordered = like.copy()
    copied.set("this", exp.Literal.number(position))
    return copied


def _spoken(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    if isinstance(node, exp.Func):
        return f"{node.sql_name().lower()}()"
    return node.sql("duckdb")[:60]


def _check_tables(sql: str, query: exp.Query) -> None:
    known = {RELATION, *(cte.alias for cte in query.find_all(exp.CTE))}
    for table in query.find_all(exp.Table):
        if isinstance(table.this, SERIES):
            continue
        if not isinstance(table.this, exp.Identifier) or table.db or table.name.lower() not in known:
            raise _at_node(
                sql, table, f"There is no table {table.sql('duckdb')}.", "The logs are the table events."
            )


def _qualified(sql: str, query: exp.Query) -> exp.Expr:
    """Every column resolved, `*` and aliases written out: Athena takes no alias in WHERE or GROUP BY."""
    try:
        return qualify(
            query.copy(), schema=dict(SCHEMA), dialect="duckdb", quote_identifiers=False, identify=False
        )
    except OptimizeError as error:
        message = str(error)
        place = _PLACE.search(message)
        name = _UNRESOLVED.search(message)
        if not (place and name):
            raise QueryError(message, text=sql, hint="Check the names of tables and columns.") from error
        column = int(place[2]) - len(name[1]) + 1  # the place given is the name's end
        raise QueryError(
            f"There is no column {name[1]} (line {place[1]}, column {column}).",
            text=sql,
            line=int(place[1]),
            column=max(1, column),
            hint=f"Columns of events: {', '.join(SCHEMA[RELATION])}.",
        ) from error


def _positions(text: str) -> tuple[str, tuple[str, ...]]:
    """`?` for every mark outside of strings, and the names in the order in which they stand."""
    pieces, names, done = [], [], 0
    for token in Tokenizer().tokenize(text):
        if token.token_type is TokenType.VAR and token.text.startswith(_MARK):
            pieces += [text[done : token.start], "?"]
            names.append(token.text.removeprefix(_MARK))
            done = token.end + 1
    return "".join([*pieces, text[done:]]), tuple(names)


def _syntax_error(sql: str, error: ParseError | TokenError) -> QueryError:
    if isinstance(error, TokenError) or not error.errors:
        return _unended(sql)
    facts: Mapping[str, Any] = error.errors[0]
    line, mark = facts.get("line") or 1, facts.get("highlight") or ""
    column = max(1, (facts.get("col") or 1) - len(mark) + 1)
    said = str(facts.get("description") or "").partition(" but got <Token")[0].rstrip(".")
    return QueryError(
        f"The SQL cannot be read at {mark!r} (line {line}, column {column}): {said[:1].lower()}{said[1:]}.",
        text=sql,
        line=min(line, len(sql.splitlines()) or 1),
        column=column,
        hint="The dialect is DuckDB's; the saved queries are examples.",
    )


def _unended(sql: str) -> QueryError:
    """A quotation mark or a comment that is never closed."""
    openings = [match for match in _OPENING.finditer(sql) if match["open"]]
    start = openings[-1].start() if openings else 0
    line, column = _line_and_column(sql, start)
    return QueryError(
        f"A quotation mark or comment is not closed (line {line}, column {column}).",
        text=sql,
        line=line,
        column=column,
        hint="Close it; inside a text write a quotation mark twice.",
    )


def _at_node(sql: str, node: exp.Expr, message: str, hint: str) -> QueryError:
    """The error at the first part of the node that knows its place, else at what it stands in."""
    around: exp.Expr | None = node
    start = None
    while around is not None and start is None:
        start = min((one.meta["start"] for one in around.walk() if "start" in one.meta), default=None)
        around = around.parent
    if start is None:
        return QueryError(message, text=sql, hint=hint)
    line, column = _line_and_column(sql, start)
    where = f"{message.rstrip('.')} (line {line}, column {column})."
    return QueryError(where, text=sql, line=line, column=column, hint=hint)


def _line_and_column(sql: str, start: int) -> tuple[int, int]:
    return sql.count("\n", 0, start) + 1, start - (sql.rfind("\n", 0, start) + 1) + 1
