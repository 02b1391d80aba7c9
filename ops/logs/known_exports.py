"""Which exported logs there are: of a deployed export, or in a bucket that the settings name."""

from collections.abc import Iterable
from dataclasses import dataclass

from ops.aws.cloud import Cloud
from ops.errors import InputError, NotFound
from ops.logs.datasets import known
from ops.logs.export.installed import Export, find_exports
from ops.logs.export.replay import Stream
from ops.logs.lake.layout import Location


@dataclass(frozen=True)
class KnownExport:
    """An export with its bucket, or a bucket whose pipeline is not among the accounts, or nothing."""

    export: Export | None = None
    location: Location | None = None

    @property
    def stream(self) -> Stream | None:
        """Where failed records are put back to."""
        if self.export is None or self.location is None:
            return None
        name = self.export.stack.outputs.get("Stream", "").rpartition("/")[2]
        return Stream(name, self.location.account, self.location.region) if name else None


def list_known(cloud: Cloud, exports: Iterable[Export]) -> list[KnownExport]:
    """The central ones of these, then the buckets of the settings that are none of theirs."""
    found = [KnownExport(each, each.location) for each in exports if each.central]
    taken = {each.location.bucket for each in found if each.location}
    return found + [
        KnownExport(location=_placed(cloud, each)) for each in known(cloud) if each.bucket not in taken
    ]


def only_known(cloud: Cloud) -> tuple[Location, Stream | None]:
    """Bucket and stream of the only one that there is. Raises NotFound for none, InputError for several."""
    readings = cloud.read(lambda place: find_exports(cloud, place))
    exports = [export for reading in readings for export in reading.value or ()]
    found = [(each.location, each.stream) for each in list_known(cloud, exports) if each.location]
    if not found:
        raise NotFound(
            "No exported logs are known.", hint="Deploy the export, or name its bucket with --bucket."
        )
    if len(found) > 1:
        raise InputError(
            f"There are several exports: {', '.join(str(location) for location, _ in found)}.",
            field="bucket",
            hint="Say which is meant: its bucket, prefix and account.",
        )
    return found[0]


def _placed(cloud: Cloud, location: Location) -> Location:
    """With the account and region that are meant where none is named."""
    account = location.account or cloud.account().id
    return Location(location.bucket, location.prefix, account, location.region or cloud.settings.home_region)
