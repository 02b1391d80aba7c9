"""The datasets that can be searched, and their query engines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from ops.aws.athena import queries as athena
from ops.aws.cloud import Cloud
from ops.errors import AwsError, NotFound, SettingsError, SlipwayError
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Location, Scope
from ops.logs.lake.lines.own import RULES_FILE, load_rules
from ops.logs.lake.store import bucket_of
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.estimate import Estimate, choose

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    from ops.aws.athena.queries import GlueTable
    from ops.logs.engines.athena import AthenaEngine
    from ops.logs.engines.duckdb import DuckDbEngine
    from ops.logs.engines.execution.workers import Workers
    from ops.logs.lake.grouping.memory import PatternMemory
    from ops.logs.lake.lines.rules import Rule
    from ops.logs.services.athena_tables import AthenaTable
    from ops.logs.services.model import DatasetType

GB = 10**9
_ADDRESS = re.compile(r"(?:([^=,]+)=)?(?:([a-z0-9-]+):)?s3://([a-z0-9.-]{3,63})(?:/([^,]*))?")
SEPARATOR = ","  # between the addresses of datasets that are searched together
EXPORTED = "export"  # the type of the datasets of the log export
ALL = "all"  # the address of all configured datasets together


class Dataset:
    """Logs below one S3 prefix, with the query engines for them.

    Create one per process: it holds the cache. DuckDB runs queries in this process, or in `workers`. `type_`
    is the type of logs that the log export did not write; without it, the layout of the keys decides: where
    the export's folders are missing, every dataset that is found is searched. `others` are searched with it.
    """

    def __init__(
        self,
        cloud: Cloud,
        location: Location,
        workers: "Workers | None" = None,
        type_: "DatasetType | None" = None,
        others: "Sequence[Dataset]" = (),
    ) -> None:
        self._workers = workers
        self._cloud = cloud
        self.location = location
        self.type = type_
        self._others = tuple(others)
        self.name: str = SEPARATOR.join([address_of(location, type_), *(other.name for other in others)])

    @cached_property
    def athena(self) -> "AthenaEngine | None":
        """Return the Athena engine if readable Glue tables of this dataset exist, else None.

        Several datasets together have none: each may be in another account or region.
        """
        if self._others:
            return None
        from ops.logs.services.athena_events import is_table_of
        from ops.logs.services.listing import ServiceLister

        def has(table: "GlueTable") -> bool:
            if self.type:
                return is_table_of(self.type, self.location, table)
            return table.location.startswith(str(self.location))

        try:
            target = athena.find_target(self._cloud, self.location.account, self.location.region, has)
        except AwsError:  # without Athena, DuckDB searches the logs
            return None
        if target is None:
            return None
        from ops.logs.engines.athena import AthenaEngine

        lister = self.duckdb.lister
        if not self.type:
            return AthenaEngine(self._cloud, target, lister, self.rules)
        if not isinstance(lister, ServiceLister):
            return None
        return AthenaEngine(self._cloud, target, lister, self.rules, lister)

    @cached_property
    def duckdb(self) -> "DuckDbEngine":
        from ops.logs.engines.duckdb import DuckDbEngine
        from ops.logs.lake.lines.levels import Levels

        settings = self._cloud.settings
        cache = FileCache(settings.data / "logs-cache", settings.logs_cache_gb * GB)
        levels = Levels(self.rules)

        def engine(
            location: Location, type_: "DatasetType | None", others: "Sequence[DuckDbEngine]"
        ) -> DuckDbEngine:
            return DuckDbEngine(
                bucket_of(self._cloud, location),
                location,
                cache,
                concurrency=settings.concurrency,
                levels=levels,
                workers=self._workers,
                type_=type_,
                others=others,
            )

        first, *more = self.found
        others = [engine(*one, ()) for one in more] + [other.duckdb for other in self._others]
        return engine(*first, others)

    @cached_property
    def found(self) -> "list[tuple[Location, DatasetType | None]]":
        """The locations and types of the dataset, from the layout of the keys if no type is given."""
        if self.type:
            return [(self.location, self.type)]
        from ops.logs.services.detection import find_datasets

        location = self.location
        found = find_datasets(bucket_of(self._cloud, location), location)
        if any(one.prefix == location.prefix and one.type is None for one in found) or not found:
            return [(location, None)]
        return [(replace(location, prefix=one.prefix), one.type) for one in found]

    def athena_tables(self) -> "list[AthenaTable]":
        """Return the dataset's Athena tables, as they are to be created. Raises InputError if it has none."""
        from ops.logs.services.athena_tables import tables_of
        from ops.logs.services.flow_logs import field_names
        from ops.logs.services.listing import ServiceLister

        lister = self.duckdb.lister
        if not isinstance(lister, ServiceLister):
            return []
        lister.places()
        layouts = [layout for layout in dict(lister.prefixes) if layout in lister.type.layouts]
        fields, parquet = field_names(lister.sample()) if lister.type.name == "vpc-flow-logs" else ([], False)
        return tables_of(lister.type, self.location, layouts, fields, parquet=parquet)

    @property
    def found_together(self) -> "list[tuple[Location, DatasetType | None]]":
        """`found`, of this dataset and of those that are searched with it."""
        return [*self.found, *(one for other in self._others for one in other.found)]

    @cached_property
    def rules(self) -> "tuple[Rule, ...]":
        """The team's own rules for levels. Raises SettingsError if their file has a mistake."""
        return load_rules(self._cloud.settings.data / RULES_FILE)

    @cached_property
    def patterns(self) -> "PatternMemory":
        """The groups of patterns that were found in this dataset."""
        from ops.logs.lake.grouping.memory import PatternMemory

        name = sha256(self.name.encode()).hexdigest()[:16]
        return PatternMemory(self._cloud.settings.data / "log-patterns" / f"{name}.json")

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
    return [location for location, type_ in configured_datasets(cloud) if type_ is None]


