"""Verify CloudTrail's log files with its signed digests, as `aws cloudtrail validate-logs` does.

Each digest is signed with RSA (PKCS #1 v1.5, SHA-256). It has the hash of each log file that was delivered in
its hour, and the hash and the signature of the digest before it, so that a missing digest is noticed too.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ops.errors import AwsError, NotFound
from ops.logs.lake.gzipped import inflate
from ops.logs.lake.layout import Location
from ops.logs.lake.store import ObjectStore
from ops.logs.services import keys
from ops.logs.services.model import KeyLayout

SIGNATURE = "signature"  # metadata of a digest's object
INTERVAL = timedelta(hours=2)  # a digest of an hour is delivered up to an hour later
DIGESTS = tuple(
    KeyLayout(
        f"AWSLogs/{org}{{account}}/CloudTrail-Digest/{{region}}/",
        "%Y/%m/%d/",
        r"\d{4}/\d\d/\d\d/\d{12}_CloudTrail-Digest_[^/]+_(?P<at>\d{8}T\d{6}Z)(?:_backfill)?\.json\.gz",
    )
    for org in ("", "{org}/")
)
_NOT_DIGEST = (ValueError, KeyError, TypeError, AttributeError, RecursionError)

PublicKeys = Callable[[str], Mapping[str, bytes]]
"""Returns the public keys of a region by their fingerprint, in DER."""


class SignedStore(ObjectStore, Protocol):
    """A store whose objects have metadata, as those of an S3 bucket do."""

    def metadata(self, key: str) -> Mapping[str, str]: ...


@dataclass
class Validation:
    """The digests and log files of a time range: how many are valid, and what is wrong, by key.

    `unread` are those that could not be read for another reason than that they are missing: nothing is known
    about them.
    """

    digests: int = 0
    valid_digests: int = 0
    files: int = 0
    valid_files: int = 0
    invalid: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether there are digests, and everything that they name was read and is unchanged."""
        return bool(self.digests) and not self.invalid and not self.unread


def validate(
    store: SignedStore, location: Location, start: datetime, end: datetime, public_keys: PublicKeys
) -> Validation:
    """Verify the digests that end in the time range, and the log files that they name."""
    result = Validation()
    found = _digest_keys(store, location, start, end)
    for position, key in enumerate(found):
        result.digests += 1
        try:
            digest = _verified(store, location.bucket, key, public_keys)
            _follows(digest, found[:position], start)
        except _Invalid as error:
            result.invalid[key] = str(error)
            continue
        except AwsError as error:
            result.unread[key] = str(error)
            continue
        result.valid_digests += 1
        for file in digest["logFiles"]:
            _check_file(store, location.bucket, file, result)
    return result


class _Invalid(Exception):
    """Why a digest or a log file is not valid."""


def _digest_keys(store: ObjectStore, location: Location, start: datetime, end: datetime) -> list[str]:
    """Return the keys of the digests, in the order of time for each account and region."""
    found: list[tuple[str, datetime, str]] = []
    for layout in DIGESTS:
        for place in keys.places(store, location.prefix, layout):
            after, before = keys.key_range(place, layout, start, end)
            for listed in store.list(place, after, before):
                facts = keys.facts_of((layout,), listed.key[len(location.prefix) :])
                if facts and facts.at and start <= facts.at < end:
                    found.append((place, facts.at, listed.key))
    return [key for _, _, key in sorted(found)]


def _verified(store: SignedStore, bucket: str, key: str, public_keys: PublicKeys) -> dict[str, Any]:
    """Return the digest. Raises _Invalid unless its signature is CloudTrail's, AwsError if unread."""
    try:
        content, fault = inflate(store.read(key))
        signature = bytes.fromhex(store.metadata(key).get(SIGNATURE, ""))
        digest: dict[str, Any] = json.loads(content)
        fingerprint, region = str(digest["digestPublicKeyFingerprint"]), key.split("/CloudTrail-Digest/")[1]
        parts = (
            str(digest["digestEndTime"]),
            f"{digest['digestS3Bucket']}/{digest['digestS3Object']}",
            hashlib.sha256(content).hexdigest(),
            str(digest["previousDigestSignature"] or "null"),
        )
        [(str(file["s3Object"]), str(file["hashValue"])) for file in digest["logFiles"]]
    except NotFound as error:
        raise _Invalid("The digest was deleted while it was verified.") from error
    except _NOT_DIGEST as error:
        raise _Invalid("The object is not a signed digest, or it is damaged.") from error
    if fault or (digest["digestS3Bucket"], digest["digestS3Object"]) != (bucket, key):
        raise _Invalid("The digest was moved from the place where CloudTrail delivered it.")
    der = public_keys(region.partition("/")[0]).get(fingerprint)
    if der is None:
        raise _Invalid(f"CloudTrail has no public key with the fingerprint {fingerprint}.")
    public = load_der_public_key(der)
    assert isinstance(public, rsa.RSAPublicKey)
    try:
        public.verify(signature, "\n".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise _Invalid("The signature of the digest is not valid: it was changed.") from error
    return digest


def _follows(digest: dict[str, Any], earlier: list[str], start: datetime) -> None:
    """Raise _Invalid if the digest before this one should be in the time range, and is not."""
    previous = digest.get("previousDigestS3Object")
    if not previous or previous in earlier:
        return
    ended = re.search(r"_(\d{8}T\d{6}Z)(?:_backfill)?\.json\.gz$", str(previous))
    at = datetime.strptime(ended[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if ended else start
    if at >= start:
        raise _Invalid(f"The digest before it is missing: {previous}.")


def _check_file(store: ObjectStore, bucket: str, file: dict[str, Any], result: Validation) -> None:
    key = str(file["s3Object"])
    result.files += 1
    if file.get("s3Bucket") != bucket:
        result.unread[key] = f"The log file is in another bucket: {file.get('s3Bucket')}."
        return
    try:
        content, fault = inflate(store.read(key))
    except NotFound:
        result.invalid[key] = "The log file is missing."
    except AwsError as error:
        result.unread[key] = str(error)
    else:
        if fault or hashlib.sha256(content).hexdigest() != file["hashValue"]:
            result.invalid[key] = "The log file was changed."
        else:
            result.valid_files += 1
