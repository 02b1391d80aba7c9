"""The embedded cloud's process: one a folder, kept state, no process left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops import embedded
from ops.embedded import seams
from ops.embedded.lifecycle import is_locked
from ops.embedded.processes import MARKER
from ops.errors import EmbeddedError
from tests.ops.embedded.log_pipeline import LogPipeline, make_group, write_logs
from tests.ops.embedded.overlay import allow, client, eventually
from tests.ops.embedded.services.test_functions import Functions

DELAY_S = 0.1
SILENT = "arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{}"
EMBEDDED = Path(seams.__file__).parent


@pytest.fixture
def folder() -> Iterator[Path]:
    """A cloud's folder where the user nobody may go; whatever runs in it ends with the test."""
    parent = Path(tempfile.mkdtemp(prefix="slipway-life-"))
    parent.chmod(0o755)
    yield parent / "cloud"
    embedded.reset(parent / "cloud")
    shutil.rmtree(parent, ignore_errors=True)


def start(folder: Path, **more: Any) -> embedded.RunningCloud:
    return embedded.start(folder, delay_s=DELAY_S, sample=False, **more)


def marked(folder: Path) -> list[int]:
    """The processes of that folder's cloud."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == str(folder):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def make_database(running: embedded.RunningCloud) -> Any:
    rds = client(running, "rds")
    rds.create_db_instance(
        DBInstanceIdentifier="kept",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="master",
        MasterUserPassword="correct-horse-1",
    )

    def status() -> bool:
        found = rds.describe_db_instances(DBInstanceIdentifier="kept")["DBInstances"][0]
        return bool(found["DBInstanceStatus"] == "available")

    eventually(status)
    return rds


def test_a_second_start_finds_the_first(folder: Path) -> None:
    first = start(folder, owner=True)
    second = start(folder)
    assert (first.joined, second.joined) == (False, True)
    assert (first.pid, first.endpoint) == (second.pid, second.endpoint)


def test_state_and_address_survive_a_restart(folder: Path) -> None:
    first = start(folder, owner=True)
    rds = make_database(first)
    rds.create_db_snapshot(DBSnapshotIdentifier="snap", DBInstanceIdentifier="kept")
    embedded.stop(folder)
    assert marked(folder) == []
    assert embedded.status(folder) is None
    second = start(folder, owner=True)
    assert second.endpoint == first.endpoint
    found = rds.describe_db_instances(DBInstanceIdentifier="kept")["DBInstances"][0]
    assert found["DBInstanceStatus"] == "available"
    (snapshot,) = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert (snapshot["DBSnapshotIdentifier"], snapshot["Status"]) == ("snap", "available")


def test_logs_on_their_way_survive_a_restart(folder: Path) -> None:
    """What S3 does not take, and what the stream does not take, is delivered after the next start."""
    pipeline = LogPipeline(start(folder, owner=True), firehose_statements=())
    group = make_group(pipeline.embedded)
    pipeline.subscribe(group)
    write_logs(pipeline.embedded, group, "in the stream")
    iam = client(pipeline.embedded, "iam")
    writer, reader = (arn.rsplit("/", 1)[-1] for arn in (pipeline.writer, pipeline.reader))
    kept = iam.get_role_policy(RoleName=writer, PolicyName="test")["PolicyDocument"]
    iam.delete_role_policy(RoleName=writer, PolicyName="test")
    write_logs(pipeline.embedded, group, "before the stream")
    embedded.stop(folder)
    start(folder, owner=True)
    everything = {"Version": "2012-10-17", "Statement": allow("*")}
    for name, policy in ((writer, kept), (reader, everything)):
        iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=json.dumps(policy))
    eventually(lambda: pipeline.messages(group) == ["before the stream", "in the stream"])


def test_a_deployment_under_way_does_not_hold_the_end_up(folder: Path) -> None:
    running = start(folder, owner=True)
    name = Functions(running).create("def handler(event, context): pass  # never answers the custom resource")
    resource = {"Type": "Custom::Waits", "Properties": {"ServiceToken": {"Fn::Sub": SILENT.format(name)}}}
    stacks = client(running, "cloudformation")
    stacks.create_stack(StackName="waits", TemplateBody=json.dumps({"Resources": {"Waits": resource}}))

    def status() -> str:
        return str(stacks.describe_stacks(StackName="waits")["Stacks"][0]["StackStatus"])

    assert status() == "CREATE_IN_PROGRESS"
    os.kill(running.pid, signal.SIGTERM)
    eventually(lambda: not is_locked(folder), within_s=20)
    start(folder, owner=True)
    assert status() == "ROLLBACK_FAILED"


def test_what_a_killed_cloud_left_is_ended_by_the_next_start(folder: Path) -> None:
    first = start(folder, owner=True)
    make_database(first)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: not is_locked(folder))
    left = marked(folder)
    assert left, "the database's server outlives a killed cloud"
    second = start(folder, owner=True)
    assert not set(left) & set(marked(folder))
    assert second.pid != first.pid


def test_it_ends_with_its_owner_however_that_ends(folder: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ops import embedded;"
        "embedded.start(Path(sys.argv[1]), sample=False, owner=True); print('up', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert owner.stdout
    with owner.stdout:
        assert owner.stdout.readline() == b"up\n"
    owner.kill()
    owner.wait()
    eventually(lambda: not is_locked(folder) and not marked(folder))


def test_reset_begins_afresh(folder: Path) -> None:
    make_database(start(folder, owner=True))
    embedded.reset(folder)
    assert not folder.exists()
    running = start(folder, owner=True)
    assert client(running, "rds").describe_db_instances()["DBInstances"] == []


def test_a_start_that_never_finished_is_begun_again(folder: Path) -> None:
    make_database(start(folder, owner=True))
    embedded.stop(folder)
    (folder / "seeded").unlink()
    running = start(folder, owner=True)
    assert client(running, "rds").describe_db_instances()["DBInstances"] == []


def test_it_listens_on_loopback_only(folder: Path) -> None:
    running = start(folder, owner=True)
    make_database(running)
    listening = {
        connection.laddr.ip
        for pid in marked(folder)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_credentials_of_nobody_are_refused(folder: Path) -> None:
    running = start(folder, owner=True)
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        client(running, "rds", account="AKIA" + "UNKNOWN" * 2).describe_db_instances()


def test_a_name_that_the_emulator_no_longer_has_is_told() -> None:
    with pytest.raises(EmbeddedError, match=r"lacks ministack\.services\.rds\._gone"):
        seams.check(["ministack.services.rds._ACTION_MAP", "ministack.services.rds._gone"])


def test_every_name_that_an_overlay_builds_on_is_checked_at_the_start() -> None:
    declaring = {
        ".".join(("ops.embedded", *path.relative_to(EMBEDDED).with_suffix("").parts))
        for path in EMBEDDED.rglob("*.py")
        if "\nSEAMS" in path.read_text("utf-8")
    }
    script = "import sys, ops.embedded.server\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert declaring and declaring <= set(loaded.split())


def test_a_start_that_fails_says_where_to_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.embedded.lifecycle._environment", lambda *_args, **_more: {"PATH": os.defpath})
    with pytest.raises(EmbeddedError, match="did not start") as caught:
        start(folder, owner=True)
    assert "server.log" in caught.value.hint
