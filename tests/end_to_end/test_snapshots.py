"""A sanitized snapshot from one click, end to end: real state machine, tasks, PostgreSQL, and IAM on."""

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psutil
import psycopg
import pytest

from ops.aws.cloudformation import deploy
from ops.aws.stepfunctions import executions as stepfunctions
from ops.embedded.ports import HOST
from ops.embedded.processes import MARKER
from ops.errors import Conflict, InputError
from ops.plan import Status
from ops.snapshots.compiler import REBUILD
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.pipeline.model import stack_spec, uploads
from ops.snapshots.pipeline.preflight import PASSED, WILL_FAIL, preflight
from ops.snapshots.pipeline.setup import prepare_pipeline
from ops.snapshots.runs import control as runs
from tests.contents import PERSONAL, read_contents, values
from tests.end_to_end.workbench import PEOPLE, PEOPLE_POLICY, Workbench, eventually, statuses

SHOP = "shop-production"
SLOW = "before = 'SELECT pg_sleep(60)'" + PEOPLE_POLICY


@pytest.fixture(scope="session")
def workbench(workbench_of_user: Workbench) -> Workbench:
    return workbench_of_user


@pytest.fixture
def database(workbench: Workbench) -> Iterator[str]:
    """Create a small production database with realistic people."""
    with workbench.people(PEOPLE) as name:
        yield name


def checksums(workbench: Workbench) -> dict[str, str]:
    """Return a checksum of the rows of each table of the production shop."""
    with workbench.connect_inside(workbench.production, SHOP, "shop") as connection:
        tables = values(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        query = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
        return {table: values(connection, query.format(table))[0] for table in tables}


def test_one_click_gives_qa_a_database_without_people(workbench: Workbench) -> None:
    before = checksums(workbench)
    with workbench.connect_inside(workbench.production, SHOP, "shop") as connection:
        found = {value for query in PERSONAL.values() for value in values(connection, query)}
        # A digest can contain a short hexadecimal word by chance.
        originals = {value for value in found if not re.fullmatch("[0-9a-f]{1,8}", value.casefold())}
        assert len(originals) > 0.99 * len(found)
        assert read_contents(connection).found(originals) == {value.casefold() for value in originals}
        rows = read_contents(connection).counts
    pipeline = workbench.deployed(SHOP)

    watched = workbench.run(pipeline)

    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert workbench.left(pipeline) == []
    (newest, *_) = workbench.sanitized(pipeline)
    assert newest.run == watched.execution.name
    assert newest.shared_with == (workbench.qa.account.id,)
    assert checksums(workbench) == before

    with restored_in_qa(workbench, newest.snapshot.arn) as connection:
        contents = read_contents(connection)
    assert contents.found(originals) == set()
    assert contents.counts == {**rows, "audit_log": 0}  # the policy truncates it


def restored_in_qa(workbench: Workbench, arn: str, database: str = "shop", user: str = "shop_admin") -> Any:
    """Restore as QA does: through the API, with a new password."""
    name, rds = f"qa-{uuid.uuid4().hex[:6]}", workbench.rds(workbench.qa)
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=arn)
    workbench.available(workbench.qa, name)
    rds.modify_db_instance(
        DBInstanceIdentifier=name, MasterUserPassword="qas-own-password", ApplyImmediately=True
    )
    return workbench.connect(workbench.qa, name, user, "qas-own-password", database)


def test_a_rebuilt_snapshot_holds_no_original_in_its_files(workbench: Workbench, database: str) -> None:
    pipeline = workbench.deploy(workbench.pipeline(database, PEOPLE_POLICY, method=REBUILD))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert workbench.left(pipeline) == []
    (newest, *_) = workbench.sanitized(pipeline)
    with restored_in_qa(workbench, newest.snapshot.arn, "app", "master") as connection:
        emails = values(connection, "SELECT email FROM people")
        restored = connection.info.port
    assert len(emails) == 50 and all(email.endswith("@example.com") for email in emails)
    assert _files_with(workbench, "real.test", port=restored) == []
    production = workbench.available(workbench.production, database)["Endpoint"]["Port"]
    assert _files_with(workbench, "real.test", port=production)


