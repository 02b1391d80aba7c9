"""The known exports: those deployed in the configured accounts, and the buckets named in the settings."""

from collections.abc import Iterable
from dataclasses import dataclass

from ops.aws.cloud import Cloud
from ops.errors import InputError, NotFound
from ops.logs.datasets import configured_locations
from ops.logs.export.installed import Export, find_exports
from ops.logs.export.replay import Stream
from ops.logs.lake.layout import Location


@dataclass(frozen=True)
class KnownExport:
    """A deployed export with its bucket, or a configured bucket whose export stack was not found."""

    export: Export | None = None
    location: Location | None = None

    @property
    def stream(self) -> Stream | None:
        """The Kinesis stream to which failed records are replayed."""
        if self.export is None or self.location is None:
            return None
        name = self.export.stack.outputs.get("Stream", "").rpartition("/")[2]
        return Stream(name, self.location.account, self.location.region) if name else None


def list_known_exports(cloud: Cloud, exports: Iterable[Export]) -> list[KnownExport]:
    """Return the central exports, then the configured prefixes of buckets that none of them writes to.

    An adopted export has two: the older objects stay below the prefix of the earlier one.
    """
    deployed = [KnownExport(export, export.location) for export in exports if export.central]
    written = {(known.location.bucket, known.location.prefix) for known in deployed if known.location}
    return deployed + [
        KnownExport(location=_with_defaults(cloud, location))
        for location in configured_locations(cloud)
        if (location.bucket, location.prefix) not in written
    ]


def single_known_export(cloud: Cloud) -> tuple[Location, Stream | None]:
    """Return the bucket and stream of the only known export. Raises NotFound, or InputError for several."""
    readings = cloud.read(lambda place: find_exports(cloud, place))
    exports = [export for reading in readings for export in reading.value or ()]
    listed = list_known_exports(cloud, exports)
    written = {known.location.bucket for known in listed if known.export and known.location}
    known = [
        (known.location, known.stream)
        for known in listed
        if known.location and (known.export or known.location.bucket not in written)
    ]
    if not known:
        raise NotFound(
            "No log export was found.", hint="Deploy the log export, or name its bucket with --bucket."
        )
    if len(known) > 1:
        raise InputError(
            f"More than one log export was found: {', '.join(str(location) for location, _ in known)}.",
            field="bucket",
            hint="Specify its bucket, prefix, and account.",
        )
    return known[0]


def _with_defaults(cloud: Cloud, location: Location) -> Location:
    """Return the location with the default account and region where it names none."""
    account = location.account or cloud.account().id
    return Location(location.bucket, location.prefix, account, location.region or cloud.settings.home_region)
