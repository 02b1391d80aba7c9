"""AWS IAM: who we are in an account, and what we would be allowed to do there."""

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

BATCH = 50  # actions a call, so that an answer fits one page


def our_principal(cloud: Cloud, place: Place) -> str:
    """The ARN of the user or role whose policies count; a session's role is looked up, for its path."""
    with translated(f"Asking who we are in {place.account.name}"):
        caller = cloud.client("sts", place.account.id, place.region).get_caller_identity()["Arn"]
        if ":assumed-role/" not in caller:
            return str(caller)
        name = caller.split(":assumed-role/")[1].split("/")[0]
        return str(cloud.client("iam", place.account.id).get_role(RoleName=name)["Role"]["Arn"])


def denied_actions(
    cloud: Cloud, place: Place, principal: str, actions: tuple[str, ...], resource: str = "*"
) -> list[str]:
    """Those of the actions that the principal's policies and boundary would not allow on the resource.

    A simulation: it knows nothing of resource policies, and of organizations only what IAM tells it.
    """
    iam = cloud.client("iam", place.account.id)
    found = []
    with translated(f"Simulating the permissions of {principal}"):
        for first in range(0, len(actions), BATCH):
            answer = iam.simulate_principal_policy(
                PolicySourceArn=principal,
                ActionNames=[*actions[first : first + BATCH]],
                ResourceArns=[resource],
            )
            found += [
                item["EvalActionName"]
                for item in answer["EvaluationResults"]
                if item["EvalDecision"] != "allowed"
            ]
    return found
