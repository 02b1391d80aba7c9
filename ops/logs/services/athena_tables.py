"""The Athena tables of the dataset types, with partition projection. Pure.

A table has the columns of its service, or one column with the whole line for records in JSON.
https://docs.aws.amazon.com/athena/latest/ug/querying-aws-service-logs.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ops.errors import InputError
from ops.logs.lake.layout import Location
from ops.logs.services import text
from ops.logs.services.flow_logs import VERSION_2
from ops.logs.services.model import DatasetType, KeyLayout

REGEX = "org.apache.hadoop.hive.serde2.RegexSerDe"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
TEXT_FORMAT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
PARQUET_FORMAT = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)
FIRST_DAY = "2015/01/01"
TYPE = "slipway.type"  # the table's parameter that names its dataset type
LAYOUT = "slipway.layout"  # and the number of its key layout
LINE = {"line": "string"}
# https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs-create-table-statement-parquet.html
_NUMBERS = {
    **dict.fromkeys(("version", "srcport", "dstport", "tcp_flags", "traffic_path"), "int"),
    **dict.fromkeys(("protocol", "packets", "bytes", "start", "end"), "bigint"),
}
QUOTED = frozenset(
    "request user_agent trace_id domain_name chosen_cert_arn actions_executed redirect_url error_reason "
    "target_list target_status_list classification classification_reason transformed_host transformed_uri "
    "request_transform_status referrer".split()
)


@dataclass(frozen=True)
class AthenaTable:
    """A table of the Glue Data Catalog. `partitions` are columns of type string."""

    name: str
    location: str
    columns: Mapping[str, str]
    partitions: tuple[str, ...]
    serde: str
    serde_parameters: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def formats(self) -> tuple[str, str]:
        """The Java classes that read and write the files."""
        return PARQUET_FORMAT if self.serde == PARQUET else TEXT_FORMAT

    def table_input(self) -> dict[str, object]:
        """Return the table as Glue's CreateTable describes it."""
        return {
            "Name": self.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", **self.parameters},
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in self.partitions],
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, kind in self.columns.items()],
                "Location": self.location,
                "InputFormat": self.formats[0],
                "OutputFormat": self.formats[1],
                "SerdeInfo": {"SerializationLibrary": self.serde, "Parameters": dict(self.serde_parameters)},
            },
        }

    def ddl(self) -> str:
        """Return the statement that creates the table."""
        columns = ",\n".join(f"  `{name}` {kind}" for name, kind in self.columns.items())
        partitions = ", ".join(f"`{name}` string" for name in self.partitions)
        partitioned = f"PARTITIONED BY ({partitions})\n" if partitions else ""
        settings = ", ".join(
            f"{_hive(name)} = {_hive(value)}" for name, value in self.serde_parameters.items()
        )
        serde = f"WITH SERDEPROPERTIES ({settings})\n" if settings else ""
        parameters = ",\n".join(
            f"  {_hive(name)} = {_hive(value)}" for name, value in self.parameters.items()
        )
        return (
            f"CREATE EXTERNAL TABLE `{self.name}` (\n{columns}\n)\n{partitioned}"
            f"ROW FORMAT SERDE {_hive(self.serde)}\n{serde}"
            f"STORED AS INPUTFORMAT {_hive(self.formats[0])}\n  OUTPUTFORMAT {_hive(self.formats[1])}\n"
            f"LOCATION {_hive(self.location)}\nTBLPROPERTIES (\n{parameters}\n)"
        )


def tables_of(
    type_: DatasetType,
    location: Location,
    layouts: Sequence[KeyLayout],
    header: Sequence[str] = (),
    *,
    parquet: bool = False,
) -> list[AthenaTable]:
    """Return a table for each layout that the dataset has.

    `header` are the fields of VPC flow logs, which each flow log chooses. Raises InputError for a type whose
    records are not lines of their own.
    """
    columns, serde, settings, skipped = _reading(type_, header, parquet)
    tables = []
    for number, layout in enumerate(layouts):
        partitions, template = _partitions(layout)
        place = f"{location}{template.partition('${')[0].rpartition('/')[0]}".rstrip("/") + "/"
        parameters = {TYPE: type_.name, LAYOUT: str(type_.layouts.index(layout))}
        if skipped:
            parameters["skip.header.line.count"] = str(skipped)
        if partitions:
            parameters |= {
                "projection.enabled": "true",
                "storage.location.template": f"{location}{template}",
                **{f"projection.{name}.type": "injected" for name in partitions if name != "day"},
            }
        if "day" in partitions:
            parameters |= {
                "projection.day.type": "date",
                "projection.day.format": _java(layout.time),
                "projection.day.range": f"{_first(layout.time)},NOW+1DAYS",
                "projection.day.interval": "1",
                "projection.day.interval.unit": "HOURS" if "%H" in layout.time else "DAYS",
            }
        name = f"slipway_{type_.name.replace('-', '_')}" + (f"_{number + 1}" if number else "")
        tables.append(AthenaTable(name, place, columns, partitions, serde, settings, parameters))
    return tables


