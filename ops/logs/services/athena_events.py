"""The rows of the Athena tables of a dataset as events. Pure.

The message of an event is the same JSON object as the one that this machine reads, except that every value is
a text, and without the fields that are computed from others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ops.aws.athena.queries import GlueTable
from ops.errors import NotFound
from ops.logs.lake.layout import Location, Scope
from ops.logs.services import keys
from ops.logs.services.athena_tables import LAYOUT, TYPE, partition_values
from ops.logs.services.listing import ServiceLister
from ops.logs.services.model import DatasetType, KeyLayout
from ops.text.quoting import plain_literal


def events_sql(
    type_: DatasetType,
    table: str,
    columns: Sequence[str],
    partitions: Sequence[str],
    layout: KeyLayout,
    values: Mapping[str, Sequence[str]],
    scope: Scope,
) -> str:
    """Return the SELECT of a table's events: account, region, log_group, log_stream, ts, message, id."""
    conditions = [f"{_name(name)} IN ({', '.join(map(plain_literal, values[name]))})" for name in partitions
                  if name != "day"]  # fmt: skip
    if "day" in partitions:
        first, last = (moment.strftime(layout.time).removesuffix("/") for moment in keys.times(type_, scope))
        conditions.append(f"\"day\" BETWEEN '{first}' AND '{last}'")
    event = _EVENTS[type_.name](set(partitions), columns)
    where = " AND ".join([*conditions, event.where])
    return (
        f"SELECT {event.account} AS account, {event.region} AS region, {event.group} AS log_group, "
        f"{event.stream} AS log_stream, {event.ts} AS ts, {event.message} AS message, {event.id} AS id "
        f"FROM {_name(table)}{event.unnest} WHERE {where}"
    )


@dataclass(frozen=True)
class _Event:
    """The expressions of an event."""

    group: str
    stream: str
    ts: str
    message: str
    where: str
    account: str = "'unknown'"
    region: str = "'unknown'"
    id: str = "CAST(NULL AS VARCHAR)"
    unnest: str = ""


def _place(partitions: set[str], name: str) -> str:
    return _name(name) if name in partitions else "'unknown'"


def _object(fields: Mapping[str, str]) -> str:
    """Return a JSON object of the fields that have a value; ARRAY_JOIN leaves NULL out."""
    return f"'{{' || ARRAY_JOIN(ARRAY[{', '.join(_pairs(fields))}], ',') || '}}'"


def _with_record(fields: Mapping[str, str], record: str) -> str:
    """Return a record in JSON with fields before its own."""
    return f"'{{' || ARRAY_JOIN(ARRAY[{', '.join([*_pairs(fields), f'SUBSTR({record}, 2)'])}], ',')"


def _pairs(fields: Mapping[str, str]) -> list[str]:
    return [f"'\"{name}\":\"' || {_escaped(value)} || '\"'" for name, value in fields.items()]


def _escaped(value: str) -> str:
    """Return the text as it is written in JSON: a line has no other control characters than tabs."""
    present = f"NULLIF(NULLIF({value}, '-'), '')"
    return f"REPLACE(REPLACE(REPLACE({present}, '\\', '\\\\'), '\"', '\\\"'), CHR(9), '\\t')"


def _iso(value: str) -> str:
    """Return the time in ISO 8601 in UTC, with or without a fraction, as a timestamp."""
    return f"CAST(REPLACE(SUBSTR(REPLACE({value}, 'Z', ''), 1, 23), 'T', ' ') AS TIMESTAMP)"


def _request_fields() -> dict[str, str]:
    url = r"^[^ ]+ (?:[a-zA-Z]+://[^/ ]*)?(/[^? ]*)"
    return {
        "method": "REGEXP_EXTRACT(request, '^([A-Z]+) ', 1)",
        "path": f"REGEXP_EXTRACT(request, {plain_literal(url)}, 1)",
    }


def _balancer(kind: str) -> Callable[[set[str], Sequence[str]], _Event]:
    def event(partitions: set[str], columns: Sequence[str]) -> _Event:
        client = r"REGEXP_EXTRACT(client, '^\[?(.*?)\]?(:[0-9]+)?$', 1)"
        fields = {"elb": "elb", "client_ip": client, **{name: _name(name) for name in columns[1:]}}
        if "request" in columns:
            fields |= _request_fields()
        return _Event(
            f"'{kind}/' || elb", client, _iso('"time"'), _object(fields), "elb IS NOT NULL",
            _place(partitions, "account"), _place(partitions, "region"),
        )  # fmt: skip

    return event


def _s3(partitions: set[str], columns: Sequence[str]) -> _Event:
    ts = "DATE_PARSE(SUBSTR(\"time\", 1, 20), '%d/%b/%Y:%H:%i:%s')"
    fields = {**{name: _name(name) for name in columns}, **_request_fields()}
    return _Event(
        "'s3-access/' || bucket", "bucket", ts, _object(fields), "bucket IS NOT NULL",
        _place(partitions, "account"), _place(partitions, "region"),
    )  # fmt: skip


def _cloudfront(partitions: set[str], columns: Sequence[str]) -> _Event:
    fields = {name: _name(name) for name in columns}
    distribution = "REGEXP_EXTRACT(\"$path\", '([A-Z0-9]{8,20})[.][0-9]{4}-[^/]*$', 1)"
    return _Event(
        f"'cloudfront/' || {distribution}", "x_edge_location", _iso("\"date\" || 'T' || \"time\""),
        _object(fields), "REGEXP_LIKE(\"date\", '^[0-9]{4}-')", _place(partitions, "account"),
    )  # fmt: skip


