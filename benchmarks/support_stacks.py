"""The two measures of support stacks, each against its bar.

    python benchmarks/support_stacks.py [VERSIONS]

Emptying: a clean-up's calls to S3 for a bucket with 100,000 versions, against the fewest that the service
allows: one ListObjectVersions and one DeleteObjects for each 1,000.

Inventory: 20 accounts x 17 regions with 200 ms on every call, the concurrency setting against one call after
another in the same run. That would take minutes, so it reads the first 2 of the 20 accounts, in all of their
regions, and both are compared by calls a second. Both begin with a new Cloud: making clients and assuming
roles counts. The most calls that one service of one account and region got in a second stand beside it.
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
EMPTYING_BAR = 1.05
ACCOUNTS, SAMPLE = 20, 2
LATENCY_S = 0.2
INVENTORY_BAR = 8.0
WRITERS = 8
REGION = "eu-west-1"
# What the busiest allow in an account and region, a second: AWS KMS quotas, "ListAliases", "DescribeKey".
MOST_A_SECOND = 100


def client(url: str, service: str, account: str) -> Any:
    """As the root user of the account."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=account,
        aws_secret_access_key="embedded",
    )


class Counting:
    """Counts what a client calls, retries as well; and what each service and place gets in each second."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds: Counter[tuple[str, str, str, int]] = Counter()
        self._lock = threading.Lock()

    def watch(self, made: Any, account: str = "") -> None:
        service, region = made.meta.service_model.service_name, made.meta.region_name

        def note(event_name: str, **_: Any) -> None:
            with self._lock:
                self.calls[event_name.rpartition(".")[2]] += 1
                self.seconds[service, account, region, int(time.monotonic())] += 1

        made.meta.events.register("before-send.*", note)


class CountingCloud(Cloud):
    """A Cloud whose calls are counted."""

    def __init__(self, settings: Settings, url: str) -> None:
        super().__init__(settings, endpoint(url))
        self.counting = Counting()
        self._watched: set[int] = set()

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        with self._lock:
            made = super().client(service, account, region)
            if id(made) not in self._watched:
                self._watched.add(id(made))
                self.counting.watch(made, account)
        return made


def empty(folder: Path, amount: int) -> bool:
    running = embedded.start(folder / "emptying", sample=False, owner=True)
    try:
        s3 = client(running.endpoint, "s3", WORKBENCH)
        s3.create_bucket(Bucket="full", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Enabled"})
        with ThreadPoolExecutor(WRITERS) as pool:
            for _ in pool.map(lambda n: s3.put_object(Bucket="full", Key=f"artifact/{n}"), range(amount)):
                pass
        counting = Counting()
        counting.watch(s3)
        found = [item for page in buckets.iterate_versions(s3, "full") for item in page]
        emptying.delete_versions(s3, "full", WORKBENCH, found, lambda text: None)
        emptying.abort_uploads(s3, "full", WORKBENCH, buckets.list_uploads(s3, "full"))
        emptying.delete_bucket(s3, "full", WORKBENCH)
    finally:
        embedded.stop(folder / "emptying")
    assert len(found) == amount
    fewest = 2 * math.ceil(amount / BATCH)
    made = sum(counting.calls.values())
    names = ", ".join(f"{number} {name}" for name, number in counting.calls.items())
    print(f"emptying {amount:,} versions: {made} calls ({names}), fewest {fewest}, {made / fewest:.3f} x")
    return made / fewest <= EMPTYING_BAR


def inventory(folder: Path) -> bool:
    running = embedded.start(folder / "inventory", sample=False, owner=True, latency_s=LATENCY_S)
    try:
        accounts = [f"{n:012d}" for n in range(100_000_000_001, 100_000_000_001 + ACCOUNTS)]
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda id: _furnish(running.endpoint, id), accounts))
        alone = _read(running.endpoint, folder, accounts[:SAMPLE], 1)
        together = _read(running.endpoint, folder, accounts, Settings().concurrency)
    finally:
        embedded.stop(folder / "inventory")
    ratio = together[0] / alone[0]
    print(f"inventory, one call after another: {alone[0]:.1f} calls a second; together {together[0]:.1f}")
    print(f"inventory: {ratio:.1f} x; one service of one place got at most {together[1]} calls a second")
    return ratio >= INVENTORY_BAR and together[1] <= MOST_A_SECOND


def _furnish(url: str, account: str) -> None:
    """The role that Slipway assumes, and a bucket named like a support stack's."""
    iam = client(url, "iam", account)
    trust = {"Effect": "Allow", "Principal": {"AWS": WORKBENCH}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=ROLE, PolicyName="may", PolicyDocument=_document(may))
    client(url, "s3", account).create_bucket(
        Bucket=f"pipe-support-eu-west-1eplicationbucket{account}{account[:8]}",
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _read(url: str, folder: Path, ids: Sequence[str], concurrency: int) -> tuple[float, int]:
    """Calls a second, and the most that one service of one account and region got in one."""
    accounts = tuple(Account(f"a{id}", id, f"arn:aws:iam::{id}:role/{ROLE}") for id in ids)
    cloud = CountingCloud(Settings(data=folder, accounts=accounts, concurrency=concurrency), url)
    began = time.perf_counter()
    found = read_inventory(cloud, datetime.now(UTC))
    took = time.perf_counter() - began
    assert not found.gaps and len(found.buckets) == len(ids)
    calls = sum(cloud.counting.calls.values())
    places = sum(len(regions) for regions in found.regions.values())
    print(f"  {len(ids)} accounts, {places} places, {concurrency} at once: {calls} calls in {took:.1f} s")
    return calls / took, max(cloud.counting.seconds.values())


def main(amount: int) -> int:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        good = [empty(folder, amount), inventory(folder)]
    print(f"bars: emptying ≤ {EMPTYING_BAR} x the fewest calls; inventory ≥ {INVENTORY_BAR:.0f} x")
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else VERSIONS))