def _files_with(workbench: Workbench, text: str, *, port: int) -> list[str]:
    """Return the files of the server on a port that contain the text."""
    password = (workbench.data / "embedded/postgres/rdsadmin").read_text()
    with psycopg.connect(
        host=HOST, port=port, user="rdsadmin", password=password, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute("CHECKPOINT")
        (folder,) = values(connection, "SHOW data_directory")
    found = subprocess.run(["grep", "-rlia", text, folder], capture_output=True, text=True)
    assert found.returncode < 2, found.stderr
    return found.stdout.splitlines()


@pytest.mark.thorough
def test_a_task_needs_the_route_that_the_preflight_checks(workbench: Workbench) -> None:
    """The source listens on a port of its own; the copy gets the one that the security groups allow."""
    name = f"port-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, PEOPLE, Port=5433)
    for public_ip, verdict in ((False, WILL_FAIL), (True, PASSED)):
        settings = workbench.pipeline(name, PEOPLE_POLICY, assign_public_ip=public_ip)
        checks = preflight(workbench.cloud, workbench.production, settings, datetime.now(UTC))
        assert {check.subject: check.verdict for check in checks}["Image registry access"] is verdict
        pipeline = workbench.deploy(settings)
        watched = workbench.run(pipeline)
        assert watched.execution.status == ("SUCCEEDED" if public_ip else "FAILED"), watched.execution.cause
        assert ("connection issue between the task" in (watched.execution.cause or "")) is not public_ip
        assert workbench.left(pipeline) == []
    workbench.rds(workbench.production).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.mark.thorough
def test_success_and_failure_send_notifications(workbench: Workbench, database: str) -> None:
    pipeline = workbench.deploy(workbench.pipeline(database, PEOPLE_POLICY))
    place = workbench.production
    sns = workbench.client("sns", place)
    sqs = workbench.client("sqs", place)
    queue = sqs.create_queue(QueueName=f"{database}-notices")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [may_send]})}
    )
    sns.subscribe(TopicArn=pipeline.stack.outputs["Topic"], Protocol="sqs", Endpoint=arn)

    def received() -> str:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return "\n".join(json.loads(message["Body"])["Message"] for message in messages)

    run = workbench.run(pipeline).execution
    assert run.status == "SUCCEEDED", run.cause
    assert statuses(run)["Send notification"] == "succeeded", [
        step for step in run.steps if step.name == "Send notification"
    ]
    message = eventually(received)
    assert f"shared with {workbench.qa.account.id}" in message
    assert "Policy version 1: " in message and "checks passed" in message
    pipeline = workbench.deploy(workbench.pipeline(database, "after = 'nonsense'" + PEOPLE_POLICY))
    failed = workbench.run(pipeline).execution
    assert f"{failed.name} ended with status FAILED" in eventually(received)


def _password(secret: str) -> str:
    """Return the password of a secret: RDS' is JSON, one that CloudFormation generated is the password."""
    try:
        return str(json.loads(secret)["password"])
    except ValueError:
        return secret


@pytest.mark.thorough
def test_no_password_appears_anywhere(workbench: Workbench, database: str) -> None:
    place = workbench.production
    secrets = workbench.client("secretsmanager", place)
    kept = secrets.create_secret(Name=f"fakes/{database}", SecretString="f" * 20 + database.rjust(20, "-"))
    pipeline = workbench.deploy(workbench.pipeline(database, PEOPLE_POLICY, fake_secret=kept["ARN"]))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", "the execution role can read the kept secret"
    names = (pipeline.name, f"fakes/{database}")
    found = [item for item in secrets.list_secrets()["SecretList"] if item["Name"].startswith(names)]
    held = [secrets.get_secret_value(SecretId=item["ARN"])["SecretString"] for item in found]
    hidden = [_password(value) for value in held]
    client = workbench.client("stepfunctions", place)
    ecs = workbench.client("ecs", place)
    tasks = ecs.describe_tasks(cluster=pipeline.stack.outputs["ClusterArn"], tasks=[watched.task])
    seen = {
        "history": stepfunctions.read_history(client, watched.execution.arn),
        "description": stepfunctions.describe_execution(client, watched.execution.arn),
        "tasks": tasks["tasks"],
        "log": workbench.log(pipeline, watched),
    }
    assert [len(secret) for secret in hidden] == [40, 40]  # the password and the secret of the fakes
    for secret in hidden:
        assert {where for where, what in seen.items() if secret in json.dumps(what, default=str)} == set()


