"""The work of the snapshot pipeline's state machine: one action a state, each safe to run twice.

A state's input is the run, a flat dict that Preflight makes; its output is the run with what it learned.
Temporary resources have names derived from the run's and carry its tags; nothing else is ever deleted.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Record = dict[str, Any]
Tags = list[dict[str, str]]

PIPELINE = os.environ["PIPELINE"]  # the stack's name: value of the tag slipway:pipeline
PREFIX = os.environ["PREFIX"]  # of every temporary id; the role may touch no other instance
SUPPORTED = ("postgres",)
BROKEN = ("failed", "incompatible-", "storage-full", "inaccessible-encryption", "restore-error")
THROTTLED = ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException")
LONGEST_RUN = timedelta(days=3)  # what is older than that is nobody's any more: for a reader of tags
MAXIMUM_SHARES = 20  # accounts a snapshot: Amazon RDS User Guide, "Sharing a DB snapshot"

_config = Config(retries={"mode": "adaptive", "max_attempts": 6}, connect_timeout=5, read_timeout=20)
_make: Any = boto3.client  # one type for all: the runtime has no stubs
rds, kms, s3, secrets, states, logs, sns = (
    _make(name, config=_config)
    for name in ("rds", "kms", "s3", "secretsmanager", "stepfunctions", "logs", "sns")
)


class NotReady(Exception):
    """Not an error: look again later. The state machine retries on this name."""


class Throttled(Exception):
    """AWS throttled a call through all retries; the state machine waits and retries."""


class PreflightFailed(Exception):
    """The run cannot work; nothing was created."""


class ProofFailed(Exception):
    """The sanitized copy is not proven clean: nothing is snapshotted."""


class ResourceFailed(Exception):
    """A temporary resource has failed, vanished, or is not this run's."""


def handler(event: Record, context: object) -> Record | None:
    try:
        return ACTIONS[event["action"]](event["run"])
    except ClientError as error:
        if error.response["Error"]["Code"] in THROTTLED:
            raise Throttled(str(error)) from error
        raise


# Before anything is created


def preflight(run: Record) -> Record:
    """Reads what the run needs and refuses what cannot work. `run`: name, started (ISO 8601)."""
    database = _find_source()
    shares = [account for account in os.environ["SHARE_WITH"].split(",") if account]
    _check_shares(shares, database)
    _check_scripts()
    final = _final_id(run["started"])
    if (taken := _snapshot(final)) and not _is_ours(taken, run["name"]):
        raise PreflightFailed(f"A snapshot named {final} exists already. Choose another name format.")
    return {
        "name": run["name"],
        "temporary": PREFIX + hashlib.sha256(run["name"].encode()).hexdigest()[:10],
        "final": final,
        "expires": f"{_moment(run['started']) + LONGEST_RUN:%Y-%m-%dT%H:%MZ}",
        "user": database["MasterUsername"],
        "database": os.environ["DATABASE"] or database.get("DBName") or "postgres",
        "instance_class": os.environ["INSTANCE_CLASS"] or database["DBInstanceClass"],
        "take_snapshot": os.environ["USE_LATEST_SNAPSHOT"] != "true",
    }


def _find_source() -> Record:
    source = os.environ["SOURCE"]
    database = _instance(source)
    if not database:
        raise PreflightFailed(f"There is no database {source} in this account and region.")
    if database["Engine"] not in SUPPORTED:
        raise PreflightFailed(
            f"{source} runs {database['Engine']}; a pipeline can sanitize {', '.join(SUPPORTED)} only."
        )
    if database.get("DBClusterIdentifier"):
        raise PreflightFailed(f"{source} is a member of a cluster; a pipeline copies single instances only.")
    return database


def _check_shares(shares: list[str], database: Record) -> None:
    if bad := [account for account in shares if not re.fullmatch(r"\d{12}", account)]:
        raise PreflightFailed(f"{bad[0]!r} is not an account id: it has 12 digits.")
    if len(shares) > MAXIMUM_SHARES:
        raise PreflightFailed(
            f"A snapshot is shared with {MAXIMUM_SHARES} accounts at most, not {len(shares)}."
        )
    if shares and database["StorageEncrypted"] and not os.environ["KMS_KEY"]:
        key = kms.describe_key(KeyId=database["KmsKeyId"])["KeyMetadata"]
        if key["KeyManager"] == "AWS":
            raise PreflightFailed(
                f"{database['DBInstanceIdentifier']} is encrypted with the account's default key: its "
                "snapshots cannot be shared. Give the pipeline a customer managed key, or share with none."
            )


