"""The log export of a new embedded cloud: deployed in the background, complete, with new log events."""

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops import embedded
from ops.aws.cloud import Cloud
from ops.cli import main
from ops.embedded import accounts
from ops.embedded.accounts import EXPORTED_BUCKET, HOME, PRODUCTION
from ops.embedded.sample.logs import sample_logs
from ops.logs.export.coverage.reading import Coverage, read_coverage
from ops.logs.export.coverage.verdicts import GAPS, CoverageState
from ops.settings import Settings
from tests.ops.embedded.overlay import eventually

WITHIN_S = 120


@pytest.fixture(scope="module")
def folder(plant: Callable[..., Path]) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="slipway-live-"))
    made.chmod(0o755)
    plant(made / "embedded")
    yield made
    embedded.stop(made / "embedded")
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def live(folder: Path) -> Cloud:
    return accounts.connect(Settings(data=folder, embedded_delay=0.1), owner=True)


def read_current_coverage(cloud: Cloud) -> Coverage:
    return read_coverage(cloud, datetime.now(UTC))


@pytest.mark.thorough
def test_every_sample_group_is_exported_without_gaps(
    live: Cloud, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    eventually(lambda: (folder / "embedded/exported").exists(), within_s=WITHIN_S)
    coverage = read_current_coverage(live)
    assert coverage.of(*GAPS) == []
    since = {group.group.key: group.since for group in coverage.of(CoverageState.SUBSCRIBED)}
    ids = {account.name: account.id for account in live.accounts}
    now = datetime.now(UTC)
    for log in sample_logs():
        began = since[ids[log.account], log.region, log.group]
        assert began and (now - began).days == 1, "as if it had been exported all the time"
    monkeypatch.setenv("SLIPWAY_DATA", str(folder))
    assert main(["logs", "ledger"]) == 0
    capsys.readouterr()
    assert main(["--json", "logs", "coverage", "/shop/*", "--last"]) == 0
    rows = json.loads(capsys.readouterr().out)["groups"]
    assert rows and all(row["last_exported"] and row["seen"] == "arriving" for row in rows)


def test_new_events_reach_the_bucket(live: Cloud) -> None:
    s3 = live.client("s3", PRODUCTION.id, HOME)

    def arrived() -> list[str]:
        objects = s3.list_objects_v2(Bucket=EXPORTED_BUCKET, Prefix="json/").get("Contents", [])
        return [item["Key"] for item in objects if not item["Key"].endswith("sample.gz")]

    key = eventually(arrived, within_s=WITHIN_S)[0]
    body = s3.get_object(Bucket=EXPORTED_BUCKET, Key=key)["Body"].read()
    assert b'"message":' in gzip.decompress(body)
    assert not s3.list_objects_v2(Bucket=EXPORTED_BUCKET, Prefix="errors/").get("Contents")
