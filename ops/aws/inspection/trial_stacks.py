"""Change sets that are made to see what CloudFormation says, and deleted without being executed.

Each is of a new stack, which has no resource and is in REVIEW_IN_PROGRESS until it is deleted too.
"""

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import stacks as cfn
from ops.aws.cloudformation.change_sets import create_change_set, discard_change_set
from ops.aws.cloudformation.operations import delete_stack
from ops.aws.cloudformation.stacks import Stack, StackSpec
from ops.errors import Conflict
from ops.plan import ReportProgress

PREFIX = "slipway-doctor-"  # of the names of such stacks


def try_change_set(cloud: Cloud, spec: StackSpec, say: ReportProgress) -> int:
    """Create and delete a change set; return the number of resources that it would create.

    Raises the error with CloudFormation's message if it is rejected, and Conflict if the stack exists.
    """
    if stack := cfn.read_stack(cloud, spec.account, spec.region, spec.name):
        raise Conflict(
            f"The stack {spec.name} exists: it is {stack.status}.",
            hint="Delete it, then retry." if stack.status != "REVIEW_IN_PROGRESS" else "Retry.",
        )
    try:
        return len(create_change_set(cloud, spec, "", say).changes)
    finally:
        discard_change_set(cloud, spec, say)


def list_leftovers(cloud: Cloud, place: Place) -> list[Stack]:
    """Return the stacks of change sets that were not deleted, for example after a crash."""
    return [
        stack
        for stack in cfn.list_stacks(cloud, place.account.id, place.region)
        if stack.name.startswith(PREFIX) and stack.status == "REVIEW_IN_PROGRESS"
    ]


def delete_leftovers(cloud: Cloud, place: Place, say: ReportProgress) -> None:
    """Delete these stacks with their change sets. They have no resources."""
    client = cfn.client_of(cloud, place.account.id, place.region)
    for stack in list_leftovers(cloud, place):
        delete_stack(client, stack, say)