def _check_scripts() -> None:
    bucket, prefix = os.environ["SCRIPT_BUCKET"], os.environ["SCRIPT_PREFIX"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix.rstrip("/") + "/").get("Contents", [])
    scripts = [item for item in listed if item["Key"].endswith(".sql")]
    if not scripts:
        raise PreflightFailed(
            f"There is no .sql script under s3://{bucket}/{prefix}: nothing would be sanitized."
        )
    if empty := [item["Key"] for item in scripts if item["Size"] == 0]:
        raise PreflightFailed(f"The script s3://{bucket}/{empty[0]} is empty.")


def _final_id(started: str) -> str:
    moment = _moment(started)
    fields = {
        "database": os.environ["SOURCE"],
        "date": f"{moment:%Y%m%d}",
        "time": f"{moment:%H%M%S}",
    }
    name = re.sub(r"\{(\w+)\}", lambda m: fields.get(m[1], m[0]), os.environ["NAME_FORMAT"]).lower()
    if len(name) > 255 or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise PreflightFailed(
            f"The name format gives {name!r}, which is not a snapshot id: a letter first, then letters, "
            "digits and single hyphens, 255 at most. It may hold {database}, {date} and {time}."
        )
    return name


def _moment(started: str) -> datetime:
    return datetime.fromisoformat(started.replace("Z", "+00:00"))


# Source snapshot


def take_snapshot(run: Record) -> Record:
    run = {**run, "source": f"{run['temporary']}-source"}
    _create_snapshot(run, run["source"], os.environ["SOURCE"], _tags(run, temporary=True))
    return {**run, "reencrypt": _must_reencrypt(_find_source())}


def find_snapshot(run: Record) -> Record:
    """The newest finished snapshot of the source that holds production's data: automated or by hand."""
    found = [
        item
        for page in rds.get_paginator("describe_db_snapshots").paginate(
            DBInstanceIdentifier=os.environ["SOURCE"]
        )
        for item in page["DBSnapshots"]
        if item["Status"] == "available" and "slipway:pipeline" not in _tags_of(item)
    ]
    if not found:
        raise ResourceFailed(
            f"{os.environ['SOURCE']} has no finished snapshot. Let the pipeline take one, or turn backups on."
        )
    newest = max(found, key=lambda item: item["SnapshotCreateTime"])
    return {**run, "source": newest["DBSnapshotIdentifier"], "reencrypt": _must_reencrypt(newest)}


def _must_reencrypt(thing: Record) -> bool:
    """Whether a copy under the pipeline's key is needed: `thing` is an instance or a snapshot."""
    key = os.environ["KMS_KEY"]
    return bool(key) and key != thing.get("KmsKeyId")


def wait_for_source(run: Record) -> Record:
    return _snapshot_ready(run, run["source"])


def copy_snapshot(run: Record) -> Record:
    target = f"{run['temporary']}-copy"
    source = _snapshot(run["source"])
    if not source:
        raise ResourceFailed(f"The snapshot {run['source']} is gone.")
    request = {
        "SourceDBSnapshotIdentifier": source["DBSnapshotArn"],
        "TargetDBSnapshotIdentifier": target,
        "KmsKeyId": os.environ["KMS_KEY"],
        "Tags": _tags(run, temporary=True),
    }
    _once(lambda: rds.copy_db_snapshot(**request), "DBSnapshotAlreadyExists", lambda: _snapshot(target), run)
    return {**run, "source": target}


# Temporary database


