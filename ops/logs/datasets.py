"""The exported logs that can be searched, and the engines that read them."""

import re
from functools import cached_property

from ops.aws import athena
from ops.aws.cloud import Cloud
from ops.aws.s3.objects import Bucket
from ops.errors import AwsError, NotFound, SettingsError
from ops.logs.engines.athena import AthenaEngine
from ops.logs.engines.duckdb import DuckDbEngine
from ops.logs.engines.estimate import Estimate, estimate
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, Scope

GB = 10**9
_ADDRESS = re.compile(r"(?:([^=]+)=)?s3://([a-z0-9.-]{3,63})(?:/(.*))?")


class Dataset:
    """Exported logs in one place, with the engines that read them. One a process: it holds the cache."""

    def __init__(self, cloud: Cloud, location: Location) -> None:
        self._cloud = cloud
        self.location = location
        self.name = str(location)

    @cached_property
    def athena(self) -> AthenaEngine | None:
        """Athena where tables of this dataset are found that may be read; else None."""
        try:
            place = athena.find_place(self._cloud, self.location.account, self.location.region, self.name)
        except AwsError:  # the logs are searched with DuckDB then
            return None
        return AthenaEngine(self._cloud, place) if place else None

    @cached_property
    def duckdb(self) -> DuckDbEngine:
        settings = self._cloud.settings
        where = self.location
        cache = FileCache(settings.data / "logs-cache", settings.logs_cache_gb * GB)
        store = Bucket(self._cloud, where.bucket, where.account, where.region)
        return DuckDbEngine(store, where, cache, concurrency=settings.concurrency)

    def engine(self, name: str) -> DuckDbEngine | AthenaEngine:
        """Raises NotFound for Athena where none is deployed."""
        if name != "athena":
            return self.duckdb
        if self.athena is None:
            raise NotFound(
                f"No Athena is known for {self.name}.", hint="Choose DuckDB, or deploy the log export."
            )
        return self.athena

    def estimate(self, scope: Scope, wanted: str = "auto") -> Estimate:
        """What a query over the scope would read, take and cost, and which engine `wanted` comes to."""
        listing = self.duckdb.list(scope)
        limit = self.athena.scan_limit() if self.athena else 0
        return estimate(listing, athena=self.athena is not None, wanted=wanted, limit_bytes=limit)


def known(cloud: Cloud) -> list[Location]:
    """What the settings name. Raises SettingsError for what is no address."""
    return [location_of(cloud, text) for text in cloud.settings.logs]


def open_dataset(cloud: Cloud, wanted: str = "") -> Dataset:
    """The dataset of that address, known or not; the first known one for an empty one. Raises NotFound."""
    found = known(cloud)
    if not wanted and not found:
        raise NotFound(
            "No exported logs are known.",
            hint='Name their bucket in slipway.toml: logs = ["s3://BUCKET/PREFIX"].',
        )
    return Dataset(
        cloud, next((one for one in found if wanted in ("", str(one))), None) or location_of(cloud, wanted)
    )


def location_of(cloud: Cloud, text: str) -> Location:
    """The location that `s3://BUCKET/PREFIX` or `ACCOUNT=s3://BUCKET/PREFIX` names."""
    match = _ADDRESS.fullmatch(text.strip())
    if not match:
        raise SettingsError(
            f"{text!r} is no place of exported logs.",
            hint="Write s3://BUCKET/PREFIX, or ACCOUNT=s3://BUCKET/PREFIX.",
        )
    account = cloud.account(match[1].strip()).id if match[1] else ""
    return Location(match[2], match[3] or "", account)
