"""The sample logs in the form of an export: JSON lines in a bucket, with tables and a work group."""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any

from ops.embedded.accounts import ACCOUNTS, EXPORTED_BUCKET, EXPORTED_TABLES, HOME
from ops.embedded.sample.logs import events_of as sample_events
from ops.embedded.sample.logs import sample_logs

Client = Callable[[str], Any]
MEGABYTES = 2**20


def seed_exported(client: Client, end: datetime) -> None:
    """Write the day before `end`; `client` returns clients in the export's account and region."""
    s3 = client("s3")
    try:
        s3.create_bucket(Bucket=EXPORTED_BUCKET, CreateBucketConfiguration={"LocationConstraint": HOME})
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass  # a retried call: on a busy machine, the first response may arrive too late
    for folder, lines in _lines(end).items():
        body = gzip.compress("".join(lines).encode(), mtime=0)
        s3.put_object(Bucket=EXPORTED_BUCKET, Key=f"json/{folder}/sample.gz", Body=body)
    _create_tables(client)


def _lines(end: datetime) -> dict[str, list[str]]:
    ids = {account.name: account.id for account in ACCOUNTS}
    lines_by_folder: dict[str, list[str]] = defaultdict(list)
    for log in sample_logs():
        for number, (timestamp, message) in enumerate(sample_events(log, end)):
            name = f"{log.account}/{log.region}/{log.group}/{number}"
            event = {
                "account": ids[log.account],
                "region": log.region,
                "group": log.group,
                "stream": log.stream,
                "timestamp": round(timestamp.timestamp() * 1000),
                "id": f"{int(sha256(name.encode()).hexdigest(), 16):056d}"[:56],
                "message": message,
            }
            account_path = f"account={ids[log.account]}/region={log.region}"
            folder = f"{account_path}/date={timestamp:%Y-%m-%d}/hour={timestamp:%H}"
            lines_by_folder[folder].append(json.dumps(event, ensure_ascii=False) + "\n")
    return lines_by_folder


def _create_tables(client: Client) -> None:
    glue, athena = client("glue"), client("athena")
    glue.create_database(DatabaseInput={"Name": EXPORTED_TABLES})
    columns = {"group": "string", "stream": "string", "timestamp": "bigint", "id": "string"}
    partitions = ("account", "region", "date", "hour")
    template = "/".join(f"{name}=${{{name}}}" for name in partitions)
    glue.create_table(
        DatabaseName=EXPORTED_TABLES,
        TableInput={
            "Name": "json",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "projection.enabled": "true",
                "projection.account.type": "injected",
                "projection.region.type": "injected",
                "projection.date.type": "date",
                "projection.date.format": "yyyy-MM-dd",
                "projection.date.range": "2024-01-01,NOW+1DAYS",
                "projection.hour.type": "integer",
                "projection.hour.range": "0,23",
                "projection.hour.digits": "2",
                "storage.location.template": f"s3://{EXPORTED_BUCKET}/json/{template}/",
            },
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in partitions],
            "StorageDescriptor": {
                "Columns": [
                    {"Name": name, "Type": type_} for name, type_ in {**columns, "message": "string"}.items()
                ],
                "Location": f"s3://{EXPORTED_BUCKET}/json/",
                "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe", "Parameters": {}},
            },
        },
    )
    athena.create_work_group(
        Name=EXPORTED_TABLES,
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{EXPORTED_BUCKET}/results/"},
            "BytesScannedCutoffPerQuery": 100 * MEGABYTES,
        },
    )