def restore_database(run: Record) -> Record:
    request = {
        "DBInstanceIdentifier": run["temporary"],
        "DBSnapshotIdentifier": run["source"],
        "DBInstanceClass": run["instance_class"],
        "DBSubnetGroupName": os.environ["SUBNET_GROUP"],
        "VpcSecurityGroupIds": [os.environ["SECURITY_GROUP"]],
        "PubliclyAccessible": False,
        "MultiAZ": False,
        "DeletionProtection": False,
        "AutoMinorVersionUpgrade": False,
        "CopyTagsToSnapshot": False,
        "Tags": _tags(run, temporary=True),
    }
    source = _instance(os.environ["SOURCE"]) or {}
    if groups := source.get("DBParameterGroups"):
        request["DBParameterGroupName"] = groups[0]["DBParameterGroupName"]
    _once(
        lambda: rds.restore_db_instance_from_db_snapshot(**request),
        "DBInstanceAlreadyExists",
        lambda: _instance(run["temporary"]),
        run,
    )
    return run


def wait_for_database(run: Record) -> Record:
    database = _available_instance(run)
    return {**run, "host": database["Endpoint"]["Address"], "port": str(database["Endpoint"]["Port"])}


def set_password(run: Record) -> Record:
    """The stack's own password replaces production's; it is read here and appears in no state.

    Called again while the first call still takes effect, it waits and sets the same one once more.
    """
    _available_instance(run)
    secret = secrets.get_secret_value(SecretId=os.environ["SECRET"])["SecretString"]
    try:
        rds.modify_db_instance(
            DBInstanceIdentifier=run["temporary"],
            MasterUserPassword=json.loads(secret)["password"],
            BackupRetentionPeriod=0,
            ApplyImmediately=True,
        )
    except rds.exceptions.InvalidDBInstanceStateFault as error:
        raise NotReady(f"{run['temporary']} is being changed") from error
    return run


def wait_for_password(run: Record) -> Record:
    """`available` alone does not tell: the status lags behind ModifyDBInstance."""
    database = _available_instance(run)
    if database.get("PendingModifiedValues"):
        raise NotReady(f"{run['temporary']}: {', '.join(database['PendingModifiedValues'])} still pending")
    return run


def _available_instance(run: Record) -> Record:
    database = _instance(run["temporary"])
    if not database:
        raise ResourceFailed(f"The temporary database {run['temporary']} is gone.")
    status = database["DBInstanceStatus"]
    if status.startswith(BROKEN):
        raise ResourceFailed(f"The temporary database {run['temporary']} is {status}.")
    if status != "available" or not database.get("Endpoint", {}).get("Address"):
        raise NotReady(f"{run['temporary']} is {status}")
    return database


# Sanitized snapshot


def read_proof(run: Record) -> Record:
    """The checks that the task has printed: whole, each passed, and kept before anything is snapshotted."""
    lines = _task_lines(run["task"]["arn"].rsplit("/", 1)[-1])
    ends = [line for line in lines if line.startswith("REPORT-END ")]
    checks = [json.loads(line[7:]) for line in lines if line.startswith("REPORT {")]
    if not ends or len(checks) != int(ends[-1].split()[1]):
        raise NotReady("The task's report is not whole in its log yet")
    if not any(check["check"] == "drift" for check in checks):
        raise ProofFailed("The task has not compared the policy with the database.")
    if failed := [check for check in checks if not check["ok"]]:
        raise ProofFailed(f"{len(failed)} of {len(checks)} checks failed.")
    policy = next(check["policy"] for check in checks if check["check"] == "drift")
    key = f"snapshots/{os.environ['SOURCE']}/reports/{run['name']}.json"
    report = {"run": run["name"], "database": os.environ["SOURCE"], "policy": policy, "checks": checks}
    s3.put_object(Bucket=os.environ["SCRIPT_BUCKET"], Key=key, Body=json.dumps(report).encode())
    proof = {"report": key, "checks": str(len(checks)), "policy": str(policy)}
    return {**run, "proof": proof}


def _task_lines(task: str) -> list[str]:
    request: Record = {"logGroupName": os.environ["LOG_GROUP"], "logStreamName": f"run/sanitize/{task}"}
    lines: list[str] = []
    token = None
    while True:
        more: Record = {"nextToken": token} if token else {}
        try:
            answer = logs.get_log_events(**request, startFromHead=True, **more)
        except logs.exceptions.ResourceNotFoundException as error:
            raise NotReady("The task's log is not there yet") from error
        lines += [event["message"] for event in answer["events"]]
        if answer["nextForwardToken"] == token:  # the same token again: the end, says the API
            return lines
        token = answer["nextForwardToken"]