def configured_datasets(cloud: Cloud) -> "list[tuple[Location, DatasetType | None]]":
    """Return the locations and types in the setting `logs`. Raises SettingsError for an invalid address."""
    return [parse_address(cloud, text) for text in cloud.settings.logs]


def open_dataset(cloud: Cloud, address: str = "", workers: "Workers | None" = None) -> Dataset:
    """Return the dataset at the address; the first configured one if it is empty. Raises NotFound.

    Several addresses, separated by commas, or `all` for all that are configured, are searched together.
    """
    configured = configured_datasets(cloud)
    if not configured and address in ("", ALL):
        raise NotFound(
            "No exported logs are configured.",
            hint='Add their bucket to slipway.toml: logs = ["s3://BUCKET/PREFIX"].',
        )
    if address == ALL:
        chosen = configured
    elif address:
        known = {address_of(*one): one for one in configured}
        texts = [text.strip() for text in address.split(SEPARATOR)]
        chosen = [known.get(text) or parse_address(cloud, text) for text in texts]
    else:
        chosen = configured[:1]
    first, *others = [Dataset(cloud, location, workers, type_) for location, type_ in chosen]
    return Dataset(cloud, first.location, workers, first.type, others) if others else first


@dataclass(frozen=True)
class KnownDataset:
    """A dataset that can be searched; `unread` says why the place could not be examined."""

    address: str
    type: str = ""
    title: str = ""
    unread: str = ""


def list_datasets(cloud: Cloud, address: str = "") -> list[KnownDataset]:
    """Return the datasets at the address, or at every configured one, from the layout of their keys."""
    places = [parse_address(cloud, address)] if address else configured_datasets(cloud)
    known: list[KnownDataset] = []
    for location, type_ in places:
        try:
            found = Dataset(cloud, location, type_=type_).found
        except SlipwayError as error:
            known.append(KnownDataset(address_of(location, type_), unread=f"{error} {error.hint}".strip()))
            continue
        known += [
            KnownDataset(address_of(*one), one[1].name, one[1].title)
            if one[1]
            else KnownDataset(address_of(one[0]), EXPORTED, "Log export")
            for one in found
        ]
    return known


def address_of(location: Location, type_: "DatasetType | None" = None) -> str:
    """Return `s3://BUCKET/PREFIX/`, or `TYPE:s3://BUCKET/PREFIX/`."""
    return f"{type_.name}:{location}" if type_ else str(location)


def location_of(cloud: Cloud, text: str) -> Location:
    """Parse the location in an address of a dataset. Raises SettingsError."""
    return parse_address(cloud, text)[0]


def parse_address(cloud: Cloud, text: str) -> "tuple[Location, DatasetType | None]":
    """Parse `s3://BUCKET/PREFIX`, with `TYPE:` or `ACCOUNT=` before it, or both. Raises SettingsError."""
    match = _ADDRESS.fullmatch(text.strip())
    if not match:
        raise SettingsError(
            f"{text!r} is not the address of exported logs.",
            hint="Use s3://BUCKET/PREFIX, TYPE:s3://BUCKET/PREFIX, or ACCOUNT=s3://BUCKET/PREFIX.",
        )
    account = cloud.account(match[1].strip()).id if match[1] else ""
    return Location(match[3], match[4] or "", account), _type_of(match[2]) if match[2] else None


def _type_of(name: str) -> "DatasetType":
    from ops.logs.services.table import BY_NAME

    if name not in BY_NAME:
        close = get_close_matches(name, BY_NAME, 1)
        raise SettingsError(
            f"There is no dataset type {name!r}.",
            hint=f"Did you mean {close[0]}?" if close else f"Use one of: {', '.join(BY_NAME)}.",
        )
    return BY_NAME[name]
