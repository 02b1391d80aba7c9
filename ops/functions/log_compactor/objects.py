"""List objects, and read and write the manifest that names an hour's parts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.log_compactor.queries import BUCKET
from ops.functions.shared.athena import config, make_client

Record = dict[str, Any]

MANIFEST = "_manifest.json"
VERSION = 1
ATTEMPT = "athena-"  # prefix of the name of a folder of parts; the start time follows
ATTEMPT_TIME = "%Y%m%dT%H%M%SZ"
ABANDONED = timedelta(hours=2)  # this function runs up to 15 minutes, and its queries up to 30 minutes

s3 = make_client("s3", config=config)


def list_objects(prefix: str, after: str = "") -> Iterator[Record]:
    more = {"StartAfter": after} if after else {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, **more):
        yield from page.get("Contents", [])


@dataclass(frozen=True)
class HourManifest:
    """The parts in an hour's manifest, and its ETag, which the next write must match (empty if none)."""

    parts: tuple[Record, ...] = ()
    tag: str = ""

    @property
    def sources(self) -> set[tuple[str, str]]:
        return {(key, etag) for part in self.parts for key, etag in part["sources"]}

    @property
    def names(self) -> list[str]:
        return [part["name"] for part in self.parts]

    @property
    def folders(self) -> set[str]:
        """The first path component of the name of each part."""
        return {name.partition("/")[0] for name in self.names}


def read_manifest(where: str) -> HourManifest:
    try:
        response = s3.get_object(Bucket=BUCKET, Key=f"{where}{MANIFEST}")
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return HourManifest()
        raise
    document = json.loads(response["Body"].read())
    if document["version"] != VERSION:
        raise ValueError(f"{where}{MANIFEST} has version {document['version']}, not {VERSION}")
    return HourManifest(tuple(document["parts"]), response["ETag"])


def write_manifest(where: str, manifest: HourManifest) -> bool:
    """Write the manifest if the current one still has its ETag; return False if it has changed."""
    body = json.dumps({"version": VERSION, "parts": manifest.parts}, separators=(",", ":"))
    condition = {"IfMatch": manifest.tag} if manifest.tag else {"IfNoneMatch": "*"}
    try:
        s3.put_object(Bucket=BUCKET, Key=f"{where}{MANIFEST}", Body=body.encode(), **condition)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409, 412):
            raise
        return False
    return True


def whole(manifest: HourManifest, there: set[str]) -> HourManifest:
    """Return the manifest without missing parts; the parts of one folder are valid only together."""
    gone = {_together(part["name"]) for part in manifest.parts if part["name"] not in there}
    parts = tuple(part for part in manifest.parts if _together(part["name"]) not in gone)
    return HourManifest(parts, manifest.tag)


def _together(name: str) -> str:
    return name.rpartition("/")[0] or name


def is_abandoned(name: str) -> bool:
    """Return whether the part belongs to an attempt so old that no query can still be writing to it."""
    started = name.partition("/")[0][len(ATTEMPT) : -len("-01234567")]
    try:
        moment = datetime.strptime(started, ATTEMPT_TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return name.startswith(ATTEMPT) and datetime.now(UTC) - moment > ABANDONED
