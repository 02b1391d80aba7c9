"""Which datasets are below an S3 prefix, from the layout of the keys."""

from dataclasses import dataclass
from itertools import islice

from ops.aws.s3.objects import ListedObject
from ops.logs.lake.gzipped import inflate, is_gzip
from ops.logs.lake.layout import Location, LogFormat, parse
from ops.logs.lake.listing import Lister
from ops.logs.lake.raw_lines import begins_with_event
from ops.logs.lake.store import ObjectStore
from ops.logs.services import keys
from ops.logs.services.model import DatasetType
from ops.logs.services.table import BY_NAME, TYPES

SAMPLE = 100  # objects at the start of a prefix
MOST_FOLDERS = 50  # in which a dataset is searched


@dataclass(frozen=True)
class FoundDataset:
    """A dataset below `prefix`; without a type, it is one of the log export."""

    prefix: str
    type: DatasetType | None


def find_datasets(store: ObjectStore, location: Location) -> list[FoundDataset]:
    """Return the datasets at the location, and those in the folders directly below it."""
    root = location.prefix
    if found := _at(store, location):
        return found
    for name in islice(store.folders(root), MOST_FOLDERS):
        if name not in keys.ROOTS:
            found += _at(
                store, Location(location.bucket, f"{root}{name}/", location.account, location.region)
            )
    return found


def _at(store: ObjectStore, location: Location) -> list[FoundDataset]:
    own = {place[0] for place in Lister(store, location).places()}
    if own == {LogFormat.OLDER}:  # a folder for each year, which other exporters have, too
        first = [one for one in islice(store.list(location.prefix), SAMPLE) if one.size]
        if not any(parse(location, one.key) for one in first):
            own = set()
        elif _is_firehose(store, location.prefix, first[0]):
            return [FoundDataset(location.prefix, BY_NAME["firehose"])]
    if own:
        return [FoundDataset(location.prefix, None)]
    return [
        FoundDataset(location.prefix, type_)
        for type_ in TYPES
        if keys.prefixes(store, location.prefix, type_)
    ]


def _is_firehose(store: ObjectStore, root: str, listed: ListedObject) -> bool:
    """Return whether objects by hour hold other records than those of the log export.

    CloudWatch2S3 and an earlier exporter use Firehose's keys, too: their records differ.
    """
    if not keys.facts_of(BY_NAME["firehose"].layouts, listed.key[len(root) :]):
        return False
    content, _ = inflate(store.read(listed.key, listed.etag))
    head = content[:4096]
    if is_gzip(head) or begins_with_event(head):
        return False
    return b'"logEvents"' not in head
