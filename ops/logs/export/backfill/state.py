"""The progress of a log group's backfill: one small object per group, written after each window."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from urllib.parse import quote

from ops.aws.s3.objects import Bucket
from ops.logs.export.ledger.model import GroupKey
from ops.logs.lake.layout import Location

STATE_FOLDER = "backfill/state/"
STAGING_FOLDER = "backfill/staged/"


@dataclass(frozen=True)
class BackfillState:
    """Times in ISO format, UTC. Events before `until` are exported; `cut` is the time of the subscription."""

    account: str
    region: str
    group: str
    start: str
    cut: str
    until: str
    events: int = 0
    complete: bool = False
    task: str = ""  # an export task whose objects are not imported yet

    @property
    def share(self) -> float:
        """The completed fraction of the time range, from 0 to 1."""
        if self.complete:
            return 1.0
        start, cut, until = (datetime.fromisoformat(time) for time in (self.start, self.cut, self.until))
        return max(0.0, min(1.0, (until - start) / (cut - start))) if cut > start else 0.0

    def advanced(self, until: datetime, events: int) -> "BackfillState":
        return replace(self, until=until.isoformat(), events=self.events + events)


def key_of(location: Location, group: GroupKey) -> str:
    account, region, name = group
    return f"{location.prefix}{STATE_FOLDER}{account}/{region}/{quote(name, safe='')}.json"


def load(bucket: Bucket, location: Location, group: GroupKey) -> BackfillState | None:
    body = bucket.find(key_of(location, group))
    return BackfillState(**json.loads(body)) if body else None


def save(bucket: Bucket, location: Location, state: BackfillState) -> None:
    key = key_of(location, (state.account, state.region, state.group))
    bucket.put(key, json.dumps(asdict(state), indent=1).encode())


def load_all(bucket: Bucket, location: Location) -> list[BackfillState]:
    """Return the state of every group, by account, region, and name."""
    states = []
    for entry in bucket.list(f"{location.prefix}{STATE_FOLDER}"):
        if body := bucket.find(entry.key):
            states.append(BackfillState(**json.loads(body)))
    return states
