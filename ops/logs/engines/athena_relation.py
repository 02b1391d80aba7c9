"""The relation `events` in Athena's SQL: the export stack's tables as one, cut to a scope. Pure.

Each table's location says which format it holds (`ops.logs.lake.layout`); its partitions bound what is
scanned. Words are bounded by hand: ours (`ops.logs.lake.patterns`) are of ASCII, Athena's `\\b` may know
other letters.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from ops.aws.athena import Table
from ops.errors import NotFound
from ops.logs.lake.layout import HOUR, LATENESS, Kind, Scope, hour_of
from ops.logs.lake.patterns import LEVEL_HEAD, LEVEL_OF, MASK
from ops.logs.lake.raw_lines import MILLIS

READ = (Kind.JSON, Kind.RAW, Kind.CLOUDWATCH)
FILTER_NAME = "slipway-([a-z0-9-]+)"  # a subscription filter's name tells the region
INSTANT = timedelta(microseconds=1)
COLUMNS = "account, region, log_group, log_stream, ts, message, id"
_WORD = "0-9A-Za-z_"
HEX_WORD = f"([^{_WORD}]|^)[0-9a-fA-F]*[0-9][0-9a-fA-F]*([^{_WORD}]|$)"
DIGITS = "[0-9]+"
ORIGIN = "^[0-9A-Za-z_/.#-]+:[^:*]+$"  # as `lines.HEAD` has it
LEVEL = rf"(?:^|[^0-9A-Za-z_])((?i:{'|'.join(LEVEL_OF)}))(?:[^0-9A-Za-z_]|$)"


def events(tables: Iterable[Table], scope: Scope, accounts: Sequence[str], regions: Sequence[str]) -> str:
    """A SELECT with the columns of `events`. Raises NotFound where no table holds logs.

    `accounts` and `regions` are those that exist: a partition column may have to be given its values.
    """
    kinds = [(kind_of(table), table) for table in tables]
    parts = [
        _PARTS[kind](table, _partitions(table, kind, scope, accounts, regions))
        for kind, table in kinds
        if kind
    ]
    if not parts:
        raise NotFound(
            "The Athena database has no table of exported logs.",
            hint="Update the export stack on the page Log export, or choose DuckDB.",
        )
    bounds = f"ts >= {_moment(scope.start)} AND ts < {_moment(scope.end)}{_places(scope)}"
    return (
        f"SELECT {COLUMNS}, template, {level_sql()} AS level FROM ("
        f"SELECT {COLUMNS}, {template_sql()} AS template FROM ({' UNION ALL '.join(parts)}) AS delivered "
        f"WHERE {bounds}) AS masked"
    )


def template_sql() -> str:
    """The template of `message`. Neighbours share what parts them: hexadecimal words take two turns."""
    masked = "message"
    for _ in range(2):
        masked = f"REGEXP_REPLACE({masked}, {_text(HEX_WORD)}, {_text(f'$1{MASK}$2')})"
    return f"REGEXP_REPLACE({masked}, {_text(DIGITS)}, {_text(MASK)})"


def level_sql() -> str:
    """The level in `template`, whose first characters are those that DuckDB looks at."""
    words = " ".join(f"WHEN {_text(word)} THEN {_text(level)}" for word, level in LEVEL_OF.items())
    found = f"REGEXP_EXTRACT(SUBSTR(template, 1, {LEVEL_HEAD}), {_text(LEVEL)}, 1)"
    return f"CASE LOWER({found}) {words} END"


def json_columns() -> str:
    """The columns of an event out of a table of JSON lines."""
    time = _time(_quoted("timestamp"))
    return f'account, region, "group" AS log_group, stream AS log_stream, {time} AS ts, message, id'


def raw_columns(origin: str, at: str, message: str) -> str:
    """The columns of an event out of a table of raw lines, from its three columns."""
    stream = f"SUBSTR({_quoted(origin)}, STRPOS({_quoted(origin)}, ':') + 1)"
    return (
        f"account, region, SPLIT_PART({_quoted(origin)}, ':', 1) AS log_group, "
        f"{_unescaped(stream)} AS log_stream, {_time(_quoted(at))} AS ts, "
        f"{_unescaped(_quoted(message))} AS message, CAST(NULL AS VARCHAR) AS id"
    )


def source_events() -> dict[str, str]:
    """For each kind that the compactor reads: columns, `fault`, `path` of an event, from the stack's table.

    A fault is what the exact readers (`readers`, `lines`) leave out or repair: its object is left as it is.
    """
    names = ("origin", "timestamp", "message")
    lost = " OR ".join(f"{_quoted(name)} IS NULL" for name in ("group", "stream", "timestamp", "message"))
    times = f"{10 ** (MILLIS - 1)} AND {10**MILLIS - 1}"
    wrong = (
        f"NOT REGEXP_LIKE(origin, {_text(ORIGIN)}) OR {_quoted('timestamp')} NOT BETWEEN {times} OR "
        + _spoilt("origin", "message")
    )
    return {
        Kind.JSON.value: f"SELECT {json_columns()}, {_fault(f'{lost} OR ' + _spoilt('stream', 'message'))}, "
        f'"$path" AS path FROM "logs_json"',
        Kind.RAW.value: f'SELECT {raw_columns(*names)}, {_fault(wrong)}, "$path" AS path FROM "logs_raw"',
    }


def _fault(condition: str) -> str:
    return f"COALESCE({condition}, TRUE) AS fault"


def _spoilt(*columns: str) -> str:
    """Whether a text is not UTF-8: Athena would write it as it is, and no reader take the whole file."""
    return " OR ".join(f"FROM_UTF8(TO_UTF8({name})) <> {name}" for name in columns)


def kind_of(table: Table) -> Kind | None:
    """What the table holds; None for another table or a format that is not read here."""
    folder = table.location.rstrip("/").rpartition("/")[2]
    return next((kind for kind in READ if kind.value == folder), None)


def _json(table: Table, where: str) -> str:
    """Events that were delivered twice are the same in every column."""
    return f"SELECT DISTINCT {json_columns()} FROM {_quoted(table.name)} WHERE {where}"


def _raw(table: Table, where: str) -> str:
    origin, at, message = table.columns[:3]
    return f"SELECT {raw_columns(origin, at, message)} FROM {_quoted(table.name)} WHERE {where}"


def _unescaped(field: str) -> str:
    """What a raw line holds, split at escaped backslashes first: what follows one is not an escape."""
    return (
        f"ARRAY_JOIN(TRANSFORM(SPLIT({field}, '\\\\'), piece -> "
        r"REPLACE(REPLACE(REPLACE(piece, '\t', CHR(9)), '\n', CHR(10)), '\r', CHR(13))), '\')"
    )


def _cloudwatch(table: Table, where: str) -> str:
    region = (
        f"COALESCE(REGEXP_EXTRACT(ARRAY_JOIN(subscriptionfilters, ' '), {_text(FILTER_NAME)}, 1), 'unknown')"
    )
    return (
        f"SELECT DISTINCT owner AS account, {region} AS region, loggroup AS log_group, "
        "logstream AS log_stream, "
        f"{_time('event.' + _quoted('timestamp'))} AS ts, event.message AS message, event.id AS id "
        f"FROM {_quoted(table.name)} CROSS JOIN UNNEST(logevents) AS unnested (event) "
        f"WHERE messagetype = 'DATA_MESSAGE' AND {where}"
    )


_PARTS = {Kind.JSON: _json, Kind.RAW: _raw, Kind.CLOUDWATCH: _cloudwatch}


def _partitions(
    table: Table, kind: Kind, scope: Scope, accounts: Sequence[str], regions: Sequence[str]
) -> str:
    """What of the table is scanned: dates and hours, and accounts and regions where it has them."""
    late = LATENESS if kind is Kind.CLOUDWATCH else timedelta()
    first, last = hour_of(scope.start), hour_of(scope.end + late - INSTANT)
    conditions = [f"\"date\" BETWEEN '{first:%Y-%m-%d}' AND '{last:%Y-%m-%d}'"]
    conditions += [
        f"(\"date\" > '{first:%Y-%m-%d}' OR hour >= '{first:%H}')",
        f"(\"date\" < '{last:%Y-%m-%d}' OR hour <= '{last:%H}')",
    ]
    if last - first < 24 * HOUR and first.date() == last.date():
        conditions = [conditions[0], f"hour BETWEEN '{first:%H}' AND '{last:%H}'"]
    given = dict(table.parameters)
    for name, wanted, known in (("account", scope.accounts, accounts), ("region", scope.regions, regions)):
        must = given.get(f"projection.{name}.type") == "injected"
        if name in table.partitions and (values := wanted or (known if must else ())):
            conditions.append(f"{name} IN ({', '.join(map(_text, values))})")
    return " AND ".join(conditions)


def _places(scope: Scope) -> str:
    """Accounts, regions and groups, for tables that are not partitioned by them."""
    parts = [
        f" AND {name} IN ({', '.join(map(_text, values))})"
        for name, values in (("account", scope.accounts), ("region", scope.regions))
        if values
    ]
    if scope.groups:
        likes = [f"log_group LIKE {_text(_like(glob))} ESCAPE '\\'" for glob in scope.groups]
        parts.append(f" AND ({' OR '.join(likes)})")
    return "".join(parts)


def _like(glob: str) -> str:
    escaped = glob.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def _time(milliseconds: str) -> str:
    return f"DATE_ADD('millisecond', CAST({milliseconds} AS BIGINT), TIMESTAMP '1970-01-01 00:00:00')"


def _moment(moment: object) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}'"  # type: ignore[attr-defined]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