@pytest.mark.thorough
def test_a_sql_error_fails_the_run_and_leaves_nothing(workbench: Workbench, database: str) -> None:
    pipeline = workbench.deploy(
        workbench.pipeline(database, "after = 'UPDATE nowhere SET x = 1'" + PEOPLE_POLICY)
    )
    watched = workbench.run(pipeline)
    steps = statuses(watched.execution)
    assert watched.execution.status == "FAILED"
    assert watched.execution.failed_step is not None
    assert watched.execution.failed_step.name == "Sanitize"
    assert "exit code 3" in watched.execution.failed_step.cause
    assert any('relation "nowhere" does not exist' in line for line in workbench.log(pipeline, watched))
    assert (steps["Share"], steps["Clean up after failure"]) == ("skipped", "succeeded")
    assert workbench.sanitized(pipeline) == []
    assert workbench.left(pipeline) == []
    assert running_tasks(workbench, pipeline) == []
    names = [
        item["DBSnapshotIdentifier"]
        for item in workbench.rds(workbench.production).describe_db_snapshots(SnapshotType="manual")[
            "DBSnapshots"
        ]
        if database in item["DBSnapshotIdentifier"] or item["DBInstanceIdentifier"] == database
    ]
    assert names == []
    assert no_server_but(workbench)


def running_tasks(workbench: Workbench, pipeline: DeployedPipeline) -> list[str]:
    place = workbench.production
    ecs = workbench.client("ecs", place)
    found: list[str] = ecs.list_tasks(cluster=pipeline.stack.outputs["ClusterArn"])["taskArns"]
    return found


def no_server_but(workbench: Workbench) -> bool:
    """Return whether every PostgreSQL process belongs to an existing instance."""
    instances = 0
    for place in workbench.cloud.places:
        found = workbench.rds(place).describe_db_instances()["DBInstances"]
        instances += sum(item["Engine"] == "postgres" for item in found)
    servers = 0
    for process in psutil.process_iter(["name"]):
        try:
            marked = process.environ().get(MARKER) == str(workbench.data / "embedded")
            parent = process.parent()
            servers += marked and process.name() == "postgres" and (not parent or parent.name() != "postgres")
        except (psutil.Error, OSError):
            continue
    return servers == instances


@pytest.mark.thorough
def test_the_latest_snapshot_is_used_and_only_so_many_are_kept(workbench: Workbench, database: str) -> None:
    rds = workbench.rds(workbench.production)
    rds.create_db_snapshot(DBSnapshotIdentifier=f"{database}-nightly", DBInstanceIdentifier=database)
    eventually(
        lambda: (
            rds.describe_db_snapshots(DBSnapshotIdentifier=f"{database}-nightly")["DBSnapshots"][0]["Status"]
            == "available"
        )
    )
    pipeline = workbench.deploy(
        workbench.pipeline(database, PEOPLE_POLICY, use_latest_snapshot=True, keep=1, share_with=())
    )
    first, second = workbench.run(pipeline), workbench.run(pipeline)
    assert statuses(second.execution)["Find latest snapshot"] == "succeeded"
    assert statuses(second.execution)["Take snapshot"] == "skipped"
    assert first.execution.status == second.execution.status == "SUCCEEDED"
    assert [item.run for item in workbench.sanitized(pipeline)] == [second.execution.name]
    assert workbench.sanitized(pipeline)[0].shared_with == ()
    rds.delete_db_snapshot(DBSnapshotIdentifier=f"{database}-nightly")  # the user's own is still there


