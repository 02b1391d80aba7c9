"""The work of the snapshot pipeline's state machine: one action a state, each safe to run twice.

A state's input is the run, a flat dict that Preflight makes; its output is the run with what it learned.
Temporary resources have names derived from the run's and carry its tags; nothing else is ever deleted.
Lambda takes one file: `ops.templates.functions` puts the parts that are imported here into it.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from ops.functions.snapshots.ground import (
    PREFIX,
    SHARE_WITH,
    SOURCE,
    THROTTLED,
    NotReady,
    ProofFailed,
    Record,
    ResourceFailed,
    Throttled,
    code_of,
    is_ours,
    logs,
    rds,
    s3,
    secrets,
    sns,
    states,
    temporary_tags,
    told_of,
)
from ops.functions.snapshots.kinds import CLUSTERS, KINDS, Database, Kind, Snapshot, own_snapshots
from ops.functions.snapshots.preflight import find_source, preflight

BROKEN = ("failed", "incompatible-", "storage-full", "inaccessible-encryption", "restore-error")


def handler(event: Record, context: object) -> Record | None:
    try:
        return ACTIONS[event["action"]](event["run"])
    except ClientError as error:
        if code_of(error) in THROTTLED:
            raise Throttled(str(error)) from error
        raise


# Source snapshot


def take_snapshot(run: Record) -> Record:
    kind = KINDS[run["kind"]]
    run = {**run, "source": f"{run['temporary']}-source"}
    kind.create_snapshot(run, run["source"], SOURCE, temporary_tags(run))
    return {**run, "reencrypt": kind.must_copy(find_source()[1])}


def find_snapshot(run: Record) -> Record:
    """The newest finished snapshot of the source that holds production's data: automated or by hand."""
    kind = KINDS[run["kind"]]
    found = [
        item
        for item in kind.snapshots(of=SOURCE)
        if item.status == "available" and "slipway:pipeline" not in item.tags
    ]
    if not found:
        raise ResourceFailed(
            f"{SOURCE} has no finished snapshot. Let the pipeline take one, or turn backups on."
        )
    newest = max(found, key=lambda item: item.created)
    return {**run, "source": newest.id, "reencrypt": kind.must_copy(newest)}


def wait_for_source(run: Record) -> Record:
    return _snapshot_ready(run, run["source"])


def copy_snapshot(run: Record) -> Record:
    target = f"{run['temporary']}-copy"
    KINDS[run["kind"]].copy_snapshot(run, _snapshot(run, run["source"]), target)
    return {**run, "source": target}


# Temporary database


def restore_database(run: Record) -> Record:
    KINDS[run["kind"]].restore(run, _snapshot(run, run["source"]))
    return run


def wait_for_database(run: Record) -> Record:
    return _with_address(run, _ready(KINDS[run["kind"]], run["temporary"]))


def add_instance(run: Record) -> Record:
    """A restored cluster has none, and nothing answers without one."""
    CLUSTERS.add_instance(run)
    return run


def wait_for_instance(run: Record) -> Record:
    return _with_address(run, _all_ready(run)[0])


def set_password(run: Record) -> Record:
    """The stack's own password replaces production's; it is read here and appears in no state.

    Called again while the first call still takes effect, it waits and sets the same one once more.
    """
    _all_ready(run)
    secret = secrets.get_secret_value(SecretId=os.environ["SECRET"])["SecretString"]
    try:
        KINDS[run["kind"]].set_password(run["temporary"], json.loads(secret)["password"])
    except ClientError as error:
        if code_of(error) in ("InvalidDBInstanceState", "InvalidDBClusterStateFault"):
            raise NotReady(f"{run['temporary']} is being changed") from error
        raise
    return run


def wait_for_password(run: Record) -> Record:
    """`available` alone does not tell: the status lags behind the change."""
    for database in _all_ready(run):
        if database.pending:
            raise NotReady(f"{database.id}: {', '.join(database.pending)} still pending")
    return run


def _with_address(run: Record, database: Database) -> Record:
    if not database.host:
        raise NotReady(f"{database.id} has no address yet")
    return {**run, "host": database.host, "port": database.port}


def _all_ready(run: Record) -> list[Database]:
    return [_ready(kind, name) for kind, name in KINDS[run["kind"]].parts(run["temporary"])]


def _ready(kind: Kind, name: str) -> Database:
    database = kind.database(name)
    if not database:
        raise ResourceFailed(f"The temporary database {name} is gone.")
    if database.status.startswith(BROKEN):
        raise ResourceFailed(
            f"The temporary database {name} is {database.status}.{told_of(kind.db_event, name)}"
        )
    if database.status != "available":
        raise NotReady(f"{name} is {database.status}")
    return database


