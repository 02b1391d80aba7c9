"""How far the backfill of a log group is: one small object a group, written after each window."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from urllib.parse import quote

from ops.aws.s3.log_bucket import LogBucket
from ops.logs.export.ledger.model import Group
from ops.logs.lake.layout import Location

STATE = "backfill/state/"
STAGED = "backfill/staged/"


@dataclass(frozen=True)
class State:
    """Times in ISO form, UTC. `until` is how far it has come, `cut` where the stream takes over."""

    account: str
    region: str
    group: str
    start: str
    cut: str
    until: str
    events: int = 0
    complete: bool = False
    task: str = ""  # an export task whose objects are not taken over yet

    @property
    def share(self) -> float:
        """From 0 to 1: how much of the time is done."""
        if self.complete:
            return 1.0
        start, cut, until = (datetime.fromisoformat(each) for each in (self.start, self.cut, self.until))
        return max(0.0, min(1.0, (until - start) / (cut - start))) if cut > start else 0.0

    def moved(self, until: datetime, events: int) -> "State":
        return replace(self, until=until.isoformat(), events=self.events + events)


def key_of(location: Location, group: Group) -> str:
    account, region, name = group
    return f"{location.prefix}{STATE}{account}/{region}/{quote(name, safe='')}.json"


def load(bucket: LogBucket, location: Location, group: Group) -> State | None:
    body = bucket.read(key_of(location, group))
    return State(**json.loads(body)) if body else None


def save(bucket: LogBucket, location: Location, state: State) -> None:
    key = key_of(location, (state.account, state.region, state.group))
    bucket.write(key, json.dumps(asdict(state), indent=1).encode())


def load_all(bucket: LogBucket, location: Location) -> list[State]:
    """Every group's state, by account, region and name."""
    found = []
    for key in bucket.keys(f"{location.prefix}{STATE}"):
        if body := bucket.read(key):
            found.append(State(**json.loads(body)))
    return found
