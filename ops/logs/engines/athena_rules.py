"""Which of DuckDB's SQL Athena supports with the same meaning, and how to write it for Athena.

Only listed syntax is translated: an unknown function would fail on Athena, or return a different result.
Source for Athena's side: the Trino documentation of functions and operators.
"""

from collections.abc import Callable

from sqlglot import exp, parse_one

from ops.logs.search.message_fields import WRAPPERS

Note = Callable[[str], None]
ON_DUCKDB = "Rewrite it, or run the query on DuckDB."
# time_bucket counts from a Monday: DuckDB's documentation, Timestamp Functions.
ORIGIN = "2000-01-03 00:00:00"
ORIGIN_S = 946_857_600
SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}
TYPES = {
    exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.BIGINT, exp.DType.INT, exp.DType.SMALLINT, exp.DType.DOUBLE,
    exp.DType.FLOAT, exp.DType.DECIMAL, exp.DType.BOOLEAN, exp.DType.DATE, exp.DType.TIMESTAMP,
}  # fmt: skip


_IS_JSON = "TRY(JSON_PARSE({0})) IS NOT NULL"
_TAIL = "SUBSTR(given_text, STRPOS(given_text, '{'))"
_WRAPPED = ", ".join(f"JSON_EXTRACT_SCALAR(j, '{wrapper}')" for wrapper in WRAPPERS)
_VALUE = "JSON_EXTRACT_SCALAR(d, given_path), NULLIF(JSON_FORMAT(JSON_EXTRACT(d, given_path)), 'null')"
_JSON_FIELD = (
    f"ELEMENT_AT(TRANSFORM(ARRAY[CASE WHEN {_IS_JSON.format('given_text')} THEN given_text "
    f"WHEN {_IS_JSON.format(_TAIL)} THEN {_TAIL} END], j -> ELEMENT_AT(FILTER(TRANSFORM(ARRAY[j, "
    f"{_WRAPPED}], "
    f"d -> CASE WHEN {_IS_JSON.format('d')} THEN COALESCE({_VALUE}) END), v -> v IS NOT NULL), 1)), 1)"
)


class Untranslatable(Exception):
    """A part of the query that has no equivalent on Athena."""

    def __init__(self, node: exp.Expr, message: str, hint: str = ON_DUCKDB) -> None:
        super().__init__(message)
        self.node = node
        self.hint = hint


STRUCTURE = (
    exp.Select, exp.From, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
    exp.With, exp.CTE, exp.Subquery, exp.Table, exp.TableAlias, exp.Join, exp.SetOperation, exp.Column,
    exp.Identifier, exp.Star, exp.Alias, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Neg, exp.Not,
    exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In, exp.Between,
    exp.Like, exp.ILike, exp.Escape, exp.Add, exp.Sub, exp.Mul, exp.DPipe, exp.Case, exp.If,
    exp.DataTypeParam, exp.Var, exp.Window, exp.WindowSpec, exp.Filter, exp.Distinct, exp.Exists, exp.Mod,
    exp.Coalesce, exp.Nullif,
    exp.Values, exp.Tuple, exp.Qualify, exp.Interval, exp.Aliases,
)  # fmt: skip
# Functions with the same name and the same result, including for NULL and empty input.
FUNCTIONS = (
    exp.Count, exp.CountIf, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop,
    exp.Variance, exp.ArgMax, exp.ArgMin, exp.AnyValue, exp.ApproxDistinct, exp.RowNumber, exp.Rank,
    exp.DenseRank, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.Ntile, exp.CumeDist, exp.PercentRank,
    exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt, exp.Ln, exp.Exp, exp.Pow, exp.Sign, exp.Lower,
    exp.Upper, exp.Trim, exp.Length, exp.Substring, exp.Replace, exp.StrPosition, exp.StartsWith, exp.Reverse,
    exp.RegexpLike, exp.JSONExtractScalar, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey,
    exp.JSONPathSubscript, exp.TimestampTrunc, exp.DateTrunc, exp.Extract, exp.Year, exp.Month, exp.Day,
    exp.Hour, exp.Minute, exp.Second, exp.DateDiff, exp.Try,
)  # fmt: skip


def allowed(node: exp.Expr) -> bool:
    """Return whether the node means the same on Athena, as it is or translated by its rule."""
    return isinstance(node, STRUCTURE + FUNCTIONS) or type(node) in RULES


