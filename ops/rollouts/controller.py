"""The controller of rollouts: found by its stack and called through its Lambda function; and its stacks."""

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
from ops.rollouts.rules.document import CONTROLLER_VERSION
from ops.templates import rollouts as templates

STACK, TARGET_STACK = "slipway-rollouts", "slipway-rollout-target"
JOB_TAG, JOB = "slipway:job", "rollouts"
ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Controller:
    """The deployed controller: its place, its stack, and the stack's outputs."""

    place: Place
    stack: Stack

    @property
    def bucket(self) -> str:
        return self.stack.outputs["Bucket"]

    @property
    def table(self) -> str:
        return self.stack.outputs["Table"]

    @property
    def function(self) -> str:
        return self.stack.outputs["HandlerArn"]

    @property
    def function_role(self) -> str:
        return self.stack.outputs["HandlerRoleArn"]

    @property
    def version(self) -> int:
        """The newest documents that it can carry out; controllers from before there were versions have 1."""
        return int(self.stack.outputs.get("Version", "1"))


def controller_place(cloud: Cloud) -> Place:
    """Return where the controller is deployed: in the home region of the first account."""
    return Place(cloud.account(), cloud.settings.home_region)


def read_controller(cloud: Cloud) -> Controller | None:
    """Return the controller; None when its stack does not exist or was never completed."""
    place = controller_place(cloud)
    stack = read_stack(cloud, place.account.id, place.region, STACK)
    return Controller(place, stack) if stack and "HandlerArn" in stack.outputs else None


def find_controller(cloud: Cloud) -> Controller:
    """Return the controller. Raises NotFound."""
    if controller := read_controller(cloud):
        return controller
    place = controller_place(cloud)
    raise NotFound(
        f"The rollout controller is not deployed in {place.account.name}, {place.region}.",
        hint="Deploy it: slipway rollouts deploy",
    )


def check_version(controller: Controller) -> None:
    """Raise Conflict if the deployed controller is older than the documents of this workbench."""
    if controller.version < CONTROLLER_VERSION:
        raise Conflict(
            f"The deployed rollout controller is of version {controller.version}; this version of Slipway "
            f"needs {CONTROLLER_VERSION}.",
            hint="Deploy the controller again: slipway rollouts deploy. Runs in progress continue.",
        )


def invoke_controller(cloud: Cloud, controller: Controller, action: str, on: Mapping[str, Any]) -> Any:
    """Call the controller and return its answer.

    Raises Conflict when it rejects the request, and FunctionFailed for errors.
    """
    answer = lambdas.invoke(cloud, controller.place, controller.function, {"action": action, "on": dict(on)})
    if isinstance(answer, dict) and action != "preview" and (error := answer.get("error")):
        raise Conflict(
            f"The controller rejected the request: {error}.",
            hint="Check the run: slipway rollouts status",
        )
    return answer


def controller_spec(
    cloud: Cloud, *, poll_seconds: int, settle_seconds: int, organization: str = "", notify: str = ""
) -> tuple[StackSpec, tuple[Upload, ...]]:
    """Return the controller's stack and the package that it needs in the staging bucket."""
    place = controller_place(cloud)
    zipped = package.build()
    bucket = deploy.staging_bucket(place.account.id, place.region)
    spec = StackSpec(
        name=STACK,
        template_body=controller_template(),
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


def target_spec(cloud: Cloud, controller: Controller, account: str, policies: tuple[str, ...]) -> StackSpec:
    """Return the stack with the roles of one target account, for accounts that no StackSet covers."""
    return StackSpec(
        name=TARGET_STACK,
        template_body=target_template(),
        parameters={
            "EngineRoleArn": controller.function_role,
            "EngineBucket": controller.bucket,
            "ExecutionPolicyArns": ",".join(policies),
        },
        tags={JOB_TAG: JOB},
        capabilities=("CAPABILITY_NAMED_IAM",),
        account=account,
        region=cloud.settings.home_region,
    )


def controller_template() -> str:
    return str(templates.controller(machine.text(), CONTROLLER_VERSION).to_json(indent=1))


def target_template() -> str:
    return str(templates.target().to_json(indent=1))


def organization_template() -> str:
    return str(templates.organization(templates.target().to_json(indent=None)).to_json(indent=1))