def create_final(run: Record) -> Record:
    """Stays tagged as temporary until it is shared: a failure before that deletes it."""
    tags = [
        *_tags(run, temporary=True),
        {"Key": "slipway:source", "Value": os.environ["SOURCE"]},
        {"Key": "slipway:report", "Value": f"s3://{os.environ['SCRIPT_BUCKET']}/{run['proof']['report']}"},
        {"Key": "slipway:checks", "Value": run["proof"]["checks"]},
        {"Key": "slipway:policy", "Value": run["proof"]["policy"]},
    ]
    _create_snapshot(run, run["final"], run["temporary"], tags)
    return run


def wait_for_final(run: Record) -> Record:
    return _snapshot_ready(run, run["final"])


def share(run: Record) -> Record:
    """Shares with exactly the accounts asked for; only then is the snapshot no longer temporary."""
    snapshot = _snapshot(run["final"])
    if not snapshot or not _is_ours(snapshot, run["name"]):
        raise ResourceFailed(f"The sanitized snapshot {run['final']} is gone, or is not this run's.")
    if accounts := [account for account in os.environ["SHARE_WITH"].split(",") if account]:
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=run["final"], AttributeName="restore", ValuesToAdd=accounts
        )
    rds.add_tags_to_resource(
        ResourceName=snapshot["DBSnapshotArn"], Tags=[{"Key": "slipway:sanitized", "Value": "true"}]
    )
    rds.remove_tags_from_resource(
        ResourceName=snapshot["DBSnapshotArn"], TagKeys=["slipway:temporary", "slipway:expires"]
    )
    return run


def delete_old(run: Record) -> Record:
    """Keeps the newest KEEP finished snapshots of this pipeline, this run's among them."""
    finished = [item for item in _own_snapshots() if "slipway:sanitized" in _tags_of(item)]
    finished.sort(key=lambda item: item["SnapshotCreateTime"], reverse=True)
    for item in finished[int(os.environ["KEEP"]) :]:
        if item["DBSnapshotIdentifier"] != run["final"]:
            _delete_snapshot(item["DBSnapshotIdentifier"])
    return run


def tell(run: Record) -> Record:
    """The notice of success, with the proof's summary. Told twice is no harm."""
    source, accounts = os.environ["SOURCE"], [each for each in os.environ["SHARE_WITH"].split(",") if each]
    proof = run["proof"]
    sns.publish(
        TopicArn=os.environ["TOPIC"],
        Subject=f"Sanitized snapshot of {source}"[:100],
        Message=f"{run['final']} was made and shared with {', '.join(accounts) or 'nobody'}.\n"
        f"{proof['checks']} checks passed under policy version {proof['policy']}.\n"
        f"Proof: s3://{os.environ['SCRIPT_BUCKET']}/{proof['report']}",
    )
    return run


# Clean-up


def clean_up(run: Record) -> Record:
    """Deletes what is left of the run, however it ended; NotReady until nothing is."""
    left = []
    for database in _temporary_instances(run["name"]):
        left.append(f"database {database['DBInstanceIdentifier']} ({database['DBInstanceStatus']})")
        if database["DBInstanceStatus"] != "deleting":
            _delete_instance(database["DBInstanceIdentifier"])
    for item in _temporary_snapshots(run["name"]):
        left.append(f"snapshot {item['DBSnapshotIdentifier']} ({item['Status']})")
        _delete_snapshot(item["DBSnapshotIdentifier"])
    if left:
        raise NotReady("Still there: " + "; ".join(left))
    return run


def _temporary_instances(name: str) -> Iterator[Record]:
    for page in rds.get_paginator("describe_db_instances").paginate():
        for database in page["DBInstances"]:
            ours = database["DBInstanceIdentifier"].startswith(PREFIX)
            if ours and _is_ours(database, name):
                yield database


def _temporary_snapshots(name: str) -> Iterator[Record]:
    for item in _own_snapshots():
        if _is_ours(item, name) and "slipway:temporary" in _tags_of(item):
            yield item


def _delete_instance(identifier: str) -> None:
    _gone(
        lambda: rds.delete_db_instance(
            DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=True
        )
    )


