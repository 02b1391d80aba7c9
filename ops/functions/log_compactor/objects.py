"""What the compactor finds in the bucket: listings, and the manifest that names an hour's parts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.log_compactor.athena import config, make_client
from ops.functions.log_compactor.queries import BUCKET

Record = dict[str, Any]

MANIFEST = "_manifest.json"
VERSION = 1
ATTEMPT = "athena-"  # begins the name of a folder of parts; then when it was begun
ATTEMPT_TIME = "%Y%m%dT%H%M%SZ"
ABANDONED = timedelta(hours=2)  # this function runs a quarter of an hour, a query of its half an hour

s3 = make_client("s3", config=config)


def list_objects(prefix: str, after: str = "") -> Iterator[Record]:
    more = {"StartAfter": after} if after else {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, **more):
        yield from page.get("Contents", [])


@dataclass(frozen=True)
class Manifest:
    """The parts that an hour's manifest names, and the tag that the next put must match; empty for none."""

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
        """The first piece of the name of each part."""
        return {name.partition("/")[0] for name in self.names}


def read_manifest(where: str) -> Manifest:
    try:
        answer = s3.get_object(Bucket=BUCKET, Key=f"{where}{MANIFEST}")
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return Manifest()
        raise
    document = json.loads(answer["Body"].read())
    if document["version"] != VERSION:
        raise ValueError(f"{where}{MANIFEST} is of version {document['version']}")
    return Manifest(tuple(document["parts"]), answer["ETag"])


def write_manifest(where: str, manifest: Manifest) -> bool:
    """Puts it if there is still the one with its tag; False where that is another one by now."""
    body = json.dumps({"version": VERSION, "parts": manifest.parts}, separators=(",", ":"))
    condition = {"IfMatch": manifest.tag} if manifest.tag else {"IfNoneMatch": "*"}
    try:
        s3.put_object(Bucket=BUCKET, Key=f"{where}{MANIFEST}", Body=body.encode(), **condition)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409, 412):
            raise
        return False
    return True


def whole(manifest: Manifest, there: set[str]) -> Manifest:
    """Without the parts that are gone. Parts of one folder stand and fall together, any other by itself."""
    gone = {_together(part["name"]) for part in manifest.parts if part["name"] not in there}
    parts = tuple(part for part in manifest.parts if _together(part["name"]) not in gone)
    return Manifest(parts, manifest.tag)


def _together(name: str) -> str:
    return name.rpartition("/")[0] or name


def is_abandoned(name: str) -> bool:
    """Whether the part is of an attempt that began so long ago that nobody can be writing there."""
    begun = name.partition("/")[0][len(ATTEMPT) : -len("-01234567")]
    try:
        moment = datetime.strptime(begun, ATTEMPT_TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return name.startswith(ATTEMPT) and datetime.now(UTC) - moment > ABANDONED
