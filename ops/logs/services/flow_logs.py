"""VPC flow logs of every version, with any selection of fields, as text and as Parquet. Pure.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ops.logs.lake.gzipped import inflate
from ops.logs.services.fields import NOT_RECORDS, Skip, message_of, value_of
from ops.logs.services.model import Event, KeyFacts

# The default fields, for text without a header.
VERSION_2 = (
    "version account_id interface_id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log_status"
).split()
FIELDS = (
    *VERSION_2, "vpc_id", "subnet_id", "instance_id", "tcp_flags", "type", "pkt_srcaddr", "pkt_dstaddr",
    "region", "az_id", "sublocation_type", "sublocation_id", "pkt_src_aws_service", "pkt_dst_aws_service",
    "flow_direction", "traffic_path",
)  # fmt: skip
_IDS = ("account_id",)  # digits that are a name, and may begin with a zero
_DAMAGED = "objects that are not Parquet, or damaged"


def read_flow_logs(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    records = _parquet(content, skip) if content[:4] == b"PAR1" else _text(content, skip)
    for fields in records:
        try:
            yield _event(fields, facts)
        except NOT_RECORDS:
            skip("records without a time")


def field_names(data: bytes) -> tuple[list[str], bool]:
    """Return the fields of an object in order (by default those of version 2), and whether it is Parquet."""
    if data[:4] == b"PAR1":
        return [name.replace("-", "_") for name in pq.read_schema(io.BytesIO(data)).names], True
    head = inflate(data)[0].decode("utf-8", "replace").partition("\n")[0].split()
    named = "start" in head or "end" in head
    return ([name.replace("-", "_") for name in head] if named else VERSION_2), False


def _event(fields: Mapping[str, Any], facts: KeyFacts) -> Event:
    seconds = fields.get("start", fields.get("end"))
    if seconds is None and facts.at is None:
        raise ValueError("no time")
    millis = int(seconds) * 1000 if seconds is not None else int(facts.at.timestamp() * 1000)  # type: ignore[union-attr]
    interface = str(fields.get("interface_id") or "")
    place = str(fields.get("vpc_id") or "") or "default"
    account, region = fields.get("account_id"), fields.get("region")
    valid = isinstance(account, str) and account.isdigit()  # "unknown" for an AWS service's interface
    return (
        millis, f"vpc-flow-logs/{place}" if fields.get("vpc_id") else "vpc-flow-logs", interface,
        message_of(fields), None, account if valid else None, region,
    )  # fmt: skip


def _text(content: bytes, skip: Skip) -> Iterator[dict[str, Any]]:
    names = VERSION_2
    for line in content.decode().split("\n"):
        values = line.split()
        if not values:
            continue
        if not any(value[:1].isdigit() for value in values) and {"version", "start", "action"} & set(values):
            names = [value.replace("-", "_") for value in values]
            continue
        if len(values) != len(names):
            skip("lines that do not have the fields of the header")
            continue
        pairs = zip(names, values, strict=True)
        named = {name: value if name in _IDS else value_of(value) for name, value in pairs}
        yield {name: value for name, value in named.items() if value not in (None, "-")}


def _parquet(content: bytes, skip: Skip) -> Iterator[dict[str, Any]]:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                yield {
                    name.replace("-", "_"): value
                    for name, value in row.items()
                    if value is not None and value != "-"
                }
    except (OSError, ValueError, pa.ArrowException):
        skip(_DAMAGED)
