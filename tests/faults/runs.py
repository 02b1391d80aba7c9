"""The state machine and the handler of a pipeline, run on the cloud in this process."""

import io
import json
import os
import threading
import time
import types
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.retries.adaptive import ClientRateLimiter
from ministack.services import rds
from ministack.services import stepfunctions as sf

from ops.aws.stepfunctions.history import Execution, read_execution
from ops.embedded.context import OverlayContext
from ops.embedded.rds.common import DATA
from ops.embedded.stepfunctions import executions, language
from ops.embedded.stepfunctions import history as stepfunctions_history
from ops.snapshots.pipeline import machine
from ops.templates.functions import function_source
from tests.faults.cells import ECS, LAMBDA
from tests.faults.cloud import CLEAN, HALF, REGION, Cloud
from tests.faults.monitor.records import Call as Made
from tests.faults.monitor.records import Lines

Record = dict[str, Any]
CODE = compile(function_source("snapshots"), "snapshots.py", "exec")
PREFIX = "slipway-tmp-00000000-"
PIPELINE, GROUP = "snapshots-prod", "/slipway/snapshots/snapshots-prod"
PASSWORD = "temporary-9c41d07b"
LOOKS = 25  # instead of 300: nothing takes longer here
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

# A wrapper around an integration: the name of the call, the state, and the function that makes it.
Around = Callable[[str, str, Callable[[], Any]], Any]


def install(cloud: Cloud, pipelines: Callable[[], "Pipeline"]) -> None:
    """Install the interpreter of the embedded cloud with simulated time. Call once per process."""
    nothing = OverlayContext(cloud.storage.paper.root, 0)
    for overlay in (stepfunctions_history, executions, language):
        overlay.install(nothing)
    sf.time = types.SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    sf._SFN_WAIT_SCALE = 0
    # After a throttled call, botocore would spread later calls over real time.
    ClientRateLimiter.on_sending_request = lambda self, request, **_: None  # type: ignore[method-assign]
    sf._emit_execution_status_event = lambda execution: None
    sf._invoke_resource = lambda resource, data: pipelines().integrate(resource, data)
    sf._invoke_resource_with_timeout = lambda resource, data, timeout: pipelines().integrate(resource, data)
    sf._invoke_with_callback = lambda resource, data, token, state: pipelines().integrate(
        resource, data, token
    )
    pause = executions.pause

    def pass_time(seconds: float) -> None:
        cloud.storage.pass_time()
        pause(0)

    executions.pause = pass_time


