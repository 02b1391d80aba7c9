"""The stacks of rollouts: as recorded, with roles that are no wider than meant."""

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters

from ops.cli import main
from ops.rollouts import controller as controllers
from ops.templates.rollouts import EXECUTION_ROLE, TARGET_ROLE

GOLDEN = Path("tests/data/templates")
TEMPLATES = {
    "controller": controllers.controller_template,
    "target": controllers.target_template,
    "organization": controllers.organization_template,
}


def resources(which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TEMPLATES[which]())["Resources"]
    return found


def stack_set() -> dict[str, Any]:
    """The StackSet's properties, its parameters given."""
    given = {"Units": ["ou-ab12-11111111"], "CallAs": "SELF", "AWS::Region": "eu-west-1"}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            name = value.get("Ref")
            return given.get(name, name) if name else {key: filled(each) for key, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value

    found: dict[str, Any] = filled(resources("organization")["Targets"]["Properties"])
    return found


@pytest.mark.parametrize("which", TEMPLATES)
def test_the_template_is_the_recorded_one(which: str) -> None:
    recorded = json.loads((GOLDEN / f"rollouts-{which}.json").read_text())
    assert json.loads(TEMPLATES[which]()) == recorded, "run `make golden` and look at the difference"


def test_the_former_name_of_the_controller_prints_its_template(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("rollouts", "template", "engine")) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(controllers.controller_template())


def test_only_the_controllers_role_may_assume_the_target_role() -> None:
    trust = resources("target")["TargetRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust[0]["Condition"] == {"ArnEquals": {"aws:PrincipalArn": {"Ref": "EngineRoleArn"}}}


def test_stacks_without_a_service_role_are_deployed_with_the_policies_of_the_execution_role() -> None:
    target = resources("target")
    assert target["ExecutionRole"]["Properties"]["ManagedPolicyArns"] == {"Ref": "ExecutionPolicyArns"}
    (_, joined) = target["TargetRole"]["Properties"]["ManagedPolicyArns"]["Fn::Split"]
    (_, policies) = joined["Fn::Join"]
    assert policies[0] == {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/SecurityAudit"}
    assert policies[1] == {"Fn::Join": [",", {"Ref": "ExecutionPolicyArns"}]}


def test_the_target_roles_own_policy_makes_nothing_by_itself() -> None:
    policy = resources("target")["TargetRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    services = {action.split(":")[0] for action in actions}
    assert services == {"cloudformation", "cloudwatch", "ecr", "iam", "s3", "secretsmanager", "ssm", "sts"}
    others = {action for action in actions if action.split(":")[0] not in ("cloudformation", "cloudwatch")}
    changing = {
        action for action in others if not action.split(":")[1].startswith(("Get", "List", "Describe"))
    }
    assert changing == {"iam:PassRole", "s3:AbortMultipartUpload", "s3:PutObject", "sts:AssumeRole"}
    written = [each["Resource"] for each in policy["Statement"] if "s3:PutObject" in each["Action"]]
    assert written == [{"Fn::Sub": "arn:${AWS::Partition}:s3:::cdk-*-assets-${AWS::AccountId}-*/*"}]


def test_the_organizations_stack_set_brings_the_targets_own_template() -> None:
    stack_set = resources("organization")["Targets"]["Properties"]
    assert json.loads(stack_set["TemplateBody"]) == json.loads(controllers.target_template())
    assert stack_set["PermissionModel"] == "SERVICE_MANAGED" and stack_set["AutoDeployment"]["Enabled"]


def test_the_requests_that_cloudformation_makes_of_the_stack_set_are_valid() -> None:
    """No emulator has service-managed StackSets: botocore's model of the API is what there is to ask."""
    asked = stack_set()
    groups, preferences = asked.pop("StackInstancesGroup"), asked.pop("OperationPreferences")
    api = botocore.session.Session().get_service_model("cloudformation")

    def check(operation: str, request: dict[str, Any]) -> None:
        shape = api.operation_model(operation).input_shape
        assert shape
        validate_parameters(request, shape)

    check("CreateStackSet", asked)
    for group in groups:
        common = {"StackSetName": asked["StackSetName"], "CallAs": asked["CallAs"]}
        check("CreateStackInstances", {**group, **common, "OperationPreferences": preferences})
    given = {each["ParameterKey"] for each in asked["Parameters"]}
    parameters = json.loads(asked["TemplateBody"])["Parameters"]
    assert given == {name for name, parameter in parameters.items() if "Default" not in parameter}


def test_the_controller_names_the_role_that_the_target_has() -> None:
    variables = resources("controller")["Handler"]["Properties"]["Environment"]["Variables"]
    target = resources("target")
    assert variables["TARGET_ROLE"] == target["TargetRole"]["Properties"]["RoleName"] == TARGET_ROLE
    assert target["ExecutionRole"]["Properties"]["RoleName"] == EXECUTION_ROLE
