"""The actions of the snapshot pipeline's state machine: one per state, each idempotent.

The input of a state is the run, a flat dict that Preflight creates; its output is the run with new entries.
Temporary resources have names derived from the name of the run, and its tags; nothing else is ever deleted.
An inline Lambda function is one file: `ops.templates.functions` merges the imported modules into it.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.functions.shared.tasks import run_task
from ops.functions.snapshots.common import (
    PIPELINE,
    PREFIX,
    SHARE_WITH,
    SOURCE,
    NotReady,
    ProofFailed,
    Record,
    ResourceFailed,
    ResourceMissing,
    error_code,
    is_ours,
    logs,
    rds,
    recent_events,
    s3,
    secrets,
    sns,
    states,
    temporary_tags,
    throttling_named,
)
from ops.functions.snapshots.kinds import (
    CLUSTERS,
    INSTANCES,
    KINDS,
    DatabaseDescription,
    DatabaseKind,
    SnapshotDescription,
    own_snapshots,
)
from ops.functions.snapshots.preflight import find_source, preflight

FAILED_STATUSES = ("failed", "incompatible-", "storage-full", "inaccessible-encryption", "restore-error")


def handler(event: Record, context: object) -> Any:
    def act() -> Record | None:
        with throttling_named():
            return ACTIONS[event["action"]](event["run"])

    with throttling_named():
        return run_task(event, event["run"].get("name", ""), states, act)


# Source snapshot


def take_snapshot(run: Record) -> Record:
    kind = KINDS[run["kind"]]
    run = {**run, "source": f"{run['temporary']}-source"}
    kind.create_snapshot(run, run["source"], SOURCE, temporary_tags(run))
    return {**run, "reencrypt": kind.must_copy(find_source()[1])}


def find_snapshot(run: Record) -> Record:
    """Find the newest available snapshot with production data, automated or manual."""
    kind = KINDS[run["kind"]]
    snapshots = [
        item
        for item in kind.snapshots(of=SOURCE)
        if item.status == "available" and "slipway:pipeline" not in item.tags
    ]
    if not snapshots:
        raise ResourceFailed(
            f"{SOURCE} has no available snapshot. Let the pipeline take one, or enable automated backups."
        )
    newest = max(snapshots, key=lambda item: item.created)
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
    return _with_endpoint(run, _available(KINDS[run["kind"]], run["temporary"]))


def add_instance(run: Record) -> Record:
    """Create an instance in a restored cluster, which has none and accepts no connections without one."""
    CLUSTERS.add_instance(run)
    return run


def wait_for_instance(run: Record) -> Record:
    return _with_endpoint(run, _all_available(run)[0])


def set_password(run: Record) -> Record:
    """Replace the production password with that of the stack. It is read here and appears in no state.

    Safe to repeat: while an earlier change is applied, it polls, and then sets the same password again.
    """
    _all_available(run)
    try:
        KINDS[run["kind"]].set_password(run["temporary"], _password())
    except ClientError as error:
        if error_code(error) in ("InvalidDBInstanceState", "InvalidDBClusterStateFault"):
            raise NotReady(f"{run['temporary']} is being modified") from error
        raise
    return run


def wait_for_password(run: Record) -> Record:
    """Wait until no change is pending. `available` is not enough: the status lags behind the change."""
    for database in _all_available(run):
        if database.pending:
            raise NotReady(f"{database.id}: {', '.join(database.pending)} still pending")
    return run


def create_new(run: Record) -> Record:
    """Create the empty database of a rebuild, with the password of the stack. It appears in no state."""
    INSTANCES.create(run, run["new"], key=_snapshot(run, run["source"]).key, password=_password())
    return run


def wait_for_new(run: Record) -> Record:
    return _with_endpoint(run, _available(INSTANCES, run["new"]), "new_")


def _with_endpoint(run: Record, database: DatabaseDescription, prefix: str = "") -> Record:
    if not database.host:
        raise NotReady(f"{database.id} has no endpoint yet")
    return {**run, f"{prefix}host": database.host, f"{prefix}port": database.port}


def _all_available(run: Record) -> list[DatabaseDescription]:
    return [_available(kind, name) for kind, name in KINDS[run["kind"]].parts(run["temporary"])]


def _password() -> str:
    secret = secrets.get_secret_value(SecretId=os.environ["SECRET"])["SecretString"]
    return str(json.loads(secret)["password"])


def _available(kind: DatabaseKind, name: str) -> DatabaseDescription:
    database = kind.database(name)
    if not database:
        raise ResourceMissing(f"The temporary database {name} no longer exists.")
    if database.status.startswith(FAILED_STATUSES):
        raise ResourceFailed(
            f"The temporary database {name} is {database.status}.{recent_events(kind.db_event, name)}"
        )
    if database.status != "available":
        raise NotReady(f"{name} is {database.status}")
    return database


# Sanitized snapshot


def read_proof(run: Record) -> Record:
    """Read the checks from the task log and store the report. Raises ProofFailed unless all checks passed."""
    task_log = _task_log(run["task"]["arn"].rsplit("/", 1)[-1])
    lines = [message for _, message in task_log]
    ends = [line for line in lines if line.startswith("REPORT-END ")]
    checks = [json.loads(line[7:]) for line in lines if line.startswith("REPORT {")]
    if not ends or len(checks) != int(ends[-1].split()[1]):
        raise NotReady("The task log does not contain the complete report yet")
    if not any(check["check"] == "drift" for check in checks):
        raise ProofFailed("The task did not compare the policy with the database.")
    if failed := [check for check in checks if not check["ok"]]:
        raise ProofFailed(f"{len(failed)} of {len(checks)} checks failed.")
    policy = next(check["policy"] for check in checks if check["check"] == "drift")
    key = f"snapshots/{SOURCE}/reports/{run['name']}.json"
    report = {
        "run": run["name"],
        "database": SOURCE,
        "policy": policy,
        "seconds": _script_seconds(task_log),
        "checks": checks,
    }
    s3.put_object(Bucket=os.environ["SCRIPT_BUCKET"], Key=key, Body=json.dumps(report).encode())
    proof = {"report": key, "checks": str(len(checks)), "policy": str(policy)}
    return {**run, "proof": proof}


def _script_seconds(task_log: list[tuple[int, str]]) -> dict[str, float]:
    """Return the duration of each script: the log has its name before its output."""
    started = [(at, message[8:].strip()) for at, message in task_log if message.startswith("Running ")]
    ended = next(at for at, message in task_log if message.startswith("REPORT"))
    next_starts = [*(at for at, _ in started[1:]), ended]
    return {name: round((end - at) / 1000, 1) for (at, name), end in zip(started, next_starts, strict=False)}


def _task_log(task: str) -> list[tuple[int, str]]:
    """Return the time in milliseconds and the message of each log line."""
    request: Record = {"logGroupName": os.environ["LOG_GROUP"], "logStreamName": f"run/sanitize/{task}"}
    lines: list[tuple[int, str]] = []
    token = None
    while True:
        more: Record = {"nextToken": token} if token else {}
        try:
            response = logs.get_log_events(**request, startFromHead=True, **more)
        except logs.exceptions.ResourceNotFoundException as error:
            raise NotReady("The task log does not exist yet") from error
        lines += [(event["timestamp"], event["message"]) for event in response["events"]]
        # API Reference, GetLogEvents: the same token again means the end of the stream.
        if response["nextForwardToken"] == token:
            return lines
        token = response["nextForwardToken"]


def create_final(run: Record) -> Record:
    """Take the final snapshot, tagged as temporary until it is shared: a failure before that deletes it."""
    tags = [
        *temporary_tags(run),
        {"Key": "slipway:source", "Value": SOURCE},
        {"Key": "slipway:report", "Value": f"s3://{os.environ['SCRIPT_BUCKET']}/{run['proof']['report']}"},
        {"Key": "slipway:checks", "Value": run["proof"]["checks"]},
        {"Key": "slipway:policy", "Value": run["proof"]["policy"]},
    ]
    # A run that started before an update of the stack has no such key.
    database = run["new"] if run.get("rebuild") else run["temporary"]
    KINDS[run["kind"]].create_snapshot(run, run["final"], database, tags)
    return run


def wait_for_final(run: Record) -> Record:
    return _snapshot_ready(run, run["final"])


def share(run: Record) -> Record:
    """Share the snapshot with the configured accounts only, then remove its temporary tags."""
    snapshot = _snapshot(run, run["final"])
    if not is_ours(snapshot.tags, run["name"]):
        raise ResourceFailed(f"The snapshot {run['final']} does not belong to this run.")
    if SHARE_WITH:
        KINDS[run["kind"]].share(run["final"], SHARE_WITH)
    rds.add_tags_to_resource(ResourceName=snapshot.arn, Tags=[{"Key": "slipway:sanitized", "Value": "true"}])
    rds.remove_tags_from_resource(ResourceName=snapshot.arn, TagKeys=["slipway:temporary", "slipway:expires"])
    return run


def delete_old(run: Record) -> Record:
    """Delete sanitized snapshots of this pipeline except the newest KEEP, including that of this run."""
    kind = KINDS[run["kind"]]
    sanitized = [item for item in own_snapshots(kind) if "slipway:sanitized" in item.tags]
    sanitized.sort(key=lambda item: item.created, reverse=True)
    for item in sanitized[int(os.environ["KEEP"]) :]:
        if item.id != run["final"]:
            kind.delete_snapshot(item.id)
    return run


def notify(run: Record) -> Record:
    """Send the notification of success, with the summary of the report."""
    proof = run["proof"]
    sns.publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Sanitized snapshot of {SOURCE}"[:100],
        Message=f"The snapshot {run['final']} was created and "
        f"{'shared with ' + ', '.join(SHARE_WITH) if SHARE_WITH else 'not shared'}.\n"
        f"Policy version {proof['policy']}: {proof['checks']} checks passed.\n"
        f"Report: s3://{os.environ['SCRIPT_BUCKET']}/{proof['report']}",
    )
    return run


# Clean-up


def clean_up(run: Record) -> Record:
    """Delete all temporary resources of a run. Raises NotReady until none exists."""
    remaining = []
    for kind, database in _temporary_databases(run["name"]):
        remaining.append(f"database {database.id} ({database.status})")
        if database.status != "deleting":
            kind.delete_database(database)
    for kind, item in _temporary_snapshots(run["name"]):
        remaining.append(f"snapshot {item.id} ({item.status})")
        kind.delete_snapshot(item.id)
    if remaining:
        raise NotReady("Not deleted yet: " + "; ".join(remaining))
    return run


def _temporary_databases(name: str = "") -> Iterator[tuple[DatabaseKind, DatabaseDescription]]:
    """Yield the temporary databases of a run, or of all runs: instances before their clusters."""
    for kind in KINDS.values():
        for database in kind.databases():
            has_prefix = database.id.startswith(PREFIX)
            if has_prefix and is_ours(database.tags, name or database.tags.get("slipway:run", "")):
                yield kind, database


def _temporary_snapshots(name: str = "") -> Iterator[tuple[DatabaseKind, SnapshotDescription]]:
    for kind in KINDS.values():
        for item in own_snapshots(kind, run=name):
            if "slipway:temporary" in item.tags:
                yield kind, item


def abandoned(event: Record) -> None:
    """Clean up after a run that did not succeed, and send its notification. Called by EventBridge.

    The notification is last: Lambda repeats a call that fails, and the clean-up must not wait for the topic.
    """
    _clean_up_after(event)
    sns.publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Snapshot pipeline {PIPELINE}: {event['status']}"[:100],
        Message=f"Snapshot pipeline {PIPELINE}: run {event['name']} ended with status {event['status']}. "
        "See the page Snapshots for the failed step and the cause.",
    )


def _clean_up_after(event: Record) -> None:
    """Start a clean-up run if a run has ended without its own clean-up."""
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
        return  # EventBridge delivers events at least once


def sweep(event: Record) -> None:
    """Start a clean-up run for each finished run that has leftovers. Called every hour."""
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
        return False  # Step Functions deletes executions after 90 days


def _leftovers(name: str = "") -> set[str]:
    """Return the names of the runs that have temporary resources; with `name`, only that run."""
    databases = [database.tags for _, database in _temporary_databases(name)]
    return {
        tags["slipway:run"] for tags in [*databases, *(item.tags for _, item in _temporary_snapshots(name))]
    }


# Shared by the above


def _snapshot(run: Record, name: str) -> SnapshotDescription:
    snapshot = KINDS[run["kind"]].snapshot(name)
    if not snapshot:
        raise ResourceMissing(f"The snapshot {name} no longer exists.")
    return snapshot


def _snapshot_ready(run: Record, name: str) -> Record:
    item = _snapshot(run, name)
    if item.status.startswith(FAILED_STATUSES):
        events = recent_events(KINDS[run["kind"]].snap_event, name)
        raise ResourceFailed(f"The snapshot {name} is {item.status}.{events}")
    if item.status != "available":
        raise NotReady(f"{name} is {item.status}, {item.progress}%")
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
        create_new,
        wait_for_new,
        wait_for_instance,
        set_password,
        wait_for_password,
        read_proof,
        create_final,
        wait_for_final,
        share,
        delete_old,
        notify,
        clean_up,
        abandoned,
        sweep,
    )
}
