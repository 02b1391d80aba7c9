"""The engine as it is deployed: found by its stack, called through its handler; and its stacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.aws import lambdas
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import Stack, StackSpec, read_stack
from ops.errors import Conflict, NotFound
from ops.rollouts import machine, package
from ops.templates import rollouts as templates

STACK, TARGET_STACK = "slipway-rollouts", "slipway-rollout-target"
JOB_TAG, JOB = "slipway:job", "rollouts"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Engine:
    """What the workbench needs of the engine's stack."""

    place: Place
    stack: Stack

    @property
    def bucket(self) -> str:
        return self.stack.outputs["Bucket"]

    @property
    def table(self) -> str:
        return self.stack.outputs["Table"]

    @property
    def machine(self) -> str:
        return self.stack.outputs["StateMachineArn"]

    @property
    def handler(self) -> str:
        return self.stack.outputs["HandlerArn"]

    @property
    def role(self) -> str:
        return self.stack.outputs["HandlerRoleArn"]


def home(cloud: Cloud) -> Place:
    """Where the engine lives: the first account, the home region."""
    return Place(cloud.account(), cloud.settings.home_region)


def look(cloud: Cloud) -> Engine | None:
    """The engine; None where it is not deployed to its end."""
    place = home(cloud)
    stack = read_stack(cloud, place.account.id, place.region, STACK)
    return Engine(place, stack) if stack and "HandlerArn" in stack.outputs else None


def find(cloud: Cloud) -> Engine:
    """The engine. Raises NotFound."""
    if found := look(cloud):
        return found
    place = home(cloud)
    raise NotFound(
        f"The rollouts' engine is not deployed in {place.account.name}, {place.region}.",
        hint="Deploy it: python -m ops rollouts deploy",
    )


def call(cloud: Cloud, engine: Engine, action: str, on: Mapping[str, Any]) -> Any:
    """What the handler answers. Raises Conflict with its words when it refuses, FunctionFailed for errors."""
    answer = lambdas.invoke(cloud, engine.place, engine.handler, {"action": action, "on": dict(on)})
    if isinstance(answer, dict) and action != "preview" and (error := answer.get("error")):
        raise Conflict(f"The engine refuses: {error}.", hint="Look at the run: python -m ops rollouts status")
    return answer


def engine_spec(
    cloud: Cloud, *, poll_seconds: int, settle_seconds: int, organization: str = "", notify: str = ""
) -> tuple[StackSpec, tuple[Upload, ...]]:
    """The engine's stack and the zip that it needs in the staging bucket."""
    place = home(cloud)
    zipped = package.build()
    bucket = deploy.staging_bucket(place.account.id, place.region)
    spec = StackSpec(
        name=STACK,
        template_body=engine_template(),
        parameters={
            "CodeBucket": bucket,
            "CodeKey": package.key(zipped),
            "TargetAccounts": ",".join(account.id for account in cloud.accounts),
            "OrganizationId": organization,
            "PollSeconds": str(poll_seconds),
            "SettleSeconds": str(settle_seconds),
            "NotifyEmail": notify,
        },
        tags={JOB_TAG: JOB},
        capabilities=("CAPABILITY_IAM",),
        account=place.account.id,
        region=place.region,
    )
    return spec, (Upload(package.key(zipped), zipped),)


def target_spec(cloud: Cloud, engine: Engine, account: str, policies: tuple[str, ...]) -> StackSpec:
    """The roles of one target account, for accounts that no StackSet reaches."""
    return StackSpec(
        name=TARGET_STACK,
        template_body=target_template(),
        parameters={
            "EngineRoleArn": engine.role,
            "EngineBucket": engine.bucket,
            "ExecutionPolicyArns": ",".join(policies),
        },
        tags={JOB_TAG: JOB},
        capabilities=("CAPABILITY_NAMED_IAM",),
        account=account,
        region=cloud.settings.home_region,
    )


def engine_template() -> str:
    return str(templates.engine(machine.text()).to_json(indent=1))


def target_template() -> str:
    return str(templates.target().to_json(indent=1))


def fleet_template() -> str:
    return str(templates.fleet(templates.target().to_json(indent=None)).to_json(indent=1))