@pytest.mark.thorough
def test_a_default_key_is_replaced_before_sharing(workbench: Workbench) -> None:
    name = f"secret-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, PEOPLE, StorageEncrypted=True)
    place = workbench.production
    key = workbench.client("kms", place).create_key()["KeyMetadata"]["Arn"]
    wanted = workbench.pipeline(name, PEOPLE_POLICY)
    with pytest.raises(InputError, match="default key"):
        prepare_pipeline(workbench.cloud, place, wanted, datetime.now(UTC))
    pipeline = workbench.deploy(replace(wanted, kms_key=key))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert statuses(watched.execution)["Copy with own key"] == "succeeded"
    (made,) = workbench.sanitized(pipeline)
    assert made.snapshot.kms_key == key
    assert made.shared_with == (workbench.qa.account.id,)
    assert workbench.left(pipeline) == []
    workbench.rds(place).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_everything_can_be_under_customer_keys(workbench: Workbench) -> None:
    """The source, the snapshot, and the bucket of the scripts each have a key of their own."""
    name, place = f"keys-{uuid.uuid4().hex[:6]}", workbench.production
    kms, s3 = (workbench.client(service, place) for service in ("kms", "s3"))
    source, result, scripts = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(3))
    workbench.make_database(name, PEOPLE, StorageEncrypted=True, KmsKeyId=source)
    bucket = deploy.staging_bucket(place.account.id, place.region)
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": scripts}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": True}]
        },
    )
    try:
        pipeline = workbench.deploy(workbench.pipeline(name, PEOPLE_POLICY, kms_key=result))
        watched = workbench.run(pipeline)
        report = s3.head_object(Bucket=bucket, Key=f"snapshots/{name}/reports/{watched.execution.name}.json")
    finally:
        s3.delete_bucket_encryption(Bucket=bucket)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert pipeline.stack.parameters["SourceKeyArn"] == source
    (made,) = workbench.sanitized(pipeline)
    assert made.snapshot.kms_key == result
    assert report["SSEKMSKeyId"] == scripts
    assert workbench.left(pipeline) == []
    workbench.rds(place).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.mark.thorough
def test_every_call_is_idempotent(workbench: Workbench, database: str) -> None:
    """A call succeeded but its response was lost: it is repeated with the same input."""
    pipeline = workbench.deploy(workbench.pipeline(database, PEOPLE_POLICY))
    place = workbench.production
    client = workbench.client("stepfunctions", place)
    definition = json.loads(client.describe_state_machine(stateMachineArn=pipeline.machine)["definition"])
    client.update_state_machine(stateMachineArn=pipeline.machine, definition=json.dumps(doubled(definition)))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert statuses(watched.execution)["Share first"] == "succeeded"
    (made,) = workbench.sanitized(pipeline)
    assert made.shared_with == (workbench.qa.account.id,)
    assert workbench.left(pipeline) == []


def doubled(definition: dict[str, Any]) -> dict[str, Any]:
    """Return the state machine with every handler call repeated."""
    states: dict[str, Any] = {}
    calls = {
        name for name, state in definition["States"].items() if "lambda:invoke" in state.get("Resource", "")
    }
    for name, state in definition["States"].items():
        states[name] = redirected(state, calls)
        if name in calls:
            first = {key: value for key, value in redirected(state, calls).items() if key != "OutputPath"}
            states[f"{name} first"] = {**first, "ResultPath": None, "Next": name}
    return {**definition, "States": states}


