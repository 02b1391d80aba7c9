"""Retention of log groups: storage cost, potential savings, and setting it where the export is verified.

Prices are for us-east-1, in dollars per GB and month. CloudWatch charges for compressed logs, about 0.15 of
their size. https://aws.amazon.com/cloudwatch/pricing/
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from ops.aws.cloud import Cloud
from ops.aws.logs import groups as log_groups
from ops.aws.logs.groups import LogGroup
from ops.errors import InputError
from ops.logs.export.ledger.model import GroupKey, Ledger
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step
from ops.text.confirmations import typed_name

GB = 1 << 30
# Stored logs are charged by their compressed size, about this share of what was ingested: Amazon CloudWatch
# pricing, us-east-1.
PRICE_GB_MONTH = 0.03
STORED_SHARE = 0.15
RETENTION_CHOICES_DAYS = (1, 7, 30)
PROOF_VALIDITY = timedelta(hours=1)

ACTIONS = ("logs:DescribeLogGroups", "logs:PutRetentionPolicy")


@dataclass(frozen=True)
class ExportProof:
    """Whether all events of a group are verified to be in S3, and the reason."""

    proven: bool
    reason: str
    at: datetime


@dataclass(frozen=True)
class RetentionAdvice:
    """Monthly storage cost of a log group in dollars, and savings by retention in days."""

    group: LogGroup
    bytes_per_day: float
    cost: float
    saved: Mapping[int, float]
    proof: ExportProof


def prove_export(
    group: LogGroup, ledger: Ledger, since: datetime | None, backfilled: bool, now: datetime
) -> ExportProof:
    """Verify that all events of a group are in S3, from its first one.

    `since` is when the group was subscribed; `backfilled`, whether all earlier events are exported.
    """
    rows = [row for row in ledger.by_group().get(group.key, []) if not row.pending and not row.partial]
    if since is None:
        reason = "not exported"
    elif any(row.missing for row in rows):
        reason = f"{sum(row.missing for row in rows):,} events are missing in the bucket"
    elif any(row.unread for row in rows):
        reason = "not all objects of the bucket could be read"
    elif any(row.failed for row in rows):
        reason = f"{sum(row.failed for row in rows):,} events failed: replay them first"
    elif not rows:
        reason = "the ledger has no complete hour yet"
    elif group.created < since and not backfilled:
        reason = "events from before the subscription are not backfilled"
    else:
        return ExportProof(True, f"complete in all {len(rows):,} checked hours", now)
    return ExportProof(False, reason, now)


def advise_retention(
    groups: Sequence[LogGroup],
    bytes_per_day: Mapping[GroupKey, float],
    proofs: Mapping[GroupKey, ExportProof],
) -> list[RetentionAdvice]:
    """Return advice for each group whose events never expire, the most expensive first."""
    advice = [
        _advice(group, bytes_per_day.get(group.key, 0.0), proofs[group.key])
        for group in groups
        if group.retention_days is None
    ]
    return sorted(advice, key=lambda item: (-item.cost, item.group.name))


def _advice(group: LogGroup, bytes_per_day: float, proof: ExportProof) -> RetentionAdvice:
    cost = monthly_cost(group.stored_bytes)
    saved = {
        days: max(0.0, cost - monthly_cost(min(group.stored_bytes, bytes_per_day * days)))
        for days in RETENTION_CHOICES_DAYS
    }
    return RetentionAdvice(group, bytes_per_day, cost, saved, proof)


def monthly_cost(stored_bytes: float) -> float:
    """Return the storage cost in dollars per month."""
    return stored_bytes / GB * STORED_SHARE * PRICE_GB_MONTH


def plan_retention(
    cloud: Cloud, selected: Sequence[RetentionAdvice], days: int, clock: Callable[[], datetime]
) -> Plan:
    """Plan to set the retention of log groups. CloudWatch deletes older events permanently.

    Raises InputError for a group whose export is not verified, and for a retention that CloudWatch does not
    support.
    """
    if days not in log_groups.RETENTION_DAYS:
        allowed = ", ".join(map(str, log_groups.RETENTION_DAYS))
        raise InputError(
            f"CloudWatch does not support a retention of {days} days.",
            field="days",
            hint=f"Use one of {allowed}.",
        )
    if not selected:
        raise InputError("No log groups are selected.", field="groups", hint="Select at least one.")
    for item in selected:
        if not item.proof.proven:
            raise InputError(
                f"Cannot set the retention of {item.group.name}: {item.proof.reason}.",
                field="groups",
                hint="Retention can be set once the ledger verifies that every event is in S3.",
            )
    count = f"{len(selected)} log group{'s' if len(selected) > 1 else ''}"
    return Plan(
        title=f"Set the retention of {count} to {days} day{'s' if days > 1 else ''}",
        steps=tuple(_step(cloud, item, days, clock) for item in selected),
        operation=Operation.SET_RETENTION,
        confirm=typed_name([item.group.name for item in selected], "log group"),
    )


def _step(cloud: Cloud, advice: RetentionAdvice, days: int, clock: Callable[[], datetime]) -> Step[None]:
    group = advice.group
    place = group.place
    return Step(
        id="/".join(group.key),
        does=f"Set the retention of {group.name} to {days} days; older events are deleted",
        resource=Resource("AWS::Logs::LogGroup", group.name, place.account.id, place.region),
        parameters={"retention_days": str(days), "before": str(group.retention_days or "never expire")},
        evidence=f"events never expire; export {advice.proof.reason}",
        actions=ACTIONS,
        check=partial(_check, cloud, advice, days, clock),
        act=lambda say: log_groups.set_retention(cloud, place, group.name, days),
        destructive=True,
    )


def _check(cloud: Cloud, advice: RetentionAdvice, days: int, clock: Callable[[], datetime]) -> Check:
    group = advice.group
    now = log_groups.retention_of(cloud, group.place, group.name)
    if now == days:
        return Check(Readiness.DONE, "already set")
    if now != group.retention_days:
        return Check(
            Readiness.CHANGED, f"its retention has changed to {f'{now} days' if now else 'never expire'}"
        )
    if clock() - advice.proof.at > PROOF_VALIDITY:
        return Check(Readiness.CHANGED, "the verification is over an hour old: refresh the ledger and retry")
    return READY
