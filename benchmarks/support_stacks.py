"""The cleanup and the inventory of support stacks, each compared with its target.

    python benchmarks/support_stacks.py [VERSIONS]

Cleanup: the calls that empty an S3 bucket with 100,000 versions, compared with the minimum: one
ListObjectVersions and one DeleteObjects per 1,000.

Inventory: 20 accounts x 17 regions with a latency of 200 ms, with the default concurrency and sequentially.
The sequential inventory reads only 2 of the 20 accounts, and the comparison is by calls per second. Both
start with a new Cloud, so that creating clients and assuming roles counts. The result includes the maximum of
calls per second that one service in one account and region received.
"""

import json
import math
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from ops import embedded
from ops.aws.cloud import Cloud
from ops.aws.s3 import buckets, emptying
from ops.embedded.accounts import ROLE, WORKBENCH, endpoint
from ops.settings import Account, Settings
from ops.support_stacks.inventory import read_inventory

VERSIONS = 100_000
BATCH = 1000
CLEANUP_TARGET = 1.05
ACCOUNTS, SAMPLE = 20, 2
LATENCY_S = 0.2
INVENTORY_TARGET = 8.0
WRITERS = 8
REGION = "eu-west-1"
# The quota per account, region and second: AWS KMS quotas, "ListAliases", "DescribeKey".
MAX_CALLS_PER_SECOND = 100


def client(url: str, service: str, account: str) -> Any:
    """Return a client with the root user's credentials."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=account,
        aws_secret_access_key="embedded",
    )


class CallCounter:
    """Counts calls including retries, in total and per second for each service, account and region."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[tuple[str, str, str, int]] = Counter()
        self._lock = threading.Lock()

    def watch(self, client: Any, account: str = "") -> None:
        service, region = client.meta.service_model.service_name, client.meta.region_name

        def note(event_name: str, **_: Any) -> None:
            with self._lock:
                self.calls[event_name.rpartition(".")[2]] += 1
                self.seconds[service, account, region, int(time.monotonic())] += 1

        client.meta.events.register("before-send.*", note)


class CountingCloud(Cloud):
    """A Cloud whose calls are counted."""

    def __init__(self, settings: Settings, url: str) -> None:
        super().__init__(settings, endpoint(url))
        self.counter = CallCounter()
        self._watched: set[int] = set()

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            client = super().client(service, account, region)
            if id(client) not in self._watched:
                self._watched.add(id(client))
                self.counter.watch(client, account)
        return client


def empty(folder: Path, amount: int) -> bool:
    running = embedded.start(folder / "emptying", sample=False, owner=True)
    try:
        s3 = client(running.endpoint, "s3", WORKBENCH)
        s3.create_bucket(Bucket="full", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
        with ThreadPoolExecutor(WRITERS) as pool:
            for _ in pool.map(lambda n: s3.put_object(Bucket="full", Key=f"artifact/{n}"), range(amount)):
                pass
        counter = CallCounter()
        counter.watch(s3)
        versions = [item for page in buckets.iterate_versions(s3, "full") for item in page]
        emptying.delete_versions(s3, "full", WORKBENCH, versions, lambda text: None)
        emptying.abort_uploads(s3, "full", WORKBENCH, buckets.list_uploads(s3, "full"))
        emptying.delete_bucket(s3, "full", WORKBENCH)
    finally:
        embedded.stop(folder / "emptying")
    assert len(versions) == amount
    minimum = 2 * math.ceil(amount / BATCH)
    calls = sum(counter.calls.values())
    names = ", ".join(f"{number} {name}" for name, number in counter.calls.items())
    print(
        f"cleanup of {amount:,} versions: {calls} calls ({names}), minimum {minimum}, {calls / minimum:.3f} x"
    )
    return calls / minimum <= CLEANUP_TARGET


def inventory(folder: Path) -> bool:
    running = embedded.start(folder / "inventory", sample=False, owner=True, latency_s=LATENCY_S)
    try:
        accounts = [f"{n:012d}" for n in range(100_000_000_001, 100_000_000_001 + ACCOUNTS)]
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda id: _prepare(running.endpoint, id), accounts))
        sequential = _read(running.endpoint, folder, accounts[:SAMPLE], 1)
        concurrent = _read(running.endpoint, folder, accounts, Settings().concurrency)
    finally:
        embedded.stop(folder / "inventory")
    ratio = concurrent[0] / sequential[0]
    print(f"inventory: sequential {sequential[0]:.1f} calls/s, concurrent {concurrent[0]:.1f} calls/s")
    print(f"inventory: {ratio:.1f} x; maximum per service, account and region {concurrent[1]} calls/s")
    return ratio >= INVENTORY_TARGET and concurrent[1] <= MAX_CALLS_PER_SECOND


def _prepare(url: str, account: str) -> None:
    """Create the role that Slipway assumes, and a bucket named like a support stack's."""
    iam = client(url, "iam", account)
    trust = {"Effect": "Allow", "Principal": {"AWS": WORKBENCH}, "Action": "sts:AssumeRole"}
    permissions = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=ROLE, PolicyName="may", PolicyDocument=_document(permissions))
    client(url, "s3", account).create_bucket(
        Bucket=f"pipe-support-eu-west-1eplicationbucket{account}{account[:8]}",
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _read(url: str, folder: Path, ids: Sequence[str], concurrency: int) -> tuple[float, int]:
    """Return the calls per second, and their maximum for one service, account and region."""
    accounts = tuple(Account(f"a{id}", id, f"arn:aws:iam::{id}:role/{ROLE}") for id in ids)
    cloud = CountingCloud(Settings(data=folder, accounts=accounts, concurrency=concurrency), url)
    start = time.perf_counter()
    result = read_inventory(cloud, datetime.now(UTC))
    seconds = time.perf_counter() - start
    assert not result.gaps and len(result.buckets) == len(ids)
    calls = sum(cloud.counter.calls.values())
    regions = sum(len(enabled) for enabled in result.regions.values())
    print(
        f"  {len(ids)} accounts, {regions} regions, concurrency {concurrency}: "
        f"{calls} calls in {seconds:.1f} s"
    )
    return calls / seconds, max(cloud.counter.seconds.values())


def main(amount: int) -> int:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        results = [empty(folder, amount), inventory(folder)]
    print(f"targets: cleanup ≤ {CLEANUP_TARGET} x the minimum; inventory ≥ {INVENTORY_TARGET:.0f} x")
    return int(not all(results))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else VERSIONS))
