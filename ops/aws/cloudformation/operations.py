"""Stack operations: start one, report its events, and return its result."""

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

POLL_INTERVAL_S = 1.0
STACK_TIMEOUT_S = 6 * 3600.0  # for a stack operation to complete


@dataclass(frozen=True)
class StackOperationResult:
    """The result of a stack operation: the status of the stack, and the events of the operation."""

    status: str
    events: tuple[cfn.StackEvent, ...]

    def failure(self, name: str, *, hint: str) -> StackFailed:
        """Return the error that names the first resource that failed, and its reason."""
        first = cfn.first_failure(self.events)
        cause = f"{first.logical_id} ({first.kind}): {first.reason}" if first else "not reported"
        return StackFailed(
            f"{name} is {self.status}. First failure: {cause}",
            resource=first.logical_id if first else "",
            hint=hint,
        )


def follow(
    client: "CloudFormationClient", stack_id: str, start: Callable[[], object], say: ReportProgress
) -> StackOperationResult:
    """Start the operation, report the stack's events as they occur, and return when it completes."""
    earlier = cfn.events_after(client, stack_id, "")
    last = earlier[-1].id if earlier else ""
    start()
    events: list[cfn.StackEvent] = []

    def report_events() -> None:
        for event in cfn.events_after(client, stack_id, events[-1].id if events else last):
            say(event.line)
            events.append(event)

    deadline = time.monotonic() + STACK_TIMEOUT_S
    while True:
        report_events()
        # The status is read after the events, so it is never older than they are. Until the first event of
        # the stack itself, CloudFormation still returns the status of the previous operation.
        status = client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
        if any(event.own for event in events) and not cfn.is_busy(status):
            report_events()
            return StackOperationResult(status, tuple(events))
        if time.monotonic() > deadline:
            raise Conflict(
                f"{stack_id} is still {status}.",
                hint="The operation continues in CloudFormation. Check its status later.",
            )
        time.sleep(POLL_INTERVAL_S)


def delete_stack(
    client: "CloudFormationClient", stack: Stack, say: ReportProgress, retain: tuple[str, ...] = ()
) -> None:
    """Delete the stack and wait until it is gone. Raises StackFailed, and Conflict for a protected stack.

    `retain` are logical IDs of resources that remain if they cannot be deleted, such as a full bucket.
    CloudFormation accepts them only after a deletion that has failed: API Reference, DeleteStack.
    """
    with translated(f"Deleting the stack {stack.name}"):
        result = follow(client, stack.id, lambda: _start_deletion(client, stack), say)
        failed = {
            event.logical_id for event in result.events if event.status == "DELETE_FAILED" and not event.own
        }
        if result.status == "DELETE_FAILED" and failed and failed <= set(retain):
            kept = sorted(failed)
            say(f"Retaining {', '.join(kept)}")
            result = follow(
                client,
                stack.id,
                lambda: client.delete_stack(StackName=stack.id, RetainResources=kept),
                say,
            )
    if result.status != "DELETE_COMPLETE":
        raise result.failure(stack.name, hint="Fix the reported problem and retry.")


def _start_deletion(client: "CloudFormationClient", stack: Stack) -> None:
    try:
        client.delete_stack(StackName=stack.id)
    except ClientError as error:
        # CloudFormation has no error code of its own for this, so the message decides.
        if code(error) == "ValidationError" and "TerminationProtection" in message(error):
            raise Conflict(
                f"Cannot delete {stack.name}: termination protection is enabled.",
                hint="Disable it (`aws cloudformation update-termination-protection "
                + f"--no-enable-termination-protection --stack-name {stack.name}`), then retry.",
                detail=str(error),
            ) from error
        raise