@dataclass
class Pipeline:
    """A pipeline in its own account."""

    cloud: Cloud
    kind: str
    key: str = ""
    latest: bool = False
    encrypted: bool = False
    rebuild: bool = False
    around: Around = lambda name, state, make: make()
    code: Record = field(default_factory=dict)
    current: Record = field(default_factory=dict)
    stop: bool = False
    inside: bool = False  # in the task: its calls are not calls of the state machine
    runs: int = 0
    task_ends: str = ""  # before its end: killed after half of the changes, or short of its report's end

    @property
    def bucket(self) -> str:
        return f"scripts-{self.cloud.account}"

    @property
    def arn(self) -> str:
        return f"arn:aws:states:{REGION}:{self.cloud.account}:stateMachine:{PIPELINE}"

    def deploy(self, changed: dict[str, str] | None = None) -> None:
        """Create production, scripts, secrets, topic, state machine, and the handler with its environment."""
        cloud = self.cloud
        cloud.client("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        cloud.client("s3").put_object(Bucket=self.bucket, Key="snapshots/prod/1/01-x.sql", Body=b"SELECT 1")
        secret = cloud.client("secretsmanager").create_secret(
            Name="s", SecretString=json.dumps({"password": PASSWORD})
        )
        topic = cloud.client("sns").create_topic(Name="t")["TopicArn"]
        cloud.client("logs").create_log_group(logGroupName=GROUP)
        if self.key:
            self.key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
        self._make_production()
        self._load({"SECRET": secret["ARN"], "TOPIC": topic, **(changed or {})})
        text = machine.text().replace(machine.POLL, "1").replace("${AWS::Partition}", "aws")
        text = text.replace(f'"MaxAttempts": {machine.POLL_ATTEMPTS}', f'"MaxAttempts": {LOOKS}')
        with cloud.scope():
            made = {"name": PIPELINE, "definition": text, "roleArn": "arn:aws:iam::1:role/x"}
            sf._state_machines[self.arn] = {**made, "stateMachineArn": self.arn}

    def _make_production(self) -> None:
        client = self.cloud.client("rds")
        with self.cloud.scope():
            rds._subnet_groups["g"] = {"DBSubnetGroupName": "g", "VpcId": "vpc-1", "Subnets": []}
        login: Record = {"MasterUsername": "master", "MasterUserPassword": "secret-1"}
        login |= {"StorageEncrypted": True} if self.encrypted else {}
        if self.kind == "cluster":
            client.create_db_cluster(
                DBClusterIdentifier="prod", Engine="aurora-postgresql", DatabaseName="app", **login
            )
            self.cloud.storage.pass_time()
            client.create_db_instance(
                DBInstanceIdentifier="prod-one",
                DBClusterIdentifier="prod",
                Engine="aurora-postgresql",
                DBInstanceClass="db.t4g.medium",
            )
            self.cloud.storage.pass_time()
            client.create_db_cluster_snapshot(
                DBClusterSnapshotIdentifier="prod-by-hand", DBClusterIdentifier="prod"
            )
        else:
            client.create_db_instance(
                DBInstanceIdentifier="prod",
                Engine="postgres",
                DBInstanceClass="db.t4g.micro",
                AllocatedStorage=20,
                DBName="app",
                **login,
            )
            self.cloud.storage.pass_time()
            client.create_db_snapshot(DBSnapshotIdentifier="prod-by-hand", DBInstanceIdentifier="prod")
        self.cloud.storage.pass_time()

    def _load(self, more: dict[str, str]) -> None:
        environment = {
            "PIPELINE": PIPELINE,
            "PREFIX": PREFIX,
            "SOURCE": "prod",
            "DATABASE": "",
            "METHOD": "rebuild" if self.rebuild else "in place",
            "USE_LATEST_SNAPSHOT": str(self.latest).lower(),
            "SCRIPT_BUCKET": self.bucket,
            "SCRIPT_PREFIX": "snapshots/prod/1",
            "NAME_FORMAT": "{database}-sanitized-{date}-{time}",
            "SHARE_WITH": "222222222222",
            "KMS_KEY": self.key,
            "KEEP": "1",
            "INSTANCE_CLASS": "",
            "SUBNET_GROUP": "g",
            "SECURITY_GROUP": "sg-1",
            "DATABASE_PORT": "5432",
            "LOG_GROUP": GROUP,
            **more,
        }
        self.environment = environment
        os.environ.update(environment)
        boto3.client = self.cloud.client  # type: ignore[assignment]
        exec(CODE, self.code)

    def call(self, action: str, run: Record, **more: str) -> Any:
        os.environ.update(self.environment)
        output = io.StringIO()
        try:
            with self.cloud.product(), redirect_stdout(output):
                return self.code["handler"]({"action": action, "run": run, **more}, None)
        finally:
            events = tuple({"timestamp": 0, "message": line} for line in output.getvalue().splitlines())
            self.cloud.observe(Lines("/aws/lambda/handler", "handler", events, self.cloud.account, REGION))

    def state(self) -> str:
        """The current state of the execution."""
        for event in reversed(self.current["events"]):
            if event["type"].endswith("StateEntered"):
                return str(event["stateEnteredEventDetails"]["name"])
        return ""

    def integrate(self, resource: str, data: Record, token: str = "") -> Any:
        stepfunctions_history.record_parameters(self.current, data)
        if token:
            answer = self.around(LAMBDA, self.state(), lambda: self._invoke(data, token))
        else:
            answer = self.around(ECS, self.state(), lambda: self._task(data))
        if self.stop:  # the call took effect, but the state machine stops
            self.current.update(status="ABORTED", stopDate=sf.now_iso())
            raise executions.Aborted
        return answer

    def _invoke(self, data: Record, token: str) -> Any:
        """Call the handler, which ends the task with its token or, if it crashes, with its error."""
        payload = data["Payload"]
        task: Record = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
        with self.cloud.scope():
            sf._task_tokens[token] = task
        try:
            self.call(**payload)
        except Exception as error:
            if not task["event"].is_set():
                cause = {"errorType": type(error).__name__, "errorMessage": str(error)}
                raise sf._ExecutionError(type(error).__name__, json.dumps(cause)) from error
        finally:
            with self.cloud.scope():
                sf._task_tokens.pop(token, None)
        if failure := task["error"]:
            raise sf._ExecutionError(failure["Error"], failure["Cause"])
        return json.loads(task["result"])

    def _task(self, data: Record) -> Record:
        self.inside = True
        try:
            return self._sanitize(data)
        finally:
            self.inside = False

    def _sanitize(self, data: Record) -> Record:
        """Simulate the sanitizing task: clean the copy, or fill the new database, and write the log."""
        [override] = data["Overrides"]["ContainerOverrides"]
        given = {each["Name"]: each["Value"] for each in override["Environment"]}
        port = int(given["NEW_PORT"] or given["DB_PORT"])
        contents = self.cloud.storage.paper
        contents.held[contents.ports[port]] = HALF if self.task_ends == "killed" else CLEAN
        if self.task_ends == "killed":
            return {}
        task = f"{len(self.current['events']):032x}"
        stream = f"run/sanitize/{self.current['name']}{task}"
        logs, moment = self.cloud.client("logs"), int(time.time() * 1000)
        lines = ['REPORT {"check": "drift", "ok": true, "policy": 1}', "REPORT-END 1"]
        if self.task_ends == "short":
            lines.pop()
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        logs.put_log_events(
            logGroupName=GROUP,
            logStreamName=stream,
            logEvents=[{"timestamp": moment, "message": line} for line in lines],
        )
        return {"TaskArn": f"arn:aws:ecs:{REGION}:1:task/cluster/{self.current['name']}{task}"}

    def run(self, name: str, data: Record | None = None) -> Execution:
        """Run an execution to its end, including the events of AWS after a failure."""
        arn = self.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        self.stop, self.runs = False, self.runs + 1
        started = BEGAN + timedelta(minutes=self.runs)  # no two runs start in the same second
        execution: Record = {
            "executionArn": arn,
            "stateMachineArn": self.arn,
            "name": name,
            "status": "RUNNING",
            "startDate": f"{started:%Y-%m-%dT%H:%M:%SZ}",
            "input": json.dumps(data or {}),
            "mockAttempts": {},
            "testCase": "",
        }
        begun = {"input": execution["input"], "roleArn": "arn:aws:iam::1:role/x"}
        details = {"executionStartedEventDetails": begun}
        first = {"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": sf.now_iso()}
        execution["events"] = [{**first, **details}]
        self.current = execution
        with self.cloud.scope():
            sf._executions[arn] = execution
            try:
                sf._run_execution(arn)
            except executions.Aborted:
                pass
            definition = json.loads(sf._state_machines[self.arn]["definition"])
        self.cloud.storage.pass_time()
        ended = read_execution(definition, execution["events"], _described(execution))
        if ended.status != "SUCCEEDED":
            detail = {"name": name, "stateMachineArn": self.arn, "status": ended.status}
            self.call("abandoned", detail)
        return ended

    def run_what_was_started(self) -> list[Execution]:
        """Run the clean-ups that the handler started."""
        done = []
        while self.cloud.started:
            name, data = self.cloud.started.pop(0)
            done.append(self.run(name, data))
        return done

    def databases(self) -> list[Record]:
        with self.cloud.scope():
            return [*rds._instances.values(), *rds._clusters.values()]

    def snapshots(self) -> list[Record]:
        with self.cloud.scope():
            return [*rds._snapshots.values(), *rds._db_cluster_snapshots.values()]

    def vanish(self, name: str) -> None:
        """Delete a resource that RDS reported as created."""
        with self.cloud.scope():
            rds._unregister_instance_from_clusters(name)
            for records in (rds._instances, rds._clusters, rds._snapshots, rds._db_cluster_snapshots):
                if record := records.pop(name, None):
                    self.cloud.storage.paper.delete(record.get(DATA, ""))
                    self.cloud.observe(_vanished(record, self.cloud.account))


def _vanished(record: Record, account: str) -> Made:
    """Return the deletion that nobody asked for."""
    kinds = ("DBClusterSnapshot", "DBSnapshot", "DBInstance", "DBCluster")
    kind = next(kind for kind in kinds if f"{kind}Identifier" in record)
    request = {f"{kind}Identifier": record[f"{kind}Identifier"]}
    return Made("rds", f"Delete{kind}", account, REGION, request=request, product=False)


def _described(execution: Record) -> Record:
    moment = execution["events"][-1]["timestamp"]
    described = {key: execution.get(key) for key in ("executionArn", "name", "status", "input")}
    more = {"error": execution.get("error") or "", "cause": execution.get("cause") or ""}
    return {**described, **more, "startDate": moment, "stopDate": moment}
