"""Lists, describes, starts, and stops executions. `history` interprets their events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class ExecutionSummary:
    """An item of the list of executions. `status` is AWS's; `stopped` is None while it runs."""

    name: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None


def list_executions(client: "SFNClient", machine: str, *, limit: int) -> list[ExecutionSummary]:
    """Return the newest executions of a state machine, newest first."""
    with translated(f"Listing the runs of {_name(machine)}"):
        pages = client.get_paginator("list_executions").paginate(
            stateMachineArn=machine, PaginationConfig={"MaxItems": limit}
        )
        return [
            ExecutionSummary(
                item["name"], item["executionArn"], item["status"], item["startDate"], item.get("stopDate")
            )
            for page in pages
            for item in page["executions"]
        ]


def describe_execution(client: "SFNClient", arn: str) -> Mapping[str, Any]:
    """Return the response of DescribeExecution. Raises NotFound."""
    with translated(f"Reading the run {_name(arn)}"):
        return client.describe_execution(executionArn=arn)


def read_definition(client: "SFNClient", arn: str) -> dict[str, Any]:
    """Return the definition that the execution runs; the state machine may have changed since."""
    with translated(f"Reading the state machine of the run {_name(arn)}"):
        answer = client.describe_state_machine_for_execution(executionArn=arn)
    definition: dict[str, Any] = json.loads(answer["definition"])
    return definition


def read_machine(client: "SFNClient", arn: str) -> dict[str, Any]:
    """Return the current definition of a state machine."""
    with translated(f"Reading the state machine {_name(arn)}"):
        answer = client.describe_state_machine(stateMachineArn=arn)
    definition: dict[str, Any] = json.loads(answer["definition"])
    return definition


def read_history(client: "SFNClient", arn: str) -> list[Mapping[str, Any]]:
    """Return every event of the execution, oldest first."""
    with translated(f"Reading the history of the run {_name(arn)}"):
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def start_execution(client: "SFNClient", machine: str, name: str, data: Mapping[str, Any]) -> None:
    """Start an execution. Raises Conflict if one with the same name and another input exists."""
    with translated(f"Starting the run {name}"):
        client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(data))


def stop_execution(client: "SFNClient", arn: str, cause: str) -> None:
    """Stop the execution immediately: no further state runs, not even its clean-up."""
    with translated(f"Stopping the run {_name(arn)}"):
        client.stop_execution(executionArn=arn, cause=cause)


def _name(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]
