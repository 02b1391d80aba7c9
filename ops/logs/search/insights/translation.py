"""Translate a query of CloudWatch Logs Insights to SQL over `events`, in DuckDB's dialect. Pure.

What has no equivalent is a QueryError that names it, with its position.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ops.logs.search.insights.expressions import Expressions
from ops.logs.search.insights.parsing import read_parse
from ops.logs.search.insights.recognition import COMMANDS, UNSUPPORTED, looks_like_insights
from ops.logs.search.insights.tokens import Tokens
from ops.logs.search.insights.values import FIELDS, Value, name

LIMIT = 10_000  # events that Logs Insights returns without `limit`


def as_sql(text: str) -> str:
    """Return the text as SQL: a query of Logs Insights translated, anything else as it is."""
    return to_sql(text) if looks_like_insights(text) else text


def to_sql(query: str) -> str:
    """Return the query as a SELECT. Raises QueryError."""
    import sqlglot  # slow to import

    sql = _Translation(Tokens(query)).sql()
    return sqlglot.parse_one(sql, read="duckdb").sql(dialect="duckdb", pretty=True)


@dataclass
class _Stage:
    """One SELECT in the making. `shown` are the columns of the result, `order` and `limit` its end."""

    source: str = "events"
    shown: dict[str, Value] = field(default_factory=dict)
    where: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    limit: str = ""
    grouped: bool = False

    def sql(self, columns: dict[str, Value]) -> str:
        selected = ", ".join(f"{value.sql} AS {name(label)}" for label, value in columns.items())
        where = f" WHERE {' AND '.join(self.where)}" if self.where else ""
        free = [str(n) for n, value in enumerate(columns.values(), 1) if not value.groups]
        group = f" GROUP BY {', '.join(free)}" if self.grouped and free else ""
        order = f" ORDER BY {', '.join(self.order)}" if self.order else ""
        limit = f" LIMIT {self.limit}" if self.limit else ""
        return f"SELECT {selected} FROM {self.source}{where}{group}{order}{limit}"


class _Translation:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.expressions = Expressions(tokens)
        self.stage = _Stage()
        self.defined: dict[str, Value] = {}
        self.expressions.columns = self.defined
        self.aggregated = False
        self._nested = 0

    def sql(self) -> str:
        """Read all commands, and return the SELECT."""
        while True:
            self._command()
            if self.tokens.next.kind == "end":
                break
            if not self.tokens.take("|"):
                raise self.tokens.fail(
                    f"Unexpected {self.tokens.next.text!r}", hint="Put | between commands."
                )
        columns = self.stage.shown or {label: FIELDS[label] for label in ("@timestamp", "@message")}
        if not self.aggregated:
            self.stage.order = self.stage.order or ["ts DESC"]
            self.stage.limit = self.stage.limit or str(LIMIT)
        return self.stage.sql(columns)

    def _command(self) -> None:
        token = self.tokens.take_kind("name")
        command = token.text.lower() if token else ""
        if not token or command not in COMMANDS:
            known = command in UNSUPPORTED
            raise self.tokens.fail(
                f"The command {command} is not supported"
                if known
                else f"{command or 'This'!r} is not a command",
                token.place if token else None,
                f"Supported commands: {', '.join(COMMANDS)}. Or write SQL.",
            )
        if self.stage.limit or (self.stage.grouped and command not in ("sort", "limit")):
            self._nest()
        _STEPS[command](self)

    def _nest(self) -> None:
        """Continue with the result so far as the source, which a later command must not change."""
        columns = self.stage.shown
        if not self.aggregated:
            columns = {**{column: Value(column) for column in _COLUMNS}, **self.defined}
        self._nested += 1
        source = f"({self.stage.sql(columns)}) AS s{self._nested}"
        shown = {
            label: Value(name(label), value.kind) if self.aggregated or label in self.defined else value
            for label, value in self.stage.shown.items()
        }
        for label, value in list(self.defined.items()):
            self.defined[label] = Value(name(label), value.kind)
        self.stage = _Stage(source, shown, order=self.stage.order)

    def _fields(self) -> None:
        self._show(self.stage.shown)

    def _display(self) -> None:
        self.stage.shown = {}
        self._show(self.stage.shown)

    def _show(self, shown: dict[str, Value]) -> None:
        for label, value, named in self._list():
            if value.groups:
                raise self.tokens.fail("Functions that group events can only be used in stats")
            shown[label] = value
            if named:
                self.defined[label] = value

    def _list(self) -> list[tuple[str, Value, bool]]:
        """Read values separated by commas, each with its label, and whether the query names it."""
        found: list[tuple[str, Value, bool]] = []
        while True:
            start = self.tokens.at
            value = self.expressions.value()
            label, named = self.tokens.source(start).strip("`"), False
            if self.tokens.take("as"):
                alias = self.tokens.take_kind("name", "quoted", "string")
                if not alias:
                    raise self.tokens.fail("A name is expected after 'as'")
                label, named = alias.text, True
            found.append((label, value, named))
            if not self.tokens.take(","):
                return found

    def _filter(self) -> None:
        self.stage.where.append(self.expressions.condition())

    def _stats(self) -> None:
        columns = self._list()
        if wrong := next((label for label, value, _ in columns if not value.groups), None):
            raise self.tokens.fail(
                f"{wrong} does not group events", hint="Use count(*), sum(…), or pct(…, 99)."
            )
        by = self._list() if self.tokens.take("by") else []
        self.stage.shown = {label: value for label, value, _ in [*by, *columns]}
        self.stage.order, self.stage.grouped, self.aggregated = [], True, True
        self.defined = {label: Value(name(label), value.kind) for label, value in self.stage.shown.items()}
        self.expressions.columns, self.expressions.only_columns = self.defined, True

    def _sort(self) -> None:
        order: list[str] = []
        while True:
            value = self.expressions.value()
            direction = self.tokens.take("asc", "desc")
            order.append(f"{value.sql} {direction.text.upper() if direction else 'ASC'} NULLS LAST")
            if not self.tokens.take(","):
                break
        self.stage.order = order

    def _limit(self) -> None:
        number = self.tokens.take_kind("number")
        if not number or not number.text.isdigit():
            raise self.tokens.fail("A whole number is expected after limit")
        if not self.aggregated and not self.stage.order:
            self.stage.order = ["ts DESC"]
        self.stage.limit = number.text

    def _parse(self) -> None:
        value = FIELDS["@message"]
        if self.tokens.next.kind not in ("string", "regex"):
            value = self.expressions.value()
        self.defined.update(read_parse(self.tokens, value))

    def _dedup(self) -> None:
        if self.aggregated:
            raise self.tokens.fail("dedup after stats is not supported", hint="Group by the fields in stats.")
        keys = ", ".join(value.sql for _, value, _ in self._list())
        self.defined["dedup"] = Value(f"row_number() OVER (PARTITION BY {keys} ORDER BY ts DESC)", "number")
        self._nest()
        self.stage.where.append(f"{self.defined.pop('dedup').sql} = 1")

    def _pattern(self) -> None:
        place = self.tokens.next.place
        if self.aggregated or self.expressions.value() != FIELDS["@message"]:
            raise self.tokens.fail("pattern is only supported for @message", place)
        self.stage.shown = {"@pattern": Value("pattern"), "@sampleCount": Value("count(*)", "number", True)}
        self.stage.grouped = self.aggregated = True
        self.defined = {label: Value(name(label), one.kind) for label, one in self.stage.shown.items()}
        self.expressions.columns, self.expressions.only_columns = self.defined, True
        self.stage.order = [f"{name('@sampleCount')} DESC"]


_STEPS: dict[str, Callable[[_Translation], None]] = {
    "fields": _Translation._fields,
    "display": _Translation._display,
    "filter": _Translation._filter,
    "stats": _Translation._stats,
    "sort": _Translation._sort,
    "limit": _Translation._limit,
    "parse": _Translation._parse,
    "dedup": _Translation._dedup,
    "pattern": _Translation._pattern,
}
_COLUMNS = ("account", "region", "log_group", "log_stream", "ts", "message", "id", "pattern", "level")