def _delete_snapshot(identifier: str) -> None:
    _gone(lambda: rds.delete_db_snapshot(DBSnapshotIdentifier=identifier))


def _gone(delete: Callable[[], object]) -> None:
    """A thing that is gone, or busy for now, is no error: the next look tells."""
    try:
        delete()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if not re.search(r"NotFound|^InvalidDB(Instance|Snapshot)State", code):
            raise


def abandoned(event: Record) -> None:
    """Called for a run that ended outside its own clean-up: starts one that cleans up after it."""
    name = event["name"]
    if name.startswith("clean-up-") or not _has_leftovers(name):
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
    for name in sorted({_tags_of(item)["slipway:run"] for item in _all_temporary()}):
        if not _is_running(machine.replace(":stateMachine:", ":execution:") + f":{name}"):
            stamp = f"-{datetime.now(UTC):%m%d%H%M}"
            states.start_execution(
                stateMachineArn=machine,
                name=f"clean-up-{name}"[: 80 - len(stamp)] + stamp,
                input=json.dumps({"clean_up": name}),
            )


def _all_temporary() -> Iterator[Record]:
    for page in rds.get_paginator("describe_db_instances").paginate():
        for database in page["DBInstances"]:
            ours = database["DBInstanceIdentifier"].startswith(PREFIX)
            if ours and _tags_of(database).get("slipway:pipeline") == PIPELINE:
                yield database
    for item in _own_snapshots():
        if "slipway:temporary" in _tags_of(item):
            yield item


def _is_running(execution: str) -> bool:
    try:
        return bool(states.describe_execution(executionArn=execution)["status"] == "RUNNING")
    except states.exceptions.ExecutionDoesNotExist:
        return False  # forgotten after 90 days


def _has_leftovers(name: str) -> bool:
    return any(_temporary_instances(name)) or any(_temporary_snapshots(name))


# Shared by the above


def _instance(identifier: str) -> Record | None:
    try:
        found: Record = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
        return found
    except rds.exceptions.DBInstanceNotFoundFault:
        return None


def _snapshot(identifier: str) -> Record | None:
    try:
        found: Record = rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"][0]
        return found
    except rds.exceptions.DBSnapshotNotFoundFault:
        return None


def _own_snapshots() -> Iterator[Record]:
    """Every manual snapshot that this pipeline made."""
    for page in rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual"):
        for item in page["DBSnapshots"]:
            if _tags_of(item).get("slipway:pipeline") == PIPELINE:
                yield item


def _create_snapshot(run: Record, identifier: str, database: str, tags: Tags) -> None:
    request = {"DBSnapshotIdentifier": identifier, "DBInstanceIdentifier": database, "Tags": tags}
    _once(
        lambda: rds.create_db_snapshot(**request),
        "DBSnapshotAlreadyExists",
        lambda: _snapshot(identifier),
        run,
    )


def _snapshot_ready(run: Record, identifier: str) -> Record:
    item = _snapshot(identifier)
    if not item:
        raise ResourceFailed(f"The snapshot {identifier} is gone.")
    if item["Status"].startswith(BROKEN):
        raise ResourceFailed(f"The snapshot {identifier} is {item['Status']}.")
    if item["Status"] != "available":
        raise NotReady(f"{identifier} is {item['Status']}, {item.get('PercentProgress', 0)} %")
    return run


def _once(create: Callable[[], object], exists: str, find: Callable[[], Record | None], run: Record) -> None:
    """Creates, or finds that an earlier try of this run has created it already."""
    try:
        create()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code != exists:
            raise
        if not _is_ours(find() or {}, run["name"]):
            raise ResourceFailed(f"{code}: the name is taken by something that is not this run's.") from error


def _tags(run: Record, temporary: bool) -> Tags:
    tags = {"slipway:pipeline": PIPELINE, "slipway:run": run["name"]}
    if temporary:
        tags |= {"slipway:temporary": "true", "slipway:expires": run["expires"]}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tags_of(thing: Record) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("TagList", [])}


def _is_ours(thing: Record, name: str) -> bool:
    tags = _tags_of(thing)
    return tags.get("slipway:pipeline") == PIPELINE and tags.get("slipway:run") == name


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
