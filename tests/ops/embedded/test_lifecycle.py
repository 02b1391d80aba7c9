"""The embedded cloud's process: one for each folder, persistent state, no process left behind."""

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
    """A cloud's folder that the user nobody can access; the test ends every process in it."""
    parent = Path(tempfile.mkdtemp(prefix="slipway-life-"))
    parent.chmod(0o755)
    yield parent / "cloud"
    embedded.reset(parent / "cloud")
    shutil.rmtree(parent, ignore_errors=True)


def start(folder: Path, **more: Any) -> embedded.RunningCloud:
    return embedded.start(folder, delay_s=DELAY_S, sample=False, **more)


def marked(folder: Path) -> list[int]:
    """Return the processes of the folder's cloud."""
    pids = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == str(folder):
                pids.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return pids


def create_database(running: embedded.RunningCloud) -> Any:
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
        instance = rds.describe_db_instances(DBInstanceIdentifier="kept")["DBInstances"][0]
        return bool(instance["DBInstanceStatus"] == "available")

    eventually(status)
    return rds


def test_a_second_start_finds_the_first(folder: Path) -> None:
    first = start(folder, owner=True)
    second = start(folder)
    assert (first.joined, second.joined) == (False, True)
    assert (first.pid, first.endpoint) == (second.pid, second.endpoint)


def test_a_damaged_state_file_is_named_and_never_read_as_empty(folder: Path) -> None:
    client(start(folder, owner=True), "kinesis").create_stream(StreamName="kept", ShardCount=1)
    embedded.stop(folder)
    saved = folder / "state/kinesis.json"
    whole = saved.read_bytes()
    saved.write_bytes(whole.replace(b"kept", b"lost"))
    for _ in range(2):  # the second start does not find the file, and is not empty either
        with pytest.raises(EmbeddedError, match="saved state of kinesis is damaged") as refused:
            start(folder, owner=True)
        assert f"{saved}.damaged" in str(refused.value)
    saved.write_bytes(whole)
    restored = client(start(folder, owner=True), "kinesis").list_streams()
    assert restored["StreamNames"] == ["kept"]


def test_state_that_cannot_be_loaded_stops_the_start(folder: Path) -> None:
    start(folder, owner=True)
    embedded.stop(folder)
    saved = folder / "state/kinesis.json"
    saved.write_text('{"__ministack_format__": 3, "payload": "no streams"}')
    with pytest.raises(EmbeddedError, match="did not start"):
        start(folder, owner=True)
    assert "no streams" in saved.read_text()


def test_state_and_address_survive_a_restart(folder: Path) -> None:
    first = start(folder, owner=True)
    rds = create_database(first)
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


def test_logs_in_transit_survive_a_restart(folder: Path) -> None:
    """Records that S3 or the stream has not accepted are delivered after the next start."""
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


@pytest.mark.thorough
def test_a_deployment_in_progress_does_not_delay_the_stop(folder: Path) -> None:
    running = start(folder, owner=True)
    name = Functions(running).create(
        "def handler(event, context): pass  # never responds to the custom resource"
    )
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


def test_the_next_start_terminates_the_processes_of_a_killed_cloud(folder: Path) -> None:
    first = start(folder, owner=True)
    create_database(first)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: not is_locked(folder))
    left = marked(folder)
    assert left, "the database's server outlives a killed cloud"
    second = start(folder, owner=True)
    assert not set(left) & set(marked(folder))
    assert second.pid != first.pid


def test_it_stops_with_its_owner_even_if_that_is_killed(folder: Path) -> None:
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


@pytest.mark.thorough
def test_reset_deletes_the_state(folder: Path) -> None:
    create_database(start(folder, owner=True))
    embedded.reset(folder)
    assert not folder.exists()
    running = start(folder, owner=True)
    assert client(running, "rds").describe_db_instances()["DBInstances"] == []


@pytest.mark.thorough
def test_an_interrupted_first_start_begins_again(folder: Path) -> None:
    create_database(start(folder, owner=True))
    embedded.stop(folder)
    (folder / "seeded").unlink()
    running = start(folder, owner=True)
    assert client(running, "rds").describe_db_instances()["DBInstances"] == []


@pytest.mark.thorough
def test_it_listens_on_loopback_only(folder: Path) -> None:
    running = start(folder, owner=True)
    create_database(running)
    listening = {
        connection.laddr.ip
        for pid in marked(folder)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_unknown_credentials_are_rejected(folder: Path) -> None:
    running = start(folder, owner=True)
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        client(running, "rds", account="AKIA" + "UNKNOWN" * 2).describe_db_instances()


def test_a_missing_name_of_the_emulator_is_reported() -> None:
    with pytest.raises(EmbeddedError, match=r"lacks ministack\.services\.rds\._gone"):
        seams.check(["ministack.services.rds._ACTION_MAP", "ministack.services.rds._gone"])


def test_startup_checks_every_name_that_an_overlay_uses() -> None:
    declaring = {
        ".".join(("ops.embedded", *path.relative_to(EMBEDDED).with_suffix("").parts))
        for path in EMBEDDED.rglob("*.py")
        if "\nSEAMS" in path.read_text("utf-8")
    }
    script = "import sys, ops.embedded.server\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert declaring and declaring <= set(loaded.split())


def test_a_failed_start_names_the_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.embedded.lifecycle._environment", lambda *_args, **_more: {"PATH": os.defpath})
    with pytest.raises(EmbeddedError, match="did not start") as caught:
        start(folder, owner=True)
    assert "server.log" in caught.value.hint
