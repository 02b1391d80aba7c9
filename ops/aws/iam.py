"""AWS IAM: the current principal, and the policy simulator."""

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

BATCH = 50  # actions per call, so that the response fits one page


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


def denied_actions(
    cloud: Cloud, place: Place, principal: str, actions: tuple[str, ...], resource: str = "*"
) -> list[str]:
    """Return the actions that the principal's policies and permissions boundary do not allow on the resource.

    Resource-based policies are not passed to the simulator, so they are not considered.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    iam = cloud.client("iam", place.account.id)
    denied = []
    with translated(f"Simulating the permissions of {principal}"):
        for first in range(0, len(actions), BATCH):
            response = iam.simulate_principal_policy(
                PolicySourceArn=principal,
                ActionNames=[*actions[first : first + BATCH]],
                ResourceArns=[resource],
            )
            denied += [
                result["EvalActionName"]
                for result in response["EvaluationResults"]
                if result["EvalDecision"] != "allowed"
            ]
    return denied
