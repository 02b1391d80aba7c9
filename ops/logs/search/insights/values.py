"""Fields, literals, and functions of CloudWatch Logs Insights as SQL. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ops.text.quoting import identifier, literal


@dataclass(frozen=True)
class Value:
    """An SQL expression. `kind` is `text` (also of unknown type), `number`, `time`, or `condition`.

    `groups` is whether it has an aggregate function.
    """

    sql: str
    kind: str = "text"
    groups: bool = False

    @property
    def number(self) -> str:
        """The expression as a number."""
        return self.sql if self.kind == "number" else f"try_cast({self.sql} AS DOUBLE)"

    @property
    def condition(self) -> str:
        """The expression as a condition."""
        return self.sql if self.kind == "condition" else f"{self.sql} = 'true'"


def text(value: str) -> str:
    """Return the text as a string literal."""
    return literal(value, "duckdb")


def name(value: str) -> str:
    """Return the name as a quoted identifier."""
    return identifier(value, "duckdb")


def _report(label: str) -> str:
    return f"try_cast(nullif(regexp_extract(message, {text(label)}, 1), '') AS DOUBLE)"


FIELDS = {
    "@timestamp": Value("ts", "time"),
    "@message": Value("message"),
    "@logStream": Value("log_stream"),
    "@log": Value("account || ':' || log_group"),
    "@type": Value(
        "CASE WHEN regexp_matches(message, '^(START|END|REPORT|INIT_START) ') "
        "THEN split_part(message, ' ', 1) END"
    ),
    "@requestId": Value("nullif(regexp_extract(message, 'RequestId: ([0-9a-fA-F-]+)', 1), '')"),
    "@duration": Value(_report(r"\tDuration: ([0-9.]+) ms"), "number"),
    "@billedDuration": Value(_report(r"Billed Duration: ([0-9.]+) ms"), "number"),
    "@initDuration": Value(_report(r"Init Duration: ([0-9.]+) ms"), "number"),
    "@memorySize": Value(f"{_report('Memory Size: ([0-9]+) MB')} * 1000000", "number"),
    "@maxMemoryUsed": Value(f"{_report('Max Memory Used: ([0-9]+) MB')} * 1000000", "number"),
}  # fmt: skip


def json_value(field: str) -> Value:
    """Return a field of JSON messages: `user.name`, or `items.0.id`."""
    path = "$"
    for part in field.split("."):
        path += f"[{part}]" if part.isdigit() else f".{part}" if part.isidentifier() else f'."{part}"'
    return Value(f"json_field(message, {text(path)})")


Call = Callable[[Sequence[Value]], Value]


def _number(form: str) -> Call:
    return lambda given: Value(form.format(*(one.number for one in given)), "number", _groups(given))


def _text(form: str, kind: str = "text") -> Call:
    return lambda given: Value(form.format(*(one.sql for one in given)), kind, _groups(given))


def _aggregate(form: str, kind: str = "number", *, numbers: bool = True) -> Call:
    def call(given: Sequence[Value]) -> Value:
        return Value(form.format(*(one.number if numbers else one.sql for one in given)), kind, True)

    return call


def _groups(given: Sequence[Value]) -> bool:
    return any(one.groups for one in given)


def _extreme(function: str) -> Call:
    """Return min() or max(): of times as they are, of anything else as numbers."""
    return lambda given: Value(
        f"{function}({given[0].sql if given[0].kind == 'time' else given[0].number})",
        "time" if given[0].kind == "time" else "number",
        True,
    )


def _percentile(given: Sequence[Value]) -> Value:
    """Return pct(); engines take the percentile as a constant. Raises ValueError for anything else."""
    return Value(f"quantile_cont({given[0].number}, {float(given[1].sql) / 100})", "number", True)


def _concatenated(given: Sequence[Value]) -> Value:
    return Value("(" + " || ".join(one.sql for one in given) + ")", "text", _groups(given))


def _coalesced(given: Sequence[Value]) -> Value:
    kinds = {one.kind for one in given}
    return Value(
        f"coalesce({', '.join(one.sql for one in given)})", kinds.pop() if len(kinds) == 1 else "text"
    )


# Each function with the numbers of arguments that it takes.
FUNCTIONS: dict[str, tuple[Call, Sequence[int]]] = {
    "count": (_aggregate("count({0})", numbers=False), (1,)),
    "count_distinct": (_aggregate("count(DISTINCT {0})", numbers=False), (1,)),
    "sum": (_aggregate("sum({0})"), (1,)),
    "avg": (_aggregate("avg({0})"), (1,)),
    "min": (_extreme("min"), (1,)),
    "max": (_extreme("max"), (1,)),
    "pct": (_percentile, (2,)),
    "median": (_aggregate("median({0})"), (1,)),
    "stddev": (_aggregate("stddev({0})"), (1,)),
    "earliest": (_aggregate("arg_min({0}, ts)", "text", numbers=False), (1,)),
    "latest": (_aggregate("arg_max({0}, ts)", "text", numbers=False), (1,)),
    "sortsfirst": (_aggregate("min({0})", "text", numbers=False), (1,)),
    "sortslast": (_aggregate("max({0})", "text", numbers=False), (1,)),
    "abs": (_number("abs({0})"), (1,)),
    "ceil": (_number("ceil({0})"), (1,)),
    "floor": (_number("floor({0})"), (1,)),
    "log": (_number("ln({0})"), (1,)),
    "sqrt": (_number("sqrt({0})"), (1,)),
    "strlen": (_text("length({0})", "number"), (1,)),
    "toupper": (_text("upper({0})"), (1,)),
    "tolower": (_text("lower({0})"), (1,)),
    "trim": (_text("trim({0})"), (1,)),
    "replace": (_text("replace({0}, {1}, {2})"), (3,)),
    "strcontains": (_text("CASE WHEN contains({0}, {1}) THEN 1 ELSE 0 END", "number"), (2,)),
    "concat": (_concatenated, range(1, 50)),
    "coalesce": (_coalesced, range(1, 50)),
    "ispresent": (_text("({0} IS NOT NULL)", "condition"), (1,)),
    "isempty": (_text("coalesce({0}, '') = ''", "condition"), (1,)),
    "isblank": (_text("trim(coalesce({0}, '')) = ''", "condition"), (1,)),
    "tomillis": (_text("cast(floor(epoch({0}) * 1000) AS BIGINT)", "number"), (1,)),
}  # fmt: skip
