"""Whether events of a subscribed log group arrive in the bucket: what was seen, not what is configured.

A verdict that needs something that was not read is NOT_READ. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ops.logs.export.canary import Canaries, CanaryState
from ops.logs.export.coverage.last_events import LastEvents
from ops.logs.export.coverage.verdicts import CoverageState, GroupCoverage
from ops.logs.export.ledger.model import DELIVERY_DELAY
from ops.logs.lake.layout import HOUR
from ops.templates.logs.subscriber import CANARY_GROUPS

FIRST_CANARY = timedelta(hours=2)  # after the subscription, at the latest
CONFIGURED = (CoverageState.SUBSCRIBED, CoverageState.NOT_DELIVERED)


class Seen(StrEnum):
    """What was seen of a log group in the bucket in the last 24 hours."""

    ARRIVING = "arriving"
    IN_TRANSIT = "in transit"  # the delivery delay of the first events has not passed
    IDLE = "idle"  # no event came in
    NOT_ARRIVING = "not arriving"  # events came in, and none arrived
    NOT_READ = "not read"
    NOT_CONFIGURED = ""


@dataclass(frozen=True)
class Sight:
    """What was seen of a log group: the time of its newest event in the bucket, and the reason otherwise."""

    state: Seen
    at: datetime | None = None
    reason: str = ""


def judge_seen(covered: GroupCoverage, last: LastEvents | None, canaries: Canaries, now: datetime) -> Sight:
    """Return what was seen of the group; `last` is None if the bucket was not read."""
    if covered.state not in CONFIGURED:
        return Sight(Seen.NOT_CONFIGURED)
    if covered.group.name.startswith(CANARY_GROUPS):
        sight = _canary(covered, canaries, now)
        if sight.state is not Seen.NOT_ARRIVING or canaries.found:
            return sight
        # Without a processor, the canary is among the other events.
    if last is None:
        return Sight(Seen.NOT_READ, reason="the bucket was not read")
    if at := last.by_group.get(covered.group.key):
        return Sight(Seen.ARRIVING, at)
    if last.unread:
        return Sight(Seen.NOT_READ, reason=f"some objects of the bucket could not be read: {last.unread[0]}")
    hours = covered.ingested_hours
    if hours is None:
        return Sight(Seen.NOT_READ, reason="the metrics of the log group could not be read")
    return _without_event(covered, hours, last, now)


def _without_event(
    covered: GroupCoverage, hours: Sequence[datetime], last: LastEvents, now: datetime
) -> Sight:
    """Judge a group that has no event in what was read, which is everything since `last.since`."""
    whole = [hour for hour in hours if covered.since is None or hour >= covered.since]
    due = [hour for hour in whole if hour + HOUR + DELIVERY_DELAY <= now]
    read = [hour for hour in due if hour >= last.since]
    if read:
        reason = f"events came in at {read[0]:%Y-%m-%d %H:%M} UTC or later, and none arrived in the bucket"
        return Sight(Seen.NOT_ARRIVING, reason=reason)
    if due:
        return Sight(Seen.NOT_READ, reason=f"the bucket was only read from {last.since:%H:%M} UTC")
    return Sight(Seen.IN_TRANSIT if hours else Seen.IDLE)


def _canary(covered: GroupCoverage, canaries: Canaries, now: datetime) -> Sight:
    place = covered.group.place
    canary = canaries.of(place.account.id, place.region)
    if canary is None:
        waits = now - (covered.since or covered.group.created) < FIRST_CANARY
        return Sight(Seen.IN_TRANSIT if waits else Seen.NOT_ARRIVING, reason="no canary is in the bucket")
    if canary.written is None:
        return Sight(Seen.NOT_READ, reason=canary.error)
    stopped = canary.state(now) is CanaryState.STOPPED
    reason = f"the last canary is of {canary.written:%Y-%m-%d %H:%M} UTC" if stopped else ""
    return Sight(Seen.NOT_ARRIVING if stopped else Seen.ARRIVING, canary.written, reason)
