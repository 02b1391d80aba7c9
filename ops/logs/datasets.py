"""The datasets of exported logs that can be searched, and their query engines."""

import re
from functools import cached_property
from typing import TYPE_CHECKING

from ops.aws.athena import queries as athena
from ops.aws.cloud import Cloud
from ops.errors import AwsError, NotFound, SettingsError
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, Scope
from ops.logs.lake.lines.own import RULES_FILE, load_rules
from ops.logs.lake.store import bucket_of
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.estimate import Estimate, choose

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    from ops.logs.engines.athena import AthenaEngine
    from ops.logs.engines.duckdb import DuckDbEngine
    from ops.logs.lake.lines.rules import Rule

GB = 10**9
_ADDRESS = re.compile(r"(?:([^=]+)=)?s3://([a-z0-9.-]{3,63})(?:/(.*))?")


class Dataset:
    """Exported logs below one S3 prefix, with the query engines for them.

    Create one per process: it holds the cache.
    """

    def __init__(self, cloud: Cloud, location: Location) -> None:
        self._cloud = cloud
        self.location = location
        self.name = str(location)

    @cached_property
    def athena(self) -> "AthenaEngine | None":
        """Return the Athena engine if readable Glue tables of this dataset exist, else None."""
        try:
            target = athena.find_target(self._cloud, self.location.account, self.location.region, self.name)
        except AwsError:  # without Athena, DuckDB searches the logs
            return None
        if target is None:
            return None
        from ops.logs.engines.athena import AthenaEngine

        return AthenaEngine(self._cloud, target, self.duckdb.lister, self.rules)

    @cached_property
    def duckdb(self) -> "DuckDbEngine":
        from ops.logs.engines.duckdb import DuckDbEngine
        from ops.logs.lake.lines.levels import Levels

        settings = self._cloud.settings
        location = self.location
        cache = FileCache(settings.data / "logs-cache", settings.logs_cache_gb * GB)
        store = bucket_of(self._cloud, location)
        levels = Levels(self.rules)
        return DuckDbEngine(store, location, cache, concurrency=settings.concurrency, levels=levels)

    @cached_property
    def rules(self) -> "tuple[Rule, ...]":
        """The team's own rules for levels. Raises SettingsError if their file has a mistake."""
        return load_rules(self._cloud.settings.data / RULES_FILE)

    def engine(self, name: str) -> QueryEngine:
        """Return the engine of that name. Raises NotFound for Athena if the dataset has no Athena tables."""
        if name != "athena":
            return self.duckdb
        if self.athena is None:
            raise NotFound(
                f"Athena has no tables for {self.name}.", hint="Choose DuckDB, or deploy the log export."
            )
        return self.athena

    def estimate(self, scope: Scope, engine: str = "auto") -> Estimate:
        """Estimate the data, time, and cost of a query over the scope, and resolve the engine `auto`."""
        remote = self.athena.estimate(scope) if self.athena else None
        limit = self.athena.scan_limit() if self.athena else 0
        return choose(self.duckdb.estimate(scope), remote, engine=engine, limit_bytes=limit)


def configured_locations(cloud: Cloud) -> list[Location]:
    """Return the locations in the setting `logs`. Raises SettingsError for an invalid address."""
    return [location_of(cloud, text) for text in cloud.settings.logs]


def open_dataset(cloud: Cloud, address: str = "") -> Dataset:
    """Return the dataset at the address; the first configured one if it is empty. Raises NotFound."""
    locations = configured_locations(cloud)
    if not address and not locations:
        raise NotFound(
            "No exported logs are configured.",
            hint='Add their bucket to slipway.toml: logs = ["s3://BUCKET/PREFIX"].',
        )
    configured = next((location for location in locations if address in ("", str(location))), None)
    return Dataset(cloud, configured or location_of(cloud, address))


def location_of(cloud: Cloud, text: str) -> Location:
    """Parse `s3://BUCKET/PREFIX` or `ACCOUNT=s3://BUCKET/PREFIX`. Raises SettingsError."""
    match = _ADDRESS.fullmatch(text.strip())
    if not match:
        raise SettingsError(
            f"{text!r} is not the address of exported logs.",
            hint="Use s3://BUCKET/PREFIX or ACCOUNT=s3://BUCKET/PREFIX.",
        )
    account = cloud.account(match[1].strip()).id if match[1] else ""
    return Location(match[2], match[3] or "", account)
