"""Digests of CloudTrail, signed here as CloudTrail signs them: whatever is changed is found."""

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ops.errors import AwsError
from ops.logs.lake.layout import Location
from ops.logs.services.digests import Validation, validate
from tests.ops.logs.folder_store import Folder

ACCOUNT, REGION, BUCKET = "111111111111", "eu-west-1", "trail"
START = datetime(2026, 11, 24, 10, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
FINGERPRINT = "31e8b5433410dfb61a9dc45cc65b22ff"  # pragma: allowlist secret


class Trail(Folder):
    """A bucket with three digests of two log files each."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.signatures: dict[str, str] = {}
        self.files: list[str] = []
        self.digests: list[str] = []
        self.denied: set[str] = set()
        previous: tuple[str | None, str | None] = (None, None)
        for hour in range(3):
            previous = self._deliver(START + timedelta(hours=hour, minutes=1), previous)

    def _deliver(self, at: datetime, previous: tuple[str | None, str | None]) -> tuple[str, str]:
        stamp, day = f"{at:%Y%m%dT%H%M%SZ}", f"{at:%Y/%m/%d}"
        names = []
        for n in range(2):
            name = f"{ACCOUNT}_CloudTrail_{REGION}_{stamp}_{n}.json.gz"
            key = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{day}/{name}"
            content = json.dumps({"Records": [{"n": n, "at": stamp}]}).encode()
            self.put(key, gzip.compress(content))
            names.append(
                {"s3Bucket": BUCKET, "s3Object": key, "hashValue": hashlib.sha256(content).hexdigest()}
            )
            self.files.append(key)
        name = f"{ACCOUNT}_CloudTrail-Digest_{REGION}_t_{REGION}_{stamp}.json.gz"
        key = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/{day}/{name}"
        digest: dict[str, Any] = {
            "digestEndTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": BUCKET,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": FINGERPRINT,
            "previousDigestS3Object": previous[0],
            "previousDigestSignature": previous[1],
            "logFiles": names,
        }
        content = json.dumps(digest).encode()
        text = "\n".join(
            [
                digest["digestEndTime"],
                f"{BUCKET}/{key}",
                hashlib.sha256(content).hexdigest(),
                previous[1] or "null",
            ]
        )
        signature = KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
        self.put(key, gzip.compress(content))
        self.signatures[key] = signature
        self.digests.append(key)
        return key, signature

    def metadata(self, key: str) -> Mapping[str, str]:
        return {"signature": self.signatures[key]}

    def read(self, key: str, etag: str = "") -> bytes:
        if key in self.denied:
            raise AwsError("Access denied.", hint="Grant s3:GetObject.")
        return super().read(key, etag)

    def check(self, start: datetime = START) -> Validation:
        der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        end = START + timedelta(hours=4)
        known = {REGION: {FINGERPRINT: der}}
        return validate(self, Location(BUCKET), start, end, known.__getitem__)


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    return Trail(tmp_path)


def test_unchanged_log_files_are_proven(trail: Trail) -> None:
    result = trail.check()
    assert (result.digests, result.valid_digests, result.files, result.valid_files) == (3, 3, 6, 6)
    assert result.proven


def test_nothing_is_proven_without_digests(trail: Trail) -> None:
    assert not trail.check(START + timedelta(hours=3, minutes=30)).proven


def _changed_file(trail: Trail) -> str:
    trail.put(trail.files[3], gzip.compress(b'{"Records": []}'))
    return trail.files[3]


def _missing_file(trail: Trail) -> str:
    trail.delete(trail.files[2])
    return trail.files[2]


def _changed_digest(trail: Trail) -> str:
    key = trail.digests[1]
    digest = json.loads(gzip.decompress(trail.read(key)))
    digest["logFiles"].pop()
    trail.put(key, gzip.compress(json.dumps(digest).encode()))
    return key


def _other_key(trail: Trail) -> str:
    key = trail.digests[0]
    other = rsa.generate_private_key(65537, 2048)
    trail.signatures[key] = other.sign(b"text", padding.PKCS1v15(), hashes.SHA256()).hex()
    return key


def _missing_digest(trail: Trail) -> str:
    trail.delete(trail.digests[1])
    return trail.digests[2]  # names the one before it


def _moved_digest(trail: Trail) -> str:
    key = trail.digests[2].replace("_t_", "_u_")
    trail.put(key, trail.read(trail.digests[2]))
    trail.signatures[key] = trail.signatures[trail.digests[2]]
    return key


def _damaged_digest(trail: Trail) -> str:
    trail.put(trail.digests[2], b"\x1f\x8b not a digest")
    return trail.digests[2]


@pytest.mark.parametrize(
    "change",
    [
        _changed_file,
        _missing_file,
        _changed_digest,
        _other_key,
        _missing_digest,
        _moved_digest,
        _damaged_digest,
    ],
)
def test_every_change_is_found(trail: Trail, change: Callable[[Trail], str]) -> None:
    key = change(trail)
    result = trail.check()
    assert list(result.invalid) == [key]
    assert not result.proven


def test_a_file_that_cannot_be_read_is_not_called_changed(trail: Trail) -> None:
    trail.denied.add(trail.files[0])
    result = trail.check()
    assert not result.invalid
    assert list(result.unread) == [trail.files[0]]
    assert not result.proven


def test_a_range_may_begin_after_the_first_digest(trail: Trail) -> None:
    result = trail.check(START + timedelta(hours=1))
    assert (result.digests, result.proven) == (2, True)
