"""Amazon S3: empties a bucket with as few calls as the service allows, in parallel, and can be run again."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.s3.buckets import Version
from ops.aws.s3.staging import MISSING
from ops.errors import Conflict, Throttled
from ops.plan import ReportProgress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH = 1000  # versions that DeleteObjects takes at most: S3 API Reference
PARALLEL = 4  # batches at once: 3,500 deletions a second and prefix is S3's limit, a batch counts 1,000
TELL_EVERY = 10  # batches
# One version of a batch may be refused for the moment only: S3 API Reference, "List of error codes".
TRY_AGAIN = ("InternalError", "ServiceUnavailable", "SlowDown")
PAUSES_S = (1.0, 2.0, 4.0, 8.0)


def delete_versions(
    client: "S3Client",
    bucket: str,
    owner: str,
    versions: Sequence[Version],
    say: ReportProgress,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Deletes exactly these versions and markers.

    What S3 refuses for the moment is asked for again. Raises Throttled when it goes on to, and Conflict when
    S3 refuses one for good.
    """
    batches = [versions[first : first + BATCH] for first in range(0, len(versions), BATCH)]
    done = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in _bounded(pool, batches, lambda batch: _delete(client, bucket, owner, batch, sleep)):
            done += 1
            if done % TELL_EVERY == 0 or done == len(batches):
                say(f"{min(done * BATCH, len(versions)):,} of {len(versions):,} versions deleted")


def _bounded(pool: ThreadPoolExecutor, items: Iterable[Any], fn: Any) -> Iterable[Any]:
    """Results as they come; the first error stops what has not begun."""
    waiting: set[Future[Any]] = set()
    for item in items:
        waiting.add(pool.submit(fn, item))
        if len(waiting) >= 2 * PARALLEL:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from [future.result() for future in ended]
    for future in waiting:
        yield future.result()


def _delete(
    client: "S3Client", bucket: str, owner: str, batch: Sequence[Version], sleep: Callable[[float], None]
) -> None:
    left = batch
    for pause in (*PAUSES_S, None):
        failed = _refused(client, bucket, owner, left)
        if not failed:
            return
        for error in failed:
            if error.get("Code") not in TRY_AGAIN:
                raise Conflict(
                    f"S3 did not delete {len(failed):,} of {len(batch):,} versions in {bucket}; the first is "
                    f"{error.get('Key')}: {error.get('Code')}.",
                    hint="Mend what it names (an object lock, a policy), then repeat: what is deleted stays "
                    "deleted.",
                    detail=str(error.get("Message", "")),
                )
        again = {(error.get("Key"), error.get("VersionId")) for error in failed}
        left = [item for item in left if (item.key, item.id) in again]
        if pause:
            sleep(pause)
    raise Throttled(
        f"S3 throttles the deletion of versions in {bucket}: {len(left):,} of a batch are left.",
        code=str(failed[0].get("Code")),
        operation="DeleteObjects",
        hint="Wait a minute, then repeat: what is deleted stays deleted.",
    )


def _refused(client: "S3Client", bucket: str, owner: str, batch: Sequence[Version]) -> Sequence[Any]:
    """Asks for the deletion; the errors that S3 answers, one a version."""
    objects: Any = [{"Key": item.key, "VersionId": item.id} for item in batch]
    with translated(f"Deleting versions in {bucket}"):
        answer = client.delete_objects(
            Bucket=bucket, Delete={"Objects": objects, "Quiet": True}, ExpectedBucketOwner=owner
        )
    return answer.get("Errors", [])


def abort_uploads(client: "S3Client", bucket: str, owner: str, uploads: Sequence[tuple[str, str]]) -> None:
    """Aborts the multipart uploads; one that is gone already is no error."""
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
    """Deletes the empty bucket; S3 refuses one that is not empty. No error where it is gone."""
    with translated(f"Deleting the bucket {bucket}"):
        try:
            client.delete_bucket(Bucket=bucket, ExpectedBucketOwner=owner)
        except ClientError as error:
            if code(error) not in MISSING:
                raise


def archive_versions(
    source: "S3Client",
    bucket: str,
    target: "S3Client",
    archive: str,
    versions: Sequence[Version],
    say: ReportProgress,
) -> None:
    """Copies every version to `archive` under `<bucket>/<version id>/<key>`, with SHA-256, then the manifest.

    What is there already with the same size and a checksum is not copied again. Raises Conflict when a copy
    is not as long as its source.
    """
    objects = [item for item in versions if not item.marker]
    lines: list[str] = []
    with ThreadPoolExecutor(PARALLEL) as pool:
        copied = _bounded(pool, objects, lambda item: _archive(source, bucket, target, archive, item))
        for line in copied:
            lines.append(line)
            if len(lines) % (100 * TELL_EVERY) == 0 or len(lines) == len(objects):
                say(f"{len(lines):,} of {len(objects):,} versions archived")
    body = "".join(sorted(lines)).encode()
    with translated(f"Writing the manifest to {archive}"):
        target.put_object(
            Bucket=archive, Key=f"{bucket}/manifest.jsonl", Body=body, ChecksumAlgorithm="SHA256"
        )


def _archive(source: "S3Client", bucket: str, target: "S3Client", archive: str, item: Version) -> str:
    key = f"{bucket}/{item.id}/{item.key}"
    with translated(f"Archiving {item.key} of {bucket}"):
        found = _archived(target, archive, key)
        if not found or found["ContentLength"] != item.size:
            target.copy(
                {"Bucket": bucket, "Key": item.key, "VersionId": item.id},
                archive,
                key,
                ExtraArgs={"ChecksumAlgorithm": "SHA256"},
                SourceClient=source,
            )
            found = _archived(target, archive, key)
    if not found or found["ContentLength"] != item.size or not found.get("ChecksumSHA256"):
        raise Conflict(
            f"The copy of {item.key} in {archive} is not whole; nothing was deleted.",
            hint="Repeat; or look at the archive bucket's policy and key.",
        )
    row = {"key": item.key, "version": item.id, "bytes": item.size, "sha256": found["ChecksumSHA256"]}
    return json.dumps({**row, "written": item.written.isoformat(), "archived": key}) + "\n"


def _archived(target: "S3Client", archive: str, key: str) -> Any:
    try:
        return target.head_object(Bucket=archive, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if code(error) in MISSING:
            return None
        raise