# Sanitized snapshot


def read_proof(run: Record) -> Record:
    """The checks that the task has printed: whole, each passed, and kept before anything is snapshotted."""
    told = _task_log(run["task"]["arn"].rsplit("/", 1)[-1])
    lines = [message for _, message in told]
    ends = [line for line in lines if line.startswith("REPORT-END ")]
    checks = [json.loads(line[7:]) for line in lines if line.startswith("REPORT {")]
    if not ends or len(checks) != int(ends[-1].split()[1]):
        raise NotReady("The task's report is not whole in its log yet")
    if not any(check["check"] == "drift" for check in checks):
        raise ProofFailed("The task has not compared the policy with the database.")
    if failed := [check for check in checks if not check["ok"]]:
        raise ProofFailed(f"{len(failed)} of {len(checks)} checks failed.")
    policy = next(check["policy"] for check in checks if check["check"] == "drift")
    key = f"snapshots/{SOURCE}/reports/{run['name']}.json"
    report = {
        "run": run["name"],
        "database": SOURCE,
        "policy": policy,
        "seconds": _durations(told),
        "checks": checks,
    }
    s3.put_object(Bucket=os.environ["SCRIPT_BUCKET"], Key=key, Body=json.dumps(report).encode())
    proof = {"report": key, "checks": str(len(checks)), "policy": str(policy)}
    return {**run, "proof": proof}


def _durations(told: list[tuple[int, str]]) -> dict[str, float]:
    """How long each script ran: its name stands in the log before what it says."""
    begun = [(at, message[8:].strip()) for at, message in told if message.startswith("Running ")]
    ended = next(at for at, message in told if message.startswith("REPORT"))
    following = [*(at for at, _ in begun[1:]), ended]
    return {name: round((end - at) / 1000, 1) for (at, name), end in zip(begun, following, strict=False)}


def _task_log(task: str) -> list[tuple[int, str]]:
    """Each line's time in milliseconds, and the line."""
    request: Record = {"logGroupName": os.environ["LOG_GROUP"], "logStreamName": f"run/sanitize/{task}"}
    lines: list[tuple[int, str]] = []
    token = None
    while True:
        more: Record = {"nextToken": token} if token else {}
        try:
            answer = logs.get_log_events(**request, startFromHead=True, **more)
        except logs.exceptions.ResourceNotFoundException as error:
            raise NotReady("The task's log is not there yet") from error
        lines += [(event["timestamp"], event["message"]) for event in answer["events"]]
        if answer["nextForwardToken"] == token:  # the same token again: the end, says the API
            return lines
        token = answer["nextForwardToken"]


def create_final(run: Record) -> Record:
    """Stays tagged as temporary until it is shared: a failure before that deletes it."""
    tags = [
        *temporary_tags(run),
        {"Key": "slipway:source", "Value": SOURCE},
        {"Key": "slipway:report", "Value": f"s3://{os.environ['SCRIPT_BUCKET']}/{run['proof']['report']}"},
        {"Key": "slipway:checks", "Value": run["proof"]["checks"]},
        {"Key": "slipway:policy", "Value": run["proof"]["policy"]},
    ]
    KINDS[run["kind"]].create_snapshot(run, run["final"], run["temporary"], tags)
    return run


def wait_for_final(run: Record) -> Record:
    return _snapshot_ready(run, run["final"])


def share(run: Record) -> Record:
    """Shares with exactly the accounts asked for; only then is the snapshot no longer temporary."""
    snapshot = _snapshot(run, run["final"])
    if not is_ours(snapshot.tags, run["name"]):
        raise ResourceFailed(f"The snapshot {run['final']} is not this run's.")
    if SHARE_WITH:
        KINDS[run["kind"]].share(run["final"], SHARE_WITH)
    rds.add_tags_to_resource(ResourceName=snapshot.arn, Tags=[{"Key": "slipway:sanitized", "Value": "true"}])
    rds.remove_tags_from_resource(ResourceName=snapshot.arn, TagKeys=["slipway:temporary", "slipway:expires"])
    return run


def delete_old(run: Record) -> Record:
    """Keeps the newest KEEP finished snapshots of this pipeline, this run's among them."""
    kind = KINDS[run["kind"]]
    finished = [item for item in own_snapshots(kind) if "slipway:sanitized" in item.tags]
    finished.sort(key=lambda item: item.created, reverse=True)
    for item in finished[int(os.environ["KEEP"]) :]:
        if item.id != run["final"]:
            kind.delete_snapshot(item.id)
    return run


