"""AWS Step Functions: executions listed, described, started, stopped. `executions` reads histories."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ops.aws.calls import translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Summary:
    """An execution as a list shows it. `status` as AWS names it; `stopped` is None while it runs."""

    name: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None


def list_executions(client: "SFNClient", machine: str, *, limit: int) -> list[Summary]:
    """The newest executions of the machine, newest first."""
    with translated(f"Listing the runs of {_name(machine)}"):
        pages = client.get_paginator("list_executions").paginate(
            stateMachineArn=machine, PaginationConfig={"MaxItems": limit}
        )
        return [
            Summary(
                item["name"], item["executionArn"], item["status"], item["startDate"], item.get("stopDate")
            )
            for page in pages
            for item in page["executions"]
        ]


def describe_execution(client: "SFNClient", arn: str) -> Mapping[str, Any]:
    """DescribeExecution's answer. Raises NotFound."""
    with translated(f"Reading the run {_name(arn)}"):
        return client.describe_execution(executionArn=arn)


def definition_of(client: "SFNClient", arn: str) -> dict[str, Any]:
    """The definition that the execution follows: the machine may have changed since."""
    with translated(f"Reading the state machine of the run {_name(arn)}"):
        answer = client.describe_state_machine_for_execution(executionArn=arn)
    definition: dict[str, Any] = json.loads(answer["definition"])
    return definition


def history(client: "SFNClient", arn: str) -> list[Mapping[str, Any]]:
    """Every event of the execution, oldest first."""
    with translated(f"Reading the history of the run {_name(arn)}"):
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def start_execution(client: "SFNClient", machine: str, name: str, data: Mapping[str, Any]) -> None:
    """Starts an execution of that name. Raises Conflict when the name is taken by another input."""
    with translated(f"Starting the run {name}"):
        client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(data))


def stop_execution(client: "SFNClient", arn: str, cause: str) -> None:
    """Stops the execution at once: no state of it runs any more, not even its clean-up."""
    with translated(f"Stopping the run {_name(arn)}"):
        client.stop_execution(executionArn=arn, cause=cause)


def _name(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]
