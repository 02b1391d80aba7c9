"""What each template costs a month, at three sizes. Pure.

The unit prices are list prices of us-east-1 in US dollars, as of 2025, without free tiers and taxes. They are
constants, because a template must show its bill before anything is deployed; docs/templates.md names the page
of each, and has the tables that `python -m ops.release.costs` prints.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ops.snapshots.pipeline.forecast import (
    HOURS_PER_MONTH,
    SNAPSHOT_GIB_MONTH,
    STORAGE_GIB_MONTH,
    TASK_PER_HOUR,
    price_per_hour,
)

RUNS_PER_MONTH = 52 / 12  # one a week
COMPRESSED = 0.1  # CloudWatch Logs delivers events, and the bucket holds them, gzipped: of their size
OBJECTS_PER_MONTH = HOURS_PER_MONTH * 12  # of one account and Region: a buffer is written every five minutes


@dataclass(frozen=True)
class UnitPrice:
    """A price in US dollars, what it is for, and the page where AWS publishes it."""

    item: str
    dollars: float
    page: str


_STREAMS = "https://aws.amazon.com/kinesis/data-streams/pricing/"
_FIREHOSE = "https://aws.amazon.com/firehose/pricing/"
_FARGATE = "https://aws.amazon.com/fargate/pricing/"
_BALANCER = "https://aws.amazon.com/elasticloadbalancing/pricing/"

STREAM_HOUR = UnitPrice("Kinesis, on-demand stream, hour", 0.04, _STREAMS)
STREAM_GB = UnitPrice("Kinesis, GB written and read once", 0.08 + 0.04, _STREAMS)
SHARD_HOUR = UnitPrice("Kinesis, shard, hour", 0.015, _STREAMS)
FIREHOSE_GB = UnitPrice("Firehose, GB ingested", 0.029, _FIREHOSE)
PARTITION_GB = UnitPrice("Firehose, dynamic partitioning, GB", 0.02, _FIREHOSE)
PARTITION_OBJECT = UnitPrice("Firehose, dynamic partitioning, object", 0.005 / 1000, _FIREHOSE)
S3_GB = UnitPrice("S3 Standard, GB-month", 0.023, "https://aws.amazon.com/s3/pricing/")
S3_PUT = UnitPrice("S3, PUT request", 0.005 / 1000, "https://aws.amazon.com/s3/pricing/")
ALARM = UnitPrice("CloudWatch alarm, month", 0.10, "https://aws.amazon.com/cloudwatch/pricing/")
SECRET = UnitPrice("Secret, month", 0.40, "https://aws.amazon.com/secrets-manager/pricing/")
KEY = UnitPrice("KMS key, month", 1.00, "https://aws.amazon.com/kms/pricing/")
TRANSITION = UnitPrice(
    "Step Functions, state transition", 0.025 / 1000, "https://aws.amazon.com/step-functions/pricing/"
)
LAMBDA_REQUEST = UnitPrice("Lambda, request", 0.20 / 1e6, "https://aws.amazon.com/lambda/pricing/")
LAMBDA_GB_SECOND = UnitPrice("Lambda, GB-second", 0.0000166667, "https://aws.amazon.com/lambda/pricing/")
VCPU_HOUR = UnitPrice("Fargate, vCPU-hour", 0.04048, _FARGATE)
MEMORY_HOUR = UnitPrice("Fargate, GB-hour", 0.004445, _FARGATE)
BALANCER_HOUR = UnitPrice("Application Load Balancer, hour", 0.0225, _BALANCER)
LCU_HOUR = UnitPrice("Application Load Balancer, LCU-hour", 0.008, _BALANCER)
UNIT_PRICES = (
    *(STREAM_HOUR, STREAM_GB, SHARD_HOUR, FIREHOSE_GB, PARTITION_GB, PARTITION_OBJECT, S3_GB, S3_PUT),
    *(ALARM, SECRET, KEY, TRANSITION, LAMBDA_REQUEST, LAMBDA_GB_SECOND),
    *(VCPU_HOUR, MEMORY_HOUR, BALANCER_HOUR, LCU_HOUR),
)

Bill = Mapping[str, float]  # US dollars a month, by part


def sanitized_snapshots(size_gib: float, instance_class: str, hours: float) -> Bill:
    """A pipeline of a database that runs once a week and keeps three snapshots."""
    share = RUNS_PER_MONTH * hours / HOURS_PER_MONTH
    return {
        "Instance": RUNS_PER_MONTH * hours * (price_per_hour(instance_class, "instance") or 0),
        "Task": RUNS_PER_MONTH * hours * TASK_PER_HOUR,
        "Copy": size_gib * share * (STORAGE_GIB_MONTH + SNAPSHOT_GIB_MONTH),
        "3 snapshots": 3 * size_gib * SNAPSHOT_GIB_MONTH,
        "Secret": SECRET.dollars,
    }


def log_export(gb: float) -> Bill:
    """The export of one account and Region with on-demand capacity, as JSON lines."""
    return {
        "Kinesis": HOURS_PER_MONTH * STREAM_HOUR.dollars + gb * COMPRESSED * STREAM_GB.dollars,
        "Firehose": gb * COMPRESSED * FIREHOSE_GB.dollars
        + gb * PARTITION_GB.dollars
        + OBJECTS_PER_MONTH * PARTITION_OBJECT.dollars,
        "S3, first month": gb * COMPRESSED * S3_GB.dollars + OBJECTS_PER_MONTH * S3_PUT.dollars,
        "Alarms": 8 * ALARM.dollars,
    }


def log_export_small(gb: float) -> Bill:
    """The export without a Kinesis stream. Firehose bills a record of 1 KB, of few events, as 5 KB."""
    records = 5.0
    return {
        "Firehose": gb * COMPRESSED * records * FIREHOSE_GB.dollars,
        "S3, first month": gb * COMPRESSED * S3_GB.dollars + OBJECTS_PER_MONTH * S3_PUT.dollars,
    }


def log_export_member(groups: int) -> Bill:
    """The subscriber, which reads all groups every hour, 50 a page and five pages a second."""
    calls, seconds = HOURS_PER_MONTH, max(1.0, groups / 50 / 5)
    return {"Function": calls * (LAMBDA_REQUEST.dollars + seconds * 0.25 * LAMBDA_GB_SECOND.dollars)}


def replication_buckets(gb: float) -> Bill:
    return {"Key": KEY.dollars, "Storage": gb * S3_GB.dollars}


def rollouts(count: int) -> Bill:
    """The controller: 1,000 transitions a rollout, and a call of half a second each minute."""
    calls = HOURS_PER_MONTH * 60
    return {
        "Step Functions": count * 1000 * TRANSITION.dollars,
        "Function": calls * (LAMBDA_REQUEST.dollars + 0.5 * 0.25 * LAMBDA_GB_SECOND.dollars),
    }


def slipway_app(users: int) -> Bill:
    """One task of 2 vCPU and 4 GB, behind a load balancer that needs one LCU for 50 users."""
    return {
        "Fargate": HOURS_PER_MONTH * (2 * VCPU_HOUR.dollars + 4 * MEMORY_HOUR.dollars),
        "Load balancer": HOURS_PER_MONTH * (BALANCER_HOUR.dollars + users / 50 * LCU_HOUR.dollars),
    }


BILLS: Mapping[str, tuple[str, Mapping[str, Bill]]] = {
    "sanitized-snapshots": (
        "Database, one run per week",
        {
            "20 GB, db.t4g.medium, 1 h": sanitized_snapshots(20, "db.t4g.medium", 1),
            "200 GB, db.m6g.large, 2 h": sanitized_snapshots(200, "db.m6g.large", 2),
            "1 TB, db.r6g.2xlarge, 6 h": sanitized_snapshots(1000, "db.r6g.2xlarge", 6),
        },
    ),
    "log-export": (
        "Logs per month",
        {"10 GB": log_export(10), "100 GB": log_export(100), "1 TB": log_export(1000)},
    ),
    "log-export-small": (
        "Logs per month",
        {"1 GB": log_export_small(1), "10 GB": log_export_small(10), "100 GB": log_export_small(100)},
    ),
    "log-export-member": (
        "Log groups",
        {
            "10": log_export_member(10),
            "1,000": log_export_member(1000),
            "10,000": log_export_member(10_000),
        },
    ),
    "replication-buckets": (
        "Artifacts",
        {
            "1 GB": replication_buckets(1),
            "10 GB": replication_buckets(10),
            "100 GB": replication_buckets(100),
        },
    ),
    "rollouts": ("Rollouts per month", {"1": rollouts(1), "20": rollouts(20), "100": rollouts(100)}),
    "slipway-app": ("Users", {"5": slipway_app(5), "20": slipway_app(20), "50": slipway_app(50)}),
}


def table(template: str) -> str:
    """Return the bill of a template as a table of Markdown."""
    size, bills = BILLS[template]
    parts = list(next(iter(bills.values())))
    lines = [_row([size, *parts, "Sum"]), _row(["---"] * (len(parts) + 2))]
    for name, bill in bills.items():
        lines.append(_row([name, *(_dollars(bill[part]) for part in parts), _dollars(sum(bill.values()))]))
    return "\n".join(lines)


def price_table() -> str:
    """Return the unit prices as a table of Markdown."""
    rows = [_row([price.item, f"${_number(price.dollars)}", f"<{price.page}>"]) for price in UNIT_PRICES]
    return "\n".join([_row(["Unit", "Price", "Source"]), _row(["---"] * 3), *rows])


def _number(dollars: float) -> str:
    return f"{dollars:.10f}".rstrip("0") if dollars < 0.01 else f"{dollars:.5f}".rstrip("0").rstrip(".")


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(*(f"{name}\n\n{table(name)}\n" for name in BILLS), price_table(), sep="\n")
