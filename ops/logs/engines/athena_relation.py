"""The relation `events` in Athena's SQL: the union of the export's tables, limited to a scope. Pure.

A table's location determines its format (`ops.logs.lake.layout`), and its partitions limit what is scanned.
Word boundaries are spelled out: words of a pattern (`ops.logs.lake.patterns`) are ASCII, while Athena's `\\b`
may include other letters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from ops.aws.athena.queries import GlueTable
from ops.errors import NotFound
from ops.logs.engines.athena_levels import level_sql
from ops.logs.lake.layout import HOUR, LATENESS, OLD_PATTERN_NAME, LogFormat, Scope, hour_of
from ops.logs.lake.lines.rules import Rule
from ops.logs.lake.rules import MASK, MILLIS
from ops.text.quoting import plain_literal

READ = (LogFormat.JSON, LogFormat.RAW, LogFormat.CLOUDWATCH)
FILTER_NAME = "slipway-([a-z0-9-]+)"  # the name of a subscription filter contains the region
INSTANT = timedelta(microseconds=1)
COLUMNS = "account, region, log_group, log_stream, ts, message, id"
_WORD = "0-9A-Za-z_"
HEX_WORD = f"([^{_WORD}]|^)[0-9a-fA-F]*[0-9][0-9a-fA-F]*([^{_WORD}]|$)"
DIGITS = "[0-9]+"
ORIGIN = "^[0-9A-Za-z_/.#-]+:[^:*]+$"  # the same as `raw_lines.HEAD`


def events(
    tables: Iterable[GlueTable],
    scope: Scope,
    accounts: Sequence[str],
    regions: Sequence[str],
    own: Sequence[Rule] = (),
) -> str:
    """Return a SELECT with the columns of `events`. Raises NotFound if no table holds logs.

    `accounts` and `regions` are the configured ones: an injected partition column needs explicit values.
    `own` are rules for levels that come before the built-in ones.
    """
    return relation(
        _parts(tables, lambda table, kind: _partitions(table, kind, scope, accounts, regions)), scope, own
    )


def scheduled_events(
    tables: Iterable[GlueTable],
    start: str,
    end: str,
    partitions: Mapping[LogFormat, str],
    own: Sequence[Rule],
) -> str:
    """Return a SELECT with the columns of `events` for a query that runs again and again.

    What changes each time is given as SQL: the time range, and the condition on the partitions of each table.
    Raises NotFound if no table holds logs.
    """
    parts = _parts(tables, lambda _table, kind: partitions[kind])
    return _events(parts, f"ts >= {start} AND ts < {end}", own)


def relation(parts: Sequence[str], scope: Scope, own: Sequence[Rule] = ()) -> str:
    """Return the SELECT of `events` from SELECTs with COLUMNS, limited to the scope."""
    bounds = f"ts >= {_moment(scope.start)} AND ts < {_moment(scope.end)}{_places(scope)}"
    return _events(parts, bounds, own)


def _parts(tables: Iterable[GlueTable], partitions: Callable[[GlueTable, LogFormat], str]) -> list[str]:
    """Return a SELECT with COLUMNS for each table that holds logs. Raises NotFound if there is none."""
    kinds = [(kind_of(table), table) for table in tables]
    parts = [_PARTS[kind](table, partitions(table, kind)) for kind, table in kinds if kind]
    if not parts:
        raise NotFound(
            "The Athena database has no table of exported logs.",
            hint="Update the export stack on the Log export page, or choose DuckDB.",
        )
    return parts


def _events(parts: Sequence[str], bounds: str, own: Sequence[Rule]) -> str:
    # The inner name is the one in `level_sql`, which the compactor uses too.
    return (
        f"SELECT {COLUMNS}, {OLD_PATTERN_NAME} AS pattern, {OLD_PATTERN_NAME}, {level_sql(own)} AS level "
        "FROM ("
        f"SELECT {COLUMNS}, {pattern_sql()} AS {OLD_PATTERN_NAME} "
        f"FROM ({' UNION ALL '.join(parts)}) AS delivered WHERE {bounds}) AS masked"
    )


def pattern_sql() -> str:
    """Return the expression for the pattern of `message`.

    Two adjacent hexadecimal words share the character between them, so they are replaced in two passes.
    """
    masked = "message"
    for _ in range(2):
        masked = f"REGEXP_REPLACE({masked}, {plain_literal(HEX_WORD)}, {plain_literal(f'$1{MASK}$2')})"
    return f"REGEXP_REPLACE({masked}, {plain_literal(DIGITS)}, {plain_literal(MASK)})"


def json_columns() -> str:
    """Return the columns of an event, from a table of JSON lines."""
    time = _time(_quoted("timestamp"))
    return f'account, region, "group" AS log_group, stream AS log_stream, {time} AS ts, message, id'


def raw_columns(origin: str, at: str, message: str) -> str:
    """Return the columns of an event, from the three columns of a table of raw lines."""
    stream = f"SUBSTR({_quoted(origin)}, STRPOS({_quoted(origin)}, ':') + 1)"
    return (
        f"account, region, SPLIT_PART({_quoted(origin)}, ':', 1) AS log_group, "
        f"{_unescaped(stream)} AS log_stream, {_time(_quoted(at))} AS ts, "
        f"{_unescaped(_quoted(message))} AS message, CAST(NULL AS VARCHAR) AS id"
    )


def source_events() -> dict[str, str]:
    """Return, for each format that the compactor reads, a SELECT of events with `fault` and `path`.

    A fault is anything that the exact readers (`readers`, `raw_lines`) skip or repair; the compactor leaves
    its object unchanged.
    """
    names = ("origin", "timestamp", "message")
    lost = " OR ".join(f"{_quoted(name)} IS NULL" for name in ("group", "stream", "timestamp", "message"))
    times = f"{10 ** (MILLIS - 1)} AND {10**MILLIS - 1}"
    wrong = (
        f"NOT REGEXP_LIKE(origin, {plain_literal(ORIGIN)}) OR {_quoted('timestamp')} NOT BETWEEN {times} OR "
        + _not_utf8("origin", "message")
    )
    lost += " OR " + _not_utf8("stream", "message")
    return {
        LogFormat.JSON.value: f'SELECT {json_columns()}, {_fault(lost)}, "$path" AS path FROM "logs_json"',
        LogFormat.RAW.value: f"SELECT {raw_columns(*names)}, {_fault(wrong)}, "
        f'"$path" AS path FROM "logs_raw"',
    }


def _fault(condition: str) -> str:
    return f"COALESCE({condition}, TRUE) AS fault"


def _not_utf8(*columns: str) -> str:
    """Return the condition that a text is not UTF-8, which would make Athena's Parquet file unreadable."""
    return " OR ".join(f"FROM_UTF8(TO_UTF8({name})) <> {name}" for name in columns)


