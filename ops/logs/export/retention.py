"""The retention advisor: what keeping logs costs, what would be saved, setting it where the export is proven.

Prices are those of us-east-1, in dollars a GB and month; logs are charged as they are stored, compressed to
about 0.15 of their size. https://aws.amazon.com/cloudwatch/pricing/
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

GB = 1 << 30
PRICE_GB_MONTH = 0.03
STORED_SHARE = 0.15
RETENTION_CHOICES_DAYS = (1, 7, 30)
PROOF_VALIDITY = timedelta(hours=1)  # for how long a proof counts

ACTIONS = ("logs:DescribeLogGroups", "logs:PutRetentionPolicy")


@dataclass(frozen=True)
class ExportProof:
    """Whether a group's events are proven to be in S3, and why not."""

    proven: bool
    reason: str
    at: datetime


@dataclass(frozen=True)
class RetentionAdvice:
    """One log group: what it costs a month in dollars, and what it would cost less at 1, 7 and 30 days."""

    group: LogGroup
    bytes_per_day: float
    cost: float
    saved: Mapping[int, float]
    proof: ExportProof


def prove_export(
    group: LogGroup, ledger: Ledger, since: datetime | None, backfilled: bool, now: datetime
) -> ExportProof:
    """Proven is a group whose ledger is complete, from its first event on.

    `since` is when its subscription began, `backfilled` whether what is older has been fetched to the end.
    """
    rows = [row for row in ledger.by_group().get(group.key, []) if not row.pending and not row.partial]
    if since is None:
        reason = "it is not exported"
    elif any(row.missing for row in rows):
        reason = f"{sum(row.missing for row in rows):,} events are missing in the export"
    elif any(row.failed for row in rows):
        reason = f"{sum(row.failed for row in rows):,} events lie under the error prefix: replay them first"
    elif not rows:
        reason = "the ledger has no complete hour of it yet"
    elif group.created < since and not backfilled:
        reason = "what is older than its subscription is not backfilled"
    else:
        return ExportProof(True, f"complete in all {len(rows):,} judged hours", now)
    return ExportProof(False, reason, now)


def advise_retention(
    groups: Sequence[LogGroup], bytes_a_day: Mapping[GroupKey, float], proofs: Mapping[GroupKey, ExportProof]
) -> list[RetentionAdvice]:
    """Every group that keeps logs for ever, the dearest first."""
    advice = [
        _advice(group, bytes_a_day.get(group.key, 0.0), proofs[group.key])
        for group in groups
        if group.retention_days is None
    ]
    return sorted(advice, key=lambda item: (-item.cost, item.group.name))


def _advice(group: LogGroup, bytes_a_day: float, proof: ExportProof) -> RetentionAdvice:
    cost = monthly_cost(group.stored_bytes)
    saved = {
        days: max(0.0, cost - monthly_cost(min(group.stored_bytes, bytes_a_day * days)))
        for days in RETENTION_CHOICES_DAYS
    }
    return RetentionAdvice(group, bytes_a_day, cost, saved, proof)


def monthly_cost(stored_bytes: float) -> float:
    """Dollars a month for so many bytes of events."""
    return stored_bytes / GB * STORED_SHARE * PRICE_GB_MONTH


def plan_retention(
    cloud: Cloud, selected: Sequence[RetentionAdvice], days: int, clock: Callable[[], datetime]
) -> Plan:
    """Keeps the chosen groups' events for `days`; what is older is deleted by CloudWatch, for good.

    Raises InputError for a group that is not proven, for a proof that is too old, and for days that
    CloudWatch does not know.
    """
    if days not in log_groups.RETENTION_DAYS:
        allowed = ", ".join(map(str, log_groups.RETENTION_DAYS))
        raise InputError(
            f"CloudWatch keeps no logs for {days} days.", field="days", hint=f"Choose of {allowed}."
        )
    if not selected:
        raise InputError("No log group was chosen.", field="groups")
    for item in selected:
        if not item.proof.proven:
            raise InputError(
                f"{item.group.name} keeps its logs: {item.proof.reason}.",
                field="groups",
                hint="Retention is set only where the ledger proves that every event is in S3.",
            )
    count = f"{len(selected)} log group{'s' if len(selected) > 1 else ''}"
    return Plan(
        title=f"Keep the logs of {count} for {days} day{'s' if days > 1 else ''}",
        steps=tuple(_step(cloud, item, days, clock) for item in selected),
        operation=Operation.SET_RETENTION,
        confirm=f"delete logs older than {days} days",
    )


def _step(cloud: Cloud, advice: RetentionAdvice, days: int, clock: Callable[[], datetime]) -> Step:
    group = advice.group
    place = group.place
    return Step(
        id="/".join(group.key),
        does=f"Keep the events of {group.name} for {days} days, delete older ones",
        resource=Resource("AWS::Logs::LogGroup", group.name, place.account.id, place.region),
        parameters={"retention_days": str(days), "before": str(group.retention_days or "for ever")},
        evidence=f"kept for ever, export {advice.proof.reason}",
        actions=ACTIONS,
        check=partial(_check, cloud, advice, days, clock),
        act=lambda say: log_groups.set_retention(cloud, place, group.name, days),
        destructive=True,
    )


def _check(cloud: Cloud, advice: RetentionAdvice, days: int, clock: Callable[[], datetime]) -> Check:
    group = advice.group
    now = log_groups.retention_of(cloud, group.place, group.name)
    if now == days:
        return Check(Readiness.DONE, "set already")
    if now != group.retention_days:
        return Check(Readiness.CHANGED, f"its retention is {now} days meanwhile")
    if clock() - advice.proof.at > PROOF_VALIDITY:
        return Check(Readiness.CHANGED, "the proof is older than an hour: reckon the ledger again")
    return READY