def _regex_matches(node: exp.Expr, note: Note) -> exp.Expr:
    """Athena takes no separate flags argument: put the flags into the regular expression."""
    flag = node.args.get("flag")
    if flag is None:
        return node
    return exp.RegexpLike(this=node.this, expression=_with_flags(node, node.expression, flag))


def _with_flags(node: exp.Expr, regex: exp.Expr, flags: exp.Expr) -> exp.Expr:
    letters = {"i", "s", "m"}
    if not flags.is_string or not set(flags.name) <= letters | {"c", "g"}:
        raise Untranslatable(
            node, "These flags of a regular expression are not supported.", "Use i, s, m, or g."
        )
    supported = "".join(letter for letter in flags.name if letter in letters)
    if not supported:
        return regex
    prefix = exp.Literal.string(f"(?{supported})")
    if regex.is_string:
        return exp.Literal.string(prefix.name + regex.name)
    return exp.DPipe(this=prefix, expression=regex)


def _regex_extract(node: exp.Expr, note: Note) -> exp.Expr:
    """Without a match, DuckDB returns an empty string and Athena NULL."""
    arguments = [node.this, node.expression]
    if group := node.args.get("group"):
        arguments.append(group)
    return _empty_when_null(exp.Anonymous(this="REGEXP_EXTRACT", expressions=arguments), node.this)


def _split_part(node: exp.Expr, note: Note) -> exp.Expr:
    """Beyond the last part, DuckDB returns an empty string and Athena NULL."""
    index = node.args["part_index"]
    if not index.is_int or int(index.name) < 1:
        raise Untranslatable(
            node, "split_part() needs a constant position from the start.", "Use a number ≥ 1."
        )
    part = exp.Anonymous(this="SPLIT_PART", expressions=[node.this, node.args["delimiter"], index])
    return _empty_when_null(part, node.this)


def _empty_when_null(value: exp.Expr, of: exp.Expr) -> exp.Expr:
    """Return the value, or an empty string if it is NULL and `of` is not."""
    nothing = exp.Substring(this=of.copy(), start=exp.Literal.number(1), length=exp.Literal.number(0))
    return exp.Coalesce(this=value, expressions=[nothing])


def _regex_replace(node: exp.Expr, note: Note) -> exp.Expr:
    """Athena always replaces every match, and writes `$1` where DuckDB writes `\\1`."""
    flags, replacement = node.args.get("modifiers"), node.args.get("replacement")
    if flags is None or "g" not in flags.name:
        raise Untranslatable(
            node, "regexp_replace() cannot replace only the first match on Athena.", "Add the flag 'g'."
        )
    if replacement is None or not replacement.is_string:
        raise Untranslatable(
            node, "The replacement of regexp_replace() is not a string literal.", "Use a string literal."
        )
    text = replacement.name.replace("$", "\\$")
    for digit in range(10):
        text = text.replace(f"\\{digit}", f"${digit}")
    regex = _with_flags(node, node.expression, flags)
    return exp.Anonymous(this="REGEXP_REPLACE", expressions=[node.this, regex, exp.Literal.string(text)])


def _divide(node: exp.Expr, note: Note) -> exp.Expr:
    """DuckDB divides integers as floating-point numbers, also by zero."""
    left = _cast(_in_parentheses(node.this), "DOUBLE")
    return exp.Div(this=left, expression=_in_parentheses(node.expression), typed=True, safe=False)


def _divide_whole(node: exp.Expr, note: Note) -> exp.Expr:
    raise Untranslatable(node, "// cannot be translated for Athena.", "Use floor(a / b).")


def _bucket(node: exp.Expr, note: Note) -> exp.Expr:
    width = node.this
    unit = str(width.args["unit"]).upper().removesuffix("S") if isinstance(width, exp.Interval) else ""
    if unit not in SECONDS or node.args.get("zone") or node.args.get("origin"):
        raise Untranslatable(
            node,
            "This time_bucket() cannot be translated for Athena.",
            "Use seconds, minutes, hours, or days.",
        )
    count = _cast(exp.Literal.number(width.this.name) if width.this.is_string else width.this, "BIGINT")
    seconds = exp.Mul(this=count, expression=exp.Literal.number(SECONDS[unit]))
    since = exp.Paren(
        this=exp.Sub(this=_call("TO_UNIXTIME", node.expression), expression=exp.Literal.number(ORIGIN_S))
    )
    buckets = exp.Floor(this=exp.Div(this=since, expression=exp.Paren(this=seconds), typed=True, safe=False))
    offset = _cast(exp.Mul(this=buckets, expression=exp.Paren(this=seconds.copy())), "BIGINT")
    origin = _cast(exp.Literal.string(ORIGIN), "TIMESTAMP")
    return _call("DATE_ADD", exp.Literal.string("second"), offset, origin)


