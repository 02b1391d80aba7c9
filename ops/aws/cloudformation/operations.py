"""Operations on a stack that take a while: each is asked for, followed event by event, and judged."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws.calls import code, message, translated
from ops.aws.cloudformation import stacks as cfn
from ops.aws.cloudformation.stacks import Stack
from ops.errors import Conflict, StackFailed
from ops.plan import ReportProgress

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

LOOK_S = 1.0
STACK_S = 6 * 3600.0  # for a stack to come to rest


@dataclass(frozen=True)
class Ended:
    """How an operation ended: the stack's status, and the events on the way."""

    status: str
    events: tuple[cfn.Event, ...]

    def failure(self, name: str, *, hint: str) -> StackFailed:
        """The error that names the first resource to fail, and why."""
        first = cfn.first_failure(self.events)
        what = f"{first.logical_id} ({first.kind}): {first.reason}" if first else "it does not say why"
        return StackFailed(
            f"{name} is {self.status}. First to fail: {what}",
            resource=first.logical_id if first else "",
            hint=hint,
        )


def follow(
    client: "CloudFormationClient", stack_id: str, ask: Callable[[], object], say: ReportProgress
) -> Ended:
    """Asks for the operation and tells the stack's events as they come, until it is at rest."""
    seen = cfn.events_after(client, stack_id, "")
    last = seen[-1].id if seen else ""
    ask()
    events: list[cfn.Event] = []

    def tell() -> None:
        for event in cfn.events_after(client, stack_id, events[-1].id if events else last):
            say(event.words)
            events.append(event)

    deadline = time.monotonic() + STACK_S
    while True:
        tell()
        # Read after the events, so never older than they are: the status of before the call could pass for
        # the end. The stack's own first event says that CloudFormation has begun.
        status = client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        if any(event.own for event in events) and not cfn.is_busy(status):
            tell()
            return Ended(status, tuple(events))
        if time.monotonic() > deadline:
            raise Conflict(
                f"{stack_id} is still {status}.", hint="CloudFormation goes on by itself: look again later."
            )
        time.sleep(LOOK_S)


def delete_stack(client: "CloudFormationClient", stack: Stack, say: ReportProgress) -> None:
    """Deletes the stack and follows it to its end. Raises StackFailed, and Conflict for a protected one."""
    with translated(f"Deleting the stack {stack.name}"):
        ended = follow(client, stack.id, lambda: _ask_to_delete(client, stack), say)
    if ended.status != "DELETE_COMPLETE":
        raise ended.failure(stack.name, hint="Mend what the reason names, then delete again.")


def _ask_to_delete(client: "CloudFormationClient", stack: Stack) -> None:
    try:
        client.delete_stack(StackName=stack.id)
    except ClientError as error:
        # A ValidationError like any other: only the words tell it.
        if code(error) == "ValidationError" and "TerminationProtection" in message(error):
            raise Conflict(
                f"{stack.name} is protected against deletion.",
                hint="Turn its termination protection off (`aws cloudformation update-termination-protection "
                + f"--no-enable-termination-protection --stack-name {stack.name}`), then delete again.",
                detail=str(error),
            ) from error
        raise