def kind_of(table: GlueTable) -> LogFormat | None:
    """Return the format of the table; None if it does not hold logs, or is not read with Athena."""
    folder = table.location.rstrip("/").rpartition("/")[2]
    return next((kind for kind in READ if kind.value == folder), None)


def _json(table: GlueTable, where: str) -> str:
    """DISTINCT removes events that were delivered twice: they are equal in every column."""
    return f"SELECT DISTINCT {json_columns()} FROM {_quoted(table.name)} WHERE {where}"


def _raw(table: GlueTable, where: str) -> str:
    origin, at, message = table.columns[:3]
    return f"SELECT {raw_columns(origin, at, message)} FROM {_quoted(table.name)} WHERE {where}"


def _unescaped(field: str) -> str:
    """Unescape a field of a raw line; split at escaped backslashes first, which do not start an escape."""
    return (
        f"ARRAY_JOIN(TRANSFORM(SPLIT({field}, '\\\\'), piece -> "
        r"REPLACE(REPLACE(REPLACE(piece, '\t', CHR(9)), '\n', CHR(10)), '\r', CHR(13))), '\')"
    )


def _cloudwatch(table: GlueTable, where: str) -> str:
    named = f"REGEXP_EXTRACT(ARRAY_JOIN(subscriptionfilters, ' '), {plain_literal(FILTER_NAME)}, 1)"
    region = f"COALESCE({named}, 'unknown')"
    return (
        f"SELECT DISTINCT owner AS account, {region} AS region, loggroup AS log_group, "
        "logstream AS log_stream, "
        f"{_time('event.' + _quoted('timestamp'))} AS ts, event.message AS message, event.id AS id "
        f"FROM {_quoted(table.name)} CROSS JOIN UNNEST(logevents) AS unnested (event) "
        f"WHERE messagetype = 'DATA_MESSAGE' AND {where}"
    )


_PARTS = {LogFormat.JSON: _json, LogFormat.RAW: _raw, LogFormat.CLOUDWATCH: _cloudwatch}


def _partitions(
    table: GlueTable, kind: LogFormat, scope: Scope, accounts: Sequence[str], regions: Sequence[str]
) -> str:
    """Return the partitions to scan: dates and hours, and accounts and regions if the table has them."""
    late = LATENESS if kind is LogFormat.CLOUDWATCH else timedelta()
    first, last = hour_of(scope.start), hour_of(scope.end + late - INSTANT)
    conditions = [f"\"date\" BETWEEN '{first:%Y-%m-%d}' AND '{last:%Y-%m-%d}'"]
    conditions += [
        f"(\"date\" > '{first:%Y-%m-%d}' OR hour >= '{first:%H}')",
        f"(\"date\" < '{last:%Y-%m-%d}' OR hour <= '{last:%H}')",
    ]
    if last - first < 24 * HOUR and first.date() == last.date():
        conditions = [conditions[0], f"hour BETWEEN '{first:%H}' AND '{last:%H}'"]
    given = dict(table.parameters)
    for name, selected, known in (("account", scope.accounts, accounts), ("region", scope.regions, regions)):
        must = given.get(f"projection.{name}.type") == "injected"
        if name in table.partitions and (values := selected or (known if must else ())):
            conditions.append(f"{name} IN ({', '.join(map(plain_literal, values))})")
    return " AND ".join(conditions)


def _places(scope: Scope) -> str:
    """Return the conditions on account, region, and group, for tables not partitioned by them."""
    parts = [
        f" AND {name} IN ({', '.join(map(plain_literal, values))})"
        for name, values in (("account", scope.accounts), ("region", scope.regions))
        if values
    ]
    if scope.groups:
        likes = [f"log_group LIKE {plain_literal(_like(glob))} ESCAPE '\\'" for glob in scope.groups]
        parts.append(f" AND ({' OR '.join(likes)})")
    return "".join(parts)


def _like(glob: str) -> str:
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def _time(milliseconds: str) -> str:
    return f"DATE_ADD('millisecond', CAST({milliseconds} AS BIGINT), TIMESTAMP '1970-01-01 00:00:00')"


def _moment(moment: object) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}'"  # type: ignore[attr-defined]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