def redirected(value: Any, calls: set[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: f"{each} first" if key in ("Next", "Default") and each in calls else redirected(each, calls)
            for key, each in value.items()
        }
    return [redirected(each, calls) for each in value] if isinstance(value, list) else value


def test_a_second_click_starts_nothing_and_stopping_leaves_nothing(
    workbench: Workbench, database: str
) -> None:
    pipeline = workbench.deploy(workbench.pipeline(database, SLOW))
    name = workbench.refresh(pipeline)
    with pytest.raises(Conflict, match=name):
        workbench.refresh(pipeline)

    def sanitizing() -> bool:
        return bool(statuses(workbench.watch(pipeline, name).execution)["Sanitize"] == "running")

    eventually(sanitizing)
    outcome = workbench.carry_out(runs.plan_stop(workbench.cloud, pipeline, name))
    assert [result.status for result in outcome.results] == [Status.DONE, Status.DONE]
    assert workbench.ended(pipeline, name).execution.status == "ABORTED"
    assert statuses(workbench.watch(pipeline, name).execution)["Sanitize"] == "aborted"
    eventually(lambda: not workbench.left(pipeline) and not running_tasks(workbench, pipeline))
    assert workbench.sanitized(pipeline) == []


@pytest.mark.thorough
def test_an_aborted_run_is_cleaned_up(workbench: Workbench, database: str) -> None:
    """The run is aborted outside Slipway: the event of its end starts the clean-up."""
    pipeline = workbench.deploy(workbench.pipeline(database, SLOW))
    name = workbench.refresh(pipeline)
    eventually(lambda: workbench.left(pipeline))
    place = workbench.production
    client = workbench.client("stepfunctions", place)
    stepfunctions.stop_execution(client, runs.execution_arn(pipeline, name), "by somebody else")
    cleaned = eventually(
        lambda: [item for item in runs.list_runs(workbench.cloud, pipeline) if runs.is_clean_up(item.name)]
    )
    assert cleaned[0].name == f"clean-up-{name}"
    assert workbench.ended(pipeline, cleaned[0].name).execution.status == "SUCCEEDED"
    assert workbench.left(pipeline) == []


@pytest.mark.thorough
def test_the_sweeper_cleans_up_after_ended_runs_and_only_those(workbench: Workbench, database: str) -> None:
    pipeline = workbench.deploy(workbench.pipeline(database, SLOW))
    rds, place = workbench.rds(workbench.production), workbench.production
    tags = {"slipway:pipeline": pipeline.name, "slipway:run": "long-gone", "slipway:temporary": "true"}
    rds.create_db_snapshot(
        DBSnapshotIdentifier=f"{database}-left",
        DBInstanceIdentifier=database,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    name = workbench.refresh(pipeline)
    eventually(lambda: len(workbench.left(pipeline)) >= 3)
    function = workbench.client("lambda", place)
    cloudformation_ = workbench.client("cloudformation", place)
    handler = cloudformation_.describe_stack_resource(StackName=pipeline.name, LogicalResourceId="Handler")
    event = {"action": "sweep", "run": {"stateMachineArn": pipeline.machine}}
    answer = function.invoke(
        FunctionName=handler["StackResourceDetail"]["PhysicalResourceId"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    eventually(lambda: f"{database}-left" not in workbench.left(pipeline))
    assert workbench.watch(pipeline, name).execution.status == "RUNNING"
    assert len(workbench.left(pipeline)) >= 2
    workbench.must(runs.plan_stop(workbench.cloud, pipeline, name))
    eventually(lambda: not workbench.left(pipeline))


def test_an_unchanged_pipeline_is_up_to_date_and_a_changed_one_is_updated(
    workbench: Workbench, database: str
) -> None:
    wanted = workbench.pipeline(database, PEOPLE_POLICY)
    made = workbench.deploy(wanted)
    again = workbench.deploy(wanted)
    assert again.stack.updated == made.stack.updated
    policy = PEOPLE_POLICY + "# and a word more"
    changed = workbench.deploy(replace(wanted, keep=7, policy=policy))
    assert changed.stack.parameters["KeepSnapshots"] == "7"
    assert catalog.read_policy(workbench.cloud, changed) == policy


def test_an_existing_name_fails_before_anything_is_created(workbench: Workbench, database: str) -> None:
    """The form rejects such a format; the CloudFormation console accepts it."""
    place, name = workbench.production, f"{database}-taken"
    workbench.rds(place).create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database)
    wanted = workbench.pipeline(database, PEOPLE_POLICY)
    bucket = deploy.staging_bucket(place.account.id, place.region)
    spec = stack_spec(replace(wanted, name_format=name), place, bucket)
    workbench.deploy_stack(spec, deploy.plan_preview(workbench.cloud, spec, uploads(wanted)))
    pipeline = workbench.deployed(database)
    watched = workbench.run(pipeline)
    assert watched.execution.status == "FAILED"
    assert "already exists" in watched.execution.cause
    assert statuses(watched.execution)["Preflight"] == "failed"
    assert workbench.left(pipeline) == []
