"""Rollouts end to end: three accounts, four regions, an controller that looks every second."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.aws.organizations import accounts_of
from ops.embedded.accounts import ACCOUNTS
from ops.embedded.lifecycle import RunningCloud
from ops.plan import Outcome, Plan, execute
from ops.rollouts import controller as controllers
from ops.rollouts import runs
from ops.rollouts.controller import Controller
from ops.rollouts.prepare import prepare_run
from ops.rollouts.previews import TargetPreview, plan_previews
from ops.rollouts.rules.decisions import OperatorCommand
from ops.rollouts.rules.document import Document
from ops.rollouts.runs import RunDetails
from tests.ops.embedded.overlay import client, eventually

REGIONS = ("eu-west-1", "us-east-1", "eu-central-1", "ap-southeast-2")
ADA = Actor("Ada", "test")
PATIENCE_S = 900.0  # a busy machine takes long; what goes wrong ends soon
LOOK_S = 0.5

Place = tuple[str, str]


@cache
def _client(embedded: RunningCloud, service: str, account: str, region: str) -> Any:
    """Kept: to make one takes longer than most calls."""
    return client(embedded, service, account=account, region=region)


def template(version: int, **more: Any) -> str:
    """A stack whose parameter holds the version; its text differs in more than its meaning."""
    value = {"Fn::Sub": f"version {version} ${{Size}}"}
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    body = {
        "Description": f"version {version}, with umlauts: ä",
        "Parameters": {"Size": {"Type": "String", "Default": "none"}},
        "Resources": {"Setting": parameter, **more},
    }
    return json.dumps(body, indent=version) + "\n"


@dataclass(frozen=True)
class Fleet:
    """The targets of one stack name, and what a test does to them."""

    cloud: Cloud
    embedded: Any
    folder: Path
    stack: str

    @cached_property
    def controller(self) -> Controller:
        return controllers.find_controller(self.cloud)

    @property
    def places(self) -> list[Place]:
        return [(account.id, region) for region in REGIONS for account in ACCOUNTS]

    def client(self, service: str, place: Place) -> Any:
        return _client(self.embedded, service, *place)

    def deploy_everywhere(self, body: str) -> None:
        """As somebody had deployed it before."""
        self.deploy(body)
        self.wait_until_deployed()

    def deploy(self, body: str) -> None:
        for place in self.places:
            self.client("cloudformation", place).create_stack(
                StackName=self.stack,
                TemplateBody=body,
                Parameters=[{"ParameterKey": "Size", "ParameterValue": "old"}],
                Tags=[{"Key": "team", "Value": "shop"}],
            )

    def wait_until_deployed(self) -> None:
        for place in self.places:
            look = partial(self._is_deployed, place)
            eventually(look, within_s=PATIENCE_S)

    def _is_deployed(self, place: Place) -> bool:
        return self.status(place) == "CREATE_COMPLETE"

    def make_alarms(self) -> None:
        for place in self.places:
            cloudwatch = self.client("cloudwatch", place)
            cloudwatch.put_metric_alarm(
                AlarmName=f"{self.stack}-health",
                Namespace=f"Test/{self.stack}",
                MetricName="Faults",
                Statistic="Sum",
                Period=60,
                EvaluationPeriods=1,
                Threshold=1,
                ComparisonOperator="GreaterThanThreshold",
            )
            self.alarm(place, "OK")

    def alarm(self, place: Place, state: str = "ALARM") -> None:
        self.client("cloudwatch", place).set_alarm_state(
            AlarmName=f"{self.stack}-health", StateValue=state, StateReason="test"
        )

    def stack_of(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = self.client("cloudformation", place).describe_stacks(StackName=self.stack)
        return dict(found["Stacks"][0])

    def status(self, place: Place) -> str:
        return str(self.stack_of(place)["StackStatus"])

    def exists(self, place: Place) -> bool:
        stacks = self.client("cloudformation", place).describe_stacks()["Stacks"]
        return any(stack["StackName"] == self.stack for stack in stacks)

    def body(self, place: Place) -> str:
        """The template's bytes, as text."""
        from botocore.handlers import json_decode_template_body

        cfn = self.client("cloudformation", place)
        cfn.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
        return str(cfn.get_template(StackName=self.stack)["TemplateBody"])

    def parameters(self, place: Place) -> dict[str, str]:
        found = self.stack_of(place).get("Parameters", [])
        return {each["ParameterKey"]: each["ParameterValue"] for each in found}

    def everything(self, place: Place) -> tuple[str, Mapping[str, str], Any]:
        """All that a rollback has to bring back."""
        return self.body(place), self.parameters(place), self.stack_of(place).get("Tags")

    def write(self, body: str, **changes: str) -> Path:
        """The rollout file and its template; `changes` replace or add whole tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "stack.json").write_text(body)
        accounts, regions = (list(dict.fromkeys(each)) for each in zip(*self.places, strict=True))
        tables = {
            "what": f'stack = "{self.stack}"\ntemplate = "stack.json"\nparameters = {{ Size = "new" }}',
            "[where]": f"accounts = {json.dumps(accounts)}\nregions = {json.dumps(regions)}",
            "order": f'first = "{REGIONS[0]}"',
            "limits": "at_once = 3",
            "bake.first": 'time = "2s"\nwait = "3s"',
            "bake.later": 'time = "1s"\nwait = "3s"',
            "evidence": 'none = "a test"',
            "alarms": f'target = ["{self.stack}-health"]',
        } | {name.replace("__", "."): text for name, text in changes.items()}
        path = self.folder / f"{self.stack}.toml"
        path.write_text("\n".join(f"[{name}]\n{text}\n" for name, text in tables.items()))
        return path

    def start(self, path: Path, approved: tuple[str, ...] = (), version: str = "") -> str:
        now = datetime.now(UTC)
        document = prepare_run(path, self.resolve, ADA, now, approved=approved, version=version)
        self.must(runs.plan_start(self.cloud, self.controller, document))
        return document.run

    def previews(self, document: Document) -> tuple[TargetPreview, ...]:
        previews = plan_previews(self.cloud, self.controller, document)
        return previews.read(self.must(previews.plan))

    def resolve(self, kind: str, name: str) -> tuple[str, ...]:
        return accounts_of(self.cloud, kind, name)

    def must(self, plan: Plan) -> Outcome:
        audit = FileAudit(self.folder / "audit.jsonl")
        outcome = execute(plan, actor=ADA, audit=audit, confirmed=plan.confirm)
        if outcome.error:
            raise outcome.error
        return outcome

    def order(self, run: str, does: str, why: str) -> None:
        self.must(runs.plan_command(self.cloud, self.controller, run, OperatorCommand(does), why, ADA))

    def watch(self, run: str) -> RunDetails:
        return runs.describe_run(self.cloud, self.controller, run)

    def ended(self, run: str, within_s: float = PATIENCE_S) -> RunDetails:
        home = self.controller.place
        table = self.client("dynamodb", (home.account.id, home.region))
        key = {"run": {"S": run}, "item": {"S": "run"}}

        def look() -> bool:
            time.sleep(LOOK_S)
            found = table.get_item(TableName=self.controller.table, Key=key, ConsistentRead=True)["Item"]
            return bool(found["status"]["S"] != "RUNNING")

        eventually(look, within_s=within_s)
        return self.watch(run)

    def until(self, run: str, did: str, within_s: float = PATIENCE_S) -> None:
        """Until the log has such a line."""

        def look() -> bool:
            time.sleep(LOOK_S)
            return any(did in f"{line.did} {line.target} {line.why}" for line in self.watch(run).log)

        eventually(look, within_s=within_s)


class Small(Fleet):
    """One account, two regions."""

    @property
    def places(self) -> list[Place]:
        return [(ACCOUNTS[0].id, region) for region in REGIONS[:2]]


def set_up(cloud: Cloud, folder: Path) -> None:
    """The controller and the target roles, as the command line deploys them."""

    def carry_out(spec: StackSpec, uploads: tuple[Upload, ...] = ()) -> None:
        audit = FileAudit(folder / "audit.jsonl")
        for plan in (deploy.plan_preview(cloud, spec, uploads), None):
            steps = plan or deploy.plan_deploy(cloud, read_preview(cloud, spec))
            if error := execute(steps, actor=ADA, audit=audit, confirmed=steps.confirm).error:
                raise error

    carry_out(*controllers.controller_spec(cloud, poll_seconds=1, settle_seconds=1))
    controller = controllers.find_controller(cloud)
    for account in cloud.accounts:
        carry_out(controllers.target_spec(cloud, controller, account.id, (controllers.ADMINISTRATOR_ACCESS,)))
