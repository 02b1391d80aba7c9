"""AWS IAM: the current principal, roles, and the policy simulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import EvaluationResultTypeDef

BATCH = 50  # actions per call, so that the response fits one page


@dataclass(frozen=True)
class Denial:
    """An action that is not allowed. `explicit`: a statement denies it, so that no other one can allow it.

    `reason` is the simulator's decision, and what it is based on.
    """

    action: str
    explicit: bool
    reason: str


def current_principal(cloud: Cloud, place: Place) -> str:
    """Return the ARN of the user or role whose policies apply.

    For an assumed role, the role is read from IAM, because the session's ARN lacks the role's path.
    """
    with translated(f"Reading the caller identity in {place.account.name}"):
        caller = cloud.client("sts", place.account.id, place.region).get_caller_identity()["Arn"]
        if ":assumed-role/" not in caller:
            return str(caller)
        name = caller.split(":assumed-role/")[1].split("/")[0]
        return str(cloud.client("iam", place.account.id).get_role(RoleName=name)["Role"]["Arn"])


def current_account(cloud: Cloud, place: Place) -> str:
    """Return the ID of the account whose credentials are used for the place."""
    with translated(f"Reading the caller identity in {place.account.name}"):
        return str(cloud.client("sts", place.account.id, place.region).get_caller_identity()["Account"])


def read_trust_policy(cloud: Cloud, place: Place, role: str) -> Mapping[str, Any]:
    """Return the trust policy of the role. Raises NotFound if the role does not exist."""
    with translated(f"Reading the role {role} in {place.account.name}"):
        answer: Any = cloud.client("iam", place.account.id).get_role(RoleName=role)["Role"]
    document: Mapping[str, Any] = answer["AssumeRolePolicyDocument"]  # botocore decodes it
    return document


def find_role(cloud: Cloud, place: Place, name: str) -> str | None:
    """Return the ARN of the role, or None if it does not exist."""
    iam: IAMClient = cloud.client("iam", place.account.id)
    with translated(f"Reading the role {name} in {place.account.name}"):
        try:
            return iam.get_role(RoleName=name)["Role"]["Arn"]
        except ClientError as error:
            if code(error) == "NoSuchEntity":
                return None
            raise


def denied_actions(
    cloud: Cloud, place: Place, principal: str, actions: tuple[str, ...], resource: str = "*"
) -> list[str]:
    """Return the actions that the principal's policies and boundary do not allow on the resource."""
    return [denial.action for denial in denials(cloud, place, principal, actions, resource)]


def denials(
    cloud: Cloud,
    place: Place,
    principal: str,
    actions: tuple[str, ...],
    resource: str = "*",
    context: Mapping[str, str] | None = None,
) -> list[Denial]:
    """Return what the principal's policies and permissions boundary do not allow on the resource.

    Resource-based policies are not passed to the simulator, so they are not considered. `context` are values
    of condition keys.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    iam: IAMClient = cloud.client("iam", place.account.id)
    denied = []
    with translated(f"Simulating the permissions of {principal}"):
        for first in range(0, len(actions), BATCH):
            response = iam.simulate_principal_policy(
                PolicySourceArn=principal,
                ActionNames=[*actions[first : first + BATCH]],
                ResourceArns=[resource],
                ContextEntries=[
                    {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                    for key, value in (context or {}).items()
                ],
            )
            denied += [
                _denial(result)
                for result in response["EvaluationResults"]
                if result["EvalDecision"] != "allowed"
            ]
    return denied


def _denial(result: "EvaluationResultTypeDef") -> Denial:
    decision: str = result["EvalDecision"]
    reasons = [decision]
    if sources := [each["SourcePolicyId"] for each in result.get("MatchedStatements", [])]:
        reasons.append(f"by {', '.join(sorted(set(sources)))}")
    if not result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
        reasons.append("not allowed by the permissions boundary")
    if not result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
        reasons.append("not allowed by the organization's service control policies")
    return Denial(result["EvalActionName"], decision == "explicitDeny", ", ".join(reasons))
