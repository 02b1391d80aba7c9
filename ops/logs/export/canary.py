"""The canary of each account and region: when it last arrived in the bucket, and whether it stopped.

The subscriber of each stack writes a canary every 30 minutes. The processor gives canaries a folder of their
own in the bucket, so that their effect can be seen without reading other events.
"""

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ops.aws.cloud import Cloud
from ops.errors import SlipwayError
from ops.logs.lake.layout import Location
from ops.logs.lake.store import ObjectStore, bucket_of
from ops.templates.logs.subscriber import CANARY_FOLDER

STOPPED_AFTER = timedelta(minutes=90)  # written every 30 minutes, delivered within another 30
FORGOTTEN_AFTER = timedelta(days=7)
_WRITTEN = re.compile(rb'\\?"at\\?": ?\\?"([0-9T:+-]{25})\\?"')  # in an event of any format


class CanaryState(StrEnum):
    ARRIVING = "arriving"
    STOPPED = "stopped"
    NOT_READ = "not read"


@dataclass(frozen=True)
class Canary:
    """The newest canary of an account and region that is in the bucket; `written` is None if not read."""

    account: str
    region: str
    written: datetime | None
    error: str = ""

    def state(self, now: datetime) -> CanaryState:
        if self.written is None:
            return CanaryState.NOT_READ
        return CanaryState.STOPPED if now - self.written > STOPPED_AFTER else CanaryState.ARRIVING


@dataclass(frozen=True)
class Canaries:
    """The canaries of a bucket. `error` says why the list itself could not be read."""

    found: tuple[Canary, ...] = ()
    error: str = ""

    def of(self, account: str, region: str) -> Canary | None:
        """Return the canary; None if none arrived in the last week."""
        if self.error:
            return Canary(account, region, None, self.error)
        return next((each for each in self.found if (each.account, each.region) == (account, region)), None)

    def in_state(self, state: CanaryState, now: datetime) -> list[Canary]:
        return [each for each in self.found if each.state(now) is state]


def read_canaries(cloud: Cloud, location: Location, now: datetime) -> Canaries:
    """Find the newest canary of each account and region. Errors are part of the result."""
    return find_canaries(bucket_of(cloud, location), location, now)


def find_canaries(store: ObjectStore, location: Location, now: datetime) -> Canaries:
    root = f"{location.prefix}{CANARY_FOLDER}"
    try:
        places = [
            (account, region)
            for account in store.folders(root)
            for region in store.folders(f"{root}{account}/")
        ]
    except SlipwayError as error:
        return Canaries(error=str(error))
    found = (_find(store, root, account, region, now) for account, region in places)
    return Canaries(tuple(canary for canary in found if canary))


def _find(store: ObjectStore, root: str, account: str, region: str, now: datetime) -> Canary | None:
    folder = f"{root}{account}/{region}/"
    ids = account.partition("=")[2], region.partition("=")[2]
    try:
        after = f"{folder}date={now - FORGOTTEN_AFTER:%Y-%m-%d}/"
        keys = [entry.key for entry in store.list(folder, after)]
        newest = [key for key in keys if key.rpartition("/")[0] == keys[-1].rpartition("/")[0]]
        written = _newest(store.read(key) for key in newest)
    except (SlipwayError, OSError, EOFError) as error:
        return Canary(*ids, None, str(error))
    if not keys:
        return None
    return Canary(*ids, written, "" if written else f"no canary is in {newest[-1]}")


def _newest(bodies: Iterable[bytes]) -> datetime | None:
    """Return the newest time that a canary in one of the objects was written."""
    times = [
        datetime.fromisoformat(match.decode()).astimezone(UTC)
        for body in bodies
        for match in _WRITTEN.findall(gzip.decompress(body))
    ]
    return max(times, default=None)