def _flow_logs(partitions: set[str], columns: Sequence[str]) -> _Event:
    start = "CAST(start AS VARCHAR)" if "start" in columns else 'CAST("end" AS VARCHAR)'
    fields = {name: f"CAST({_name(name)} AS VARCHAR)" for name in columns}
    vpc = "COALESCE('/' || NULLIF(vpc_id, '-'), '')" if "vpc_id" in columns else "''"
    stream = "COALESCE(interface_id, '')" if "interface_id" in columns else "''"
    seconds = f"CAST({start} AS BIGINT)"
    ts = f"DATE_ADD('second', {seconds}, TIMESTAMP '1970-01-01 00:00:00')"
    return _Event(
        f"'vpc-flow-logs' || {vpc}", stream, ts, _object(fields), f"REGEXP_LIKE({start}, '^[0-9]+$')",
        _place(partitions, "account"), _place(partitions, "region"),
    )  # fmt: skip


def _json_event(
    group: str, stream: str, ts: str, account: str, region: str, common: Mapping[str, str]
) -> Callable[[set[str], Sequence[str]], _Event]:
    """Return the event of a record in JSON, with `common` fields: the paths of their values by name."""

    def event(partitions: set[str], columns: Sequence[str]) -> _Event:
        fields = {name: _scalar(path) for name, path in common.items()}
        return _Event(group, stream, ts, _with_record(fields, "line"), "line LIKE '{%'", account, region)

    return event


def _scalar(path: str, source: str = "line") -> str:
    return f"COALESCE(JSON_EXTRACT_SCALAR({source}, '$.{path}'), '')"


def _cloudtrail(partitions: set[str], columns: Sequence[str]) -> _Event:
    """A file is one line: the document with all records."""
    records = "CAST(JSON_EXTRACT(line, '$.Records') AS ARRAY(JSON))"
    return _Event(
        "'cloudtrail'",
        _scalar("eventSource", "record"),
        _iso(_scalar("eventTime", "record")),
        _with_record({"client_ip": _scalar("sourceIPAddress", "record")}, "JSON_FORMAT(record)"),
        "line LIKE '{%'",
        _scalar("recipientAccountId", "record"),
        _scalar("awsRegion", "record"),
        "JSON_EXTRACT_SCALAR(record, '$.eventID')",
        f" CROSS JOIN UNNEST({records}) AS unnested (record)",
    )


_EVENTS: Mapping[str, Callable[[set[str], Sequence[str]], _Event]] = {
    "alb": _balancer("alb"),
    "nlb": _balancer("nlb"),
    "clb": _balancer("clb"),
    "s3-access": _s3,
    "cloudfront": _cloudfront,
    "vpc-flow-logs": _flow_logs,
    "cloudtrail": _cloudtrail,
    "waf": _json_event(
        f"'waf/' || COALESCE(REGEXP_EXTRACT({_scalar('webaclId')}, '/webacl/([^/]+)', 1), '')",
        _scalar("httpSourceId"),
        f"DATE_ADD('millisecond', CAST({_scalar('timestamp')} AS BIGINT), TIMESTAMP '1970-01-01 00:00:00')",
        f"SPLIT_PART({_scalar('webaclId')}, ':', 5)",
        f"SPLIT_PART({_scalar('webaclId')}, ':', 4)",
        {
            "client_ip": "httpRequest.clientIp",
            "country": "httpRequest.country",
            "method": "httpRequest.httpMethod",
            "path": "httpRequest.uri",
            "status": "responseCodeSent",
        },
    ),
    "resolver": _json_event(
        f"'resolver/' || {_scalar('vpc_id')}",
        f"COALESCE(JSON_EXTRACT_SCALAR(line, '$.srcids.instance'), {_scalar('srcaddr')})",
        _iso(_scalar("query_timestamp")),
        _scalar("account_id"),
        _scalar("region"),
        {"client_ip": "srcaddr"},
    ),
}


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def is_table_of(type_: DatasetType, location: Location, table: GlueTable) -> bool:
    """Return whether a table was made for the dataset."""
    return dict(table.parameters).get(TYPE) == type_.name and table.location.startswith(str(location))


def service_parts(lister: ServiceLister, tables: Sequence[GlueTable], scope: Scope) -> list[str]:
    """Return a SELECT for each table of the dataset. Raises NotFound if a layout has no table."""
    lister.places()
    by_layout: dict[int, list[str]] = {}
    for layout, prefix in lister.prefixes:
        if layout in lister.type.layouts:
            by_layout.setdefault(lister.type.layouts.index(layout), []).append(prefix)
    own = {
        int(dict(table.parameters).get(LAYOUT, "-1")): table
        for table in tables
        if is_table_of(lister.type, lister.location, table)
    }
    if not by_layout or not by_layout.keys() <= own.keys():
        raise NotFound(
            f"Athena has no table for all of the {lister.type.title}.",
            hint="Create them with slipway logs create-tables, or choose DuckDB.",
        )
    parts = []
    for number, prefixes in by_layout.items():
        layout, table = lister.type.layouts[number], own[number]
        values = partition_values(layout, prefixes, lister.location.prefix)
        parts.append(
            events_sql(lister.type, table.name, table.columns, table.partitions, layout, values, scope)
        )
    return parts
