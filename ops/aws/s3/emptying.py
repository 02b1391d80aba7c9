"""Emptying and archiving of S3 buckets: in parallel, with few calls, and safe to run again."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.pace import Backoff
from ops.aws.s3.buckets import ObjectVersion
from ops.aws.s3.staging import NOT_FOUND_CODES
from ops.errors import Conflict, Throttled
from ops.plan import ReportProgress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH = 1000  # versions, the maximum of DeleteObjects: S3 API Reference
# Batches: S3 allows 3,500 deletions per second and prefix, and a batch counts as 1,000: Amazon S3 User Guide,
# "Best practices design patterns: optimizing Amazon S3 performance".
PARALLEL = 4
REPORT_EVERY = 10  # batches
# Temporary errors of single versions in a batch: S3 API Reference, "List of error codes".
RETRYABLE_CODES = ("InternalError", "ServiceUnavailable", "SlowDown")
ATTEMPTS = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 8.0


def delete_versions(
    client: "S3Client",
    bucket: str,
    owner: str,
    versions: Sequence[ObjectVersion],
    say: ReportProgress,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Delete exactly these versions and markers.

    Temporary errors are retried. Raises Throttled after the last retry, and Conflict for any other error.
    """
    batches = [versions[first : first + BATCH] for first in range(0, len(versions), BATCH)]
    done = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in _bounded(pool, batches, lambda batch: _delete(client, bucket, owner, batch, sleep)):
            done += 1
            if done % REPORT_EVERY == 0 or done == len(batches):
                say(f"{min(done * BATCH, len(versions)):,} of {len(versions):,} versions deleted")


def _bounded(pool: ThreadPoolExecutor, items: Iterable[Any], fn: Any) -> Iterable[Any]:
    """Yield the results with a bounded queue; after an error, no further item starts."""
    waiting: set[Future[Any]] = set()
    for item in items:
        waiting.add(pool.submit(fn, item))
        if len(waiting) >= 2 * PARALLEL:
            completed, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from [future.result() for future in completed]
    for future in waiting:
        yield future.result()


def _delete(
    client: "S3Client",
    bucket: str,
    owner: str,
    batch: Sequence[ObjectVersion],
    sleep: Callable[[float], None],
) -> None:
    remaining = batch
    backoff = Backoff(f"Deleting versions in {bucket}", FIRST_PAUSE_S, LONGEST_PAUSE_S, sleep)
    for attempt in range(ATTEMPTS):
        if attempt:
            backoff.wait()
        errors = _delete_once(client, bucket, owner, remaining)
        if not errors:
            return
        for error in errors:
            if error.get("Code") not in RETRYABLE_CODES:
                raise Conflict(
                    f"Cannot delete {len(errors):,} of {len(batch):,} versions in {bucket}, the first is "
                    f"{error.get('Key')}: {error.get('Code')}.",
                    hint="Check the object lock and the bucket policy, then retry. Deleted versions stay "
                    "deleted.",
                    detail=str(error.get("Message", "")),
                )
        failed = {(error.get("Key"), error.get("VersionId")) for error in errors}
        remaining = [item for item in remaining if (item.key, item.id) in failed]
    raise Throttled(
        f"Cannot delete {len(remaining):,} versions in {bucket}: S3 is throttling the requests.",
        code=str(errors[0].get("Code")),
        operation="DeleteObjects",
        hint="Wait a minute, then retry. Deleted versions stay deleted.",
    )


def _delete_once(
    client: "S3Client", bucket: str, owner: str, batch: Sequence[ObjectVersion]
) -> Sequence[Any]:
    """Call DeleteObjects and return its errors, one per failed version."""
    objects: Any = [{"Key": item.key, "VersionId": item.id} for item in batch]
    with translated(f"Deleting versions in {bucket}"):
        response = client.delete_objects(
            Bucket=bucket, Delete={"Objects": objects, "Quiet": True}, ExpectedBucketOwner=owner
        )
    return response.get("Errors", [])


def abort_uploads(client: "S3Client", bucket: str, owner: str, uploads: Sequence[tuple[str, str]]) -> None:
    """Abort the multipart uploads that still exist."""
    for key, upload in uploads:
        with translated(f"Aborting the upload of {key}"):
            try:
                client.abort_multipart_upload(
                    Bucket=bucket, Key=key, UploadId=upload, ExpectedBucketOwner=owner
                )
            except ClientError as error:
                if code(error) != "NoSuchUpload":
                    raise


def delete_bucket(client: "S3Client", bucket: str, owner: str) -> None:
    """Delete the bucket if it exists. S3 refuses to delete a bucket that is not empty."""
    with translated(f"Deleting the bucket {bucket}"):
        try:
            client.delete_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
        except ClientError as error:
            if code(error) not in NOT_FOUND_CODES:
                raise


def archive_versions(
    source: "S3Client",
    bucket: str,
    target: "S3Client",
    archive: str,
    versions: Sequence[ObjectVersion],
    say: ReportProgress,
) -> None:
    """Copy every version to `archive` as `<bucket>/<version id>/<key>` with SHA-256, then write the manifest.

    A copy that exists with the same size is not repeated. Raises Conflict if a copy is incomplete.
    """
    objects = [item for item in versions if not item.marker]
    lines: list[str] = []
    with ThreadPoolExecutor(PARALLEL) as pool:
        copied = _bounded(pool, objects, lambda item: _archive(source, bucket, target, archive, item))
        for line in copied:
            lines.append(line)
            if len(lines) % (100 * REPORT_EVERY) == 0 or len(lines) == len(objects):
                say(f"{len(lines):,} of {len(objects):,} versions archived")
    body = "".join(sorted(lines)).encode()
    with translated(f"Writing the manifest to {archive}"):
        target.put_object(
            Bucket=archive, Key=f"{bucket}/manifest.jsonl", Body=body, ChecksumAlgorithm="SHA256"
        )


def _archive(source: "S3Client", bucket: str, target: "S3Client", archive: str, item: ObjectVersion) -> str:
    key = f"{bucket}/{item.id}/{item.key}"
    with translated(f"Archiving {item.key} of {bucket}"):
        copy = _head(target, archive, key)
        if not copy or copy["ContentLength"] != item.size:
            target.copy(
                {"Bucket": bucket, "Key": item.key, "VersionId": item.id},
                archive,
                key,
                ExtraArgs={"ChecksumAlgorithm": "SHA256"},
                SourceClient=source,
            )
            copy = _head(target, archive, key)
    if not copy or copy["ContentLength"] != item.size or not copy.get("ChecksumSHA256"):
        raise Conflict(
            f"The copy of {item.key} in {archive} is incomplete. Nothing was deleted.",
            hint="Retry. If it fails again, check the archive bucket's policy and key.",
        )
    row = {"key": item.key, "version": item.id, "bytes": item.size, "sha256": copy["ChecksumSHA256"]}
    return json.dumps({**row, "written": item.written.isoformat(), "archived": key}) + "\n"


def _head(target: "S3Client", archive: str, key: str) -> Any:
    try:
        return target.head_object(Bucket=archive, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if code(error) in NOT_FOUND_CODES:
            return None
        raise