def _reading(
    type_: DatasetType, header: Sequence[str], parquet: bool
) -> tuple[Mapping[str, str], str, Mapping[str, str], int]:
    """Return columns, SerDe, its settings, and the number of lines before the first record."""
    if type_.name in _REGEX:
        names, least, start = _REGEX[type_.name]
        return dict.fromkeys(names, "string"), REGEX, {"input.regex": _regex(names, least, start)}, 0
    if type_.name == "cloudfront":
        names = [text.cloudfront_name(name) for name in text.CLOUDFRONT]
        return dict.fromkeys(names, "string"), LAZY, {"field.delim": "\t"}, 2
    if type_.name == "vpc-flow-logs":
        names = list(header or VERSION_2)
        if parquet:
            return {name: _NUMBERS.get(name, "string") for name in names}, PARQUET, {}, 0
        return dict.fromkeys(names, "string"), LAZY, {"field.delim": " "}, 1
    if type_.name in _IN_LINES:
        return LINE, REGEX, {"input.regex": "^(.*)$"}, 0
    raise InputError(
        f"Athena has no table for {type_.title}.",
        field="type",
        hint="Search them on this machine: choose DuckDB.",
    )


_IN_LINES = ("waf", "resolver", "cloudtrail")  # a record in JSON each, or all of an object
_REGEX: Mapping[str, tuple[list[str], int, str]] = {
    "alb": (text.ALB, 12, "(https?|h2|grpcs|wss?)"),
    "nlb": (text.NLB, 18, "(tls)"),
    "clb": (text.CLB, 12, "([0-9-]+T[^ ]*)"),
    "s3-access": (text.S3, 18, "([0-9a-f]+)"),
}


# S3 does not escape quotation marks in a user agent.
_S3_VALUES = {"time": r"\[([^\]]*)\]", "user_agent": '(?:"(.*)"|-)'}


def _regex(names: Sequence[str], least: int, start: str) -> str:
    """Return the expression for a line; fields of later versions are optional, and others are ignored."""
    pieces = [start]
    for number, name in enumerate(names[1:], 1):
        value = "([^ ]*)"
        if name in QUOTED and names is not text.NLB:
            value = '(?:"((?:[^"\\\\]|\\\\.)*)"|-)'
        if names is text.S3 and name in _S3_VALUES:
            value = _S3_VALUES[name]
        pieces.append(f" {value}" if number < least else f"(?: {value})?")
    return "".join(pieces) + "(?: .*)?"


def _partitions(layout: KeyLayout) -> tuple[tuple[str, ...], str]:
    """Return the partition columns of a layout, and the location of a partition below the root."""
    names: list[str] = []
    path = ""
    for segment in layout.segments:
        if not segment.endswith("/"):  # a part of the name of an object
            return tuple(names), path
        wildcard = re.search(r"\{(\w+)\}", segment)
        if wildcard:
            name = "folder" if wildcard[1] == "any" else wildcard[1]
            names.append(name)
            segment = segment.replace(wildcard[0], f"${{{name}}}")
        path += segment
    if layout.time.endswith("/"):
        return (*names, "day"), f"{path}${{day}}/"
    return tuple(names), path


def partition_values(layout: KeyLayout, places: Sequence[str], root: str) -> dict[str, list[str]]:
    """Return the values of each partition column in the prefixes that the dataset has."""
    values: dict[str, list[str]] = {}
    for place in places:
        folders = place[len(root) :].split("/")
        for segment, folder in zip(layout.segments, folders, strict=False):
            wildcard = re.search(r"\{(\w+)\}", segment)
            if wildcard and segment.endswith("/"):
                name = "folder" if wildcard[1] == "any" else wildcard[1]
                before, after = segment.removesuffix("/").split(wildcard[0])
                values.setdefault(name, []).append(folder.removeprefix(before).removesuffix(after))
    return {name: sorted(set(found)) for name, found in values.items()}


def _java(time: str) -> str:
    """Return the time format of Java, with literal text in quotation marks."""
    java = {"%Y": "yyyy", "%m": "MM", "%d": "dd", "%H": "HH"}
    pieces = re.split(r"(%[YmdH]|/)", time.removesuffix("/"))
    return "".join(java.get(piece) or (piece if piece in ("", "/") else f"'{piece}'") for piece in pieces)


def _first(time: str) -> str:
    first = {"%Y": "2015", "%m": "01", "%d": "01", "%H": "00"}
    return re.sub(r"%[YmdH]", lambda match: first[match[0]], time.removesuffix("/"))


def _hive(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t")
    return f"'{escaped}'"
