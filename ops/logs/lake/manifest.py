"""What was compacted: one small object an hour that names the Parquet parts and the sources they hold.

Writing the manifest is the switch: before it the hour is read from its sources, after it from its parts.
A source that came later, or was written anew since, is in no part and is read beside them.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from ops.errors import SlipwayError
from ops.logs.lake.layout import MANIFEST, Kind, LogObject, Part, Partition

VERSION = 1


class ManifestUnreadable(SlipwayError):
    """A manifest that is not one of ours, or of a later version."""


@dataclass(frozen=True)
class MadePart:
    """A part: its name beside the manifest, its size and rows, its sources as (key, etag).

    Of parts that were made together one names the sources.
    """

    name: str
    size: int
    rows: int
    source_bytes: int
    kind: Kind
    sources: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Manifest:
    parts: tuple[MadePart, ...] = ()

    @property
    def sources(self) -> frozenset[tuple[str, str]]:
        return frozenset().union(*(part.sources for part in self.parts))

    def with_parts(self, parts: tuple[MadePart, ...]) -> "Manifest":
        return Manifest((*self.parts, *parts))

    def covers(self, obj: LogObject) -> bool:
        return (obj.key, obj.etag) in self.sources

    def present(self, there: Collection[str]) -> "Manifest":
        """Without the parts that are gone: `there` names what lies beside it.

        Parts of one folder were made together, hold their sources together, and fall together.
        """
        gone = {_together(part.name) for part in self.parts if part.name not in there}
        return Manifest(tuple(part for part in self.parts if _together(part.name) not in gone))

    def to_json(self) -> bytes:
        parts = [
            {
                "name": part.name,
                "size": part.size,
                "rows": part.rows,
                "source_bytes": part.source_bytes,
                "kind": part.kind.value,
                "sources": sorted(part.sources),
            }
            for part in self.parts
        ]
        return json.dumps({"version": VERSION, "parts": parts}, separators=(",", ":")).encode()


def _together(name: str) -> str:
    return name.rpartition("/")[0] or name


def manifest_from_json(body: bytes, where: str) -> Manifest:
    """Raises ManifestUnreadable, which names `where`."""
    try:
        document = json.loads(body)
        if document["version"] != VERSION:
            raise ManifestUnreadable(
                f"{where} is of version {document['version']}, this Slipway reads {VERSION}.",
                hint="Use the Slipway that wrote it, or delete it: the sources are still there.",
            )
        return Manifest(
            tuple(
                MadePart(
                    str(one["name"]),
                    int(one["size"]),
                    int(one["rows"]),
                    int(one["source_bytes"]),
                    Kind(one["kind"]),
                    frozenset((str(key), str(etag)) for key, etag in one["sources"]),
                )
                for one in document["parts"]
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestUnreadable(
            f"{where} is not a manifest: {error!r}.",
            hint="Delete it: the sources are still there, and are read instead.",
        ) from error


def parts_of(manifest: Manifest, folder: str, partition: Partition) -> list[Part]:
    return [
        Part(f"{folder}{part.name}", part.size, part.rows, part.source_bytes, partition, part.kind)
        for part in manifest.parts
    ]


def manifest_key(folder: str) -> str:
    return f"{folder}{MANIFEST}"
