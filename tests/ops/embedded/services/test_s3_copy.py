"""S3 copies on the embedded cloud."""

import base64
import hashlib
from typing import Any

from tests.ops.embedded.overlay import client, unique


def test_a_copy_has_the_requested_checksum(embedded: Any) -> None:
    s3, bucket = client(embedded, "s3", region="us-east-1"), unique("copies")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello", ChecksumAlgorithm="CRC32")
    s3.copy_object(
        Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, ChecksumAlgorithm="SHA256"
    )
    found = s3.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")
    assert base64.b64decode(found["ChecksumSHA256"]) == hashlib.sha256(b"hello").digest()
