"""The manifest of a compacted hour: a small object that names the Parquet parts and their sources.

Writing the manifest is the switch: before it, the hour is read from its sources; after it, from its parts.
A source that arrived or changed later is in no part, and is read in addition to the parts.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from ops.errors import SlipwayError
from ops.logs.lake.layout import MANIFEST, LogFormat, LogObject, Part, Partition

VERSION = 1


class ManifestUnreadable(SlipwayError):
    """The manifest is not valid, or was written by a later version of Slipway."""


@dataclass(frozen=True)
class MadePart:
    """A part as the manifest names it: name, size, rows, and sources as (key, etag).

    Of parts that were made together, only one names the sources.
    """

    name: str
    size: int
    rows: int
    source_bytes: int
    kind: LogFormat
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
        """Return the manifest without missing parts; `there` are the names of the objects beside it.

        Parts in one folder were made together and hold their sources together: if one is missing, all are
        left out.
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
    """Parse a manifest; `where` is its address for error messages. Raises ManifestUnreadable."""
    try:
        document = json.loads(body)
        if document["version"] != VERSION:
            raise ManifestUnreadable(
                f"Cannot read {where}: its version is {document['version']}, not {VERSION}.",
                hint="Use the version of Slipway that wrote it, or delete it: the sources still exist.",
            )
        return Manifest(
            tuple(
                MadePart(
                    str(part["name"]),
                    int(part["size"]),
                    int(part["rows"]),
                    int(part["source_bytes"]),
                    LogFormat(part["kind"]),
                    frozenset((str(key), str(etag)) for key, etag in part["sources"]),
                )
                for part in document["parts"]
            )
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestUnreadable(
            f"Cannot read {where}: it is not a valid manifest ({error!r}).",
            hint="Delete it: the sources still exist and are read instead.",
        ) from error


def parts_of(manifest: Manifest, folder: str, partition: Partition) -> list[Part]:
    return [
        Part(f"{folder}{part.name}", part.size, part.rows, part.source_bytes, partition, part.kind)
        for part in manifest.parts
    ]


def manifest_key(folder: str) -> str:
    return f"{folder}{MANIFEST}"