def tell(run: Record) -> Record:
    """The notice of success, with the proof's summary. Told twice is no harm."""
    proof = run["proof"]
    sns.publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Sanitized snapshot of {SOURCE}"[:100],
        Message=f"{run['final']} was made and shared with {', '.join(SHARE_WITH) or 'nobody'}.\n"
        f"{proof['checks']} checks passed under policy version {proof['policy']}.\n"
        f"Proof: s3://{os.environ['SCRIPT_BUCKET']}/{proof['report']}",
    )
    return run


# Clean-up


def clean_up(run: Record) -> Record:
    """Deletes what is left of the run, however it ended; NotReady until nothing is."""
    left = []
    for kind, database in _temporary_databases(run["name"]):
        left.append(f"database {database.id} ({database.status})")
        if database.status != "deleting":
            kind.delete_database(database)
    for kind, item in _temporary_snapshots(run["name"]):
        left.append(f"snapshot {item.id} ({item.status})")
        kind.delete_snapshot(item.id)
    if left:
        raise NotReady("Still there: " + "; ".join(left))
    return run


def _temporary_databases(name: str = "") -> Iterator[tuple[Kind, Database]]:
    """Of a run, or of all of them: instances before the clusters that hold them."""
    for kind in KINDS.values():
        for database in kind.databases():
            ours = database.id.startswith(PREFIX)
            if ours and is_ours(database.tags, name or database.tags.get("slipway:run", "")):
                yield kind, database


def _temporary_snapshots(name: str = "") -> Iterator[tuple[Kind, Snapshot]]:
    for kind in KINDS.values():
        for item in own_snapshots(kind, run=name):
            if "slipway:temporary" in item.tags:
                yield kind, item


def abandoned(event: Record) -> None:
    """Called for a run that ended outside its own clean-up: starts one that cleans up after it."""
    name = event["name"]
    if name.startswith("clean-up-") or not _leftovers(name):
        return
    try:
        states.start_execution(
            stateMachineArn=event["stateMachineArn"],
            name=f"clean-up-{name}"[:80],
            input=json.dumps({"clean_up": name}),
        )
    except states.exceptions.ExecutionAlreadyExists:
        return  # the event was delivered twice


def sweep(event: Record) -> None:
    """Called every hour: starts a clean-up for each run that has ended and has left something behind."""
    machine = event["stateMachineArn"]
    for name in sorted(_leftovers()):
        if not _is_running(machine.replace(":stateMachine:", ":execution:") + f":{name}"):
            stamp = f"-{datetime.now(UTC):%m%d%H%M}"
            states.start_execution(
                stateMachineArn=machine,
                name=f"clean-up-{name}"[: 80 - len(stamp)] + stamp,
                input=json.dumps({"clean_up": name}),
            )


def _is_running(execution: str) -> bool:
    try:
        return bool(states.describe_execution(executionArn=execution)["status"] == "RUNNING")
    except states.exceptions.ExecutionDoesNotExist:
        return False  # forgotten after 90 days


def _leftovers(name: str = "") -> set[str]:
    """The runs that have something temporary, or the named one if it has."""
    found = [database.tags for _, database in _temporary_databases(name)]
    return {tags["slipway:run"] for tags in [*found, *(item.tags for _, item in _temporary_snapshots(name))]}


# Shared by the above


def _snapshot(run: Record, name: str) -> Snapshot:
    found = KINDS[run["kind"]].snapshot(name)
    if not found:
        raise ResourceFailed(f"The snapshot {name} is gone.")
    return found


def _snapshot_ready(run: Record, name: str) -> Record:
    item = _snapshot(run, name)
    if item.status.startswith(BROKEN):
        told = told_of(KINDS[run["kind"]].snap_event, name)
        raise ResourceFailed(f"The snapshot {name} is {item.status}.{told}")
    if item.status != "available":
        raise NotReady(f"{name} is {item.status}, {item.progress} %")
    return run


ACTIONS: dict[str, Callable[[Record], Record | None]] = {
    action.__name__: action
    for action in (
        preflight,
        take_snapshot,
        find_snapshot,
        wait_for_source,
        copy_snapshot,
        restore_database,
        wait_for_database,
        add_instance,
        wait_for_instance,
        set_password,
        wait_for_password,
        read_proof,
        create_final,
        wait_for_final,
        share,
        delete_old,
        tell,
        clean_up,
        abandoned,
        sweep,
    )
}