def _epoch(node: exp.Expr, note: Note) -> exp.Expr:
    return _call("TO_UNIXTIME", node.this)


def _percentile(node: exp.Expr, note: Note) -> exp.Expr:
    note("Percentiles are approximate on Athena (approx_percentile).")
    at = (
        exp.Literal.number("0.5")
        if isinstance(node, exp.Median)
        else node.args.get("quantile") or node.expression
    )
    return _call("APPROX_PERCENTILE", _cast(node.this, "DOUBLE"), at)


def _contains(node: exp.Expr, note: Note) -> exp.Expr:
    position = _call("STRPOS", node.this, node.expression)
    return exp.Paren(this=exp.GT(this=position, expression=exp.Literal.number(0)))


def _ends_with(node: exp.Expr, note: Note) -> exp.Expr:
    tail = _call("SUBSTR", node.this, exp.Neg(this=_call("LENGTH", node.expression)))
    whole = exp.EQ(this=node.expression.copy(), expression=exp.Literal.string(""))
    return exp.Paren(this=exp.Or(this=exp.EQ(this=tail, expression=node.expression.copy()), expression=whole))


def _named(node: exp.Expr, note: Note) -> exp.Expr:
    """Translate functions for which sqlglot has no class."""
    match node.name.lower():
        case "json_valid":
            parsed = _call("TRY", _call("JSON_PARSE", node.expressions[0]))
            return exp.Paren(this=exp.Not(this=exp.Is(this=parsed, expression=exp.Null())))
        case "strlen":  # bytes
            return _call("LENGTH", _call("TO_UTF8", node.expressions[0]))
        case "json_field":
            return _json_field(*node.expressions)
        case "nfc_normalize":
            return _call("NORMALIZE", node.expressions[0])  # NFC by default
        case _:
            raise Untranslatable(node, f"{node.name}() cannot be translated for Athena.")


def _json_field(text: exp.Expr, path: exp.Expr) -> exp.Expr:
    """Return `message_fields.MACRO` in Athena's SQL, with a lambda for each name that it needs."""
    tree = parse_one(_JSON_FIELD, read="athena")
    for column in list(tree.find_all(exp.Column)):
        if column.name in ("given_text", "given_path"):
            column.replace((text if column.name == "given_text" else path).copy())
    return tree


def _type(node: exp.Expr, note: Note) -> exp.Expr:
    if node.this in TYPES or isinstance(node.this, exp.IntervalSpan | exp.Interval):
        return node
    raise Untranslatable(node, f"The type {node.sql('duckdb')} cannot be translated for Athena.")


def _json_extract(node: exp.Expr, note: Note) -> exp.Expr:
    raise Untranslatable(
        node,
        "-> and json_extract() return JSON, which differs on Athena.",
        "Use ->> or json_extract_string().",
    )


def _cast(value: exp.Expr, type_: str) -> exp.Expr:
    return exp.cast(value.copy(), type_)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _in_parentheses(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node.copy()) if isinstance(node, exp.Binary) else node.copy()


def _kept(node: exp.Expr, note: Note) -> exp.Expr:
    return node


RULES: dict[type, Callable[[exp.Expr, Note], exp.Expr]] = {
    exp.RegexpLike: _regex_matches,
    exp.RegexpExtract: _regex_extract,
    exp.RegexpReplace: _regex_replace,
    exp.SplitPart: _split_part,
    exp.Div: _divide,
    exp.IntDiv: _divide_whole,
    exp.DateBin: _bucket,
    exp.TimeToUnix: _epoch,
    exp.PercentileCont: _percentile,
    exp.Quantile: _percentile,
    exp.ApproxQuantile: _percentile,
    exp.Median: _percentile,
    exp.Contains: _contains,
    exp.ArrayContains: _contains,
    exp.EndsWith: _ends_with,
    exp.Anonymous: _named,
    exp.DataType: _type,
    exp.Cast: _kept,
    exp.TryCast: _kept,
    exp.JSONExtract: _json_extract,
}
