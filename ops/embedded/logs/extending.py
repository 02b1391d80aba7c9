"""Adds actions and state to ministack's CloudWatch Logs."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch_logs

SEAMS = (
    "ministack.services.cloudwatch_logs.handle_request",
    "ministack.services.cloudwatch_logs.get_state",
    "ministack.services.cloudwatch_logs.load_persisted_state",
)

Response = tuple[int, dict[str, str], bytes]


def add_actions(actions: Mapping[str, Callable[[dict[str, Any]], Response]]) -> None:
    """Answer these actions; ministack answers the others."""
    handle = cloudwatch_logs.handle_request

    async def with_actions(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        action = actions.get(headers.get("x-amz-target", "").rpartition(".")[2])
        return action(json.loads(body)) if action else await handle(method, path, headers, body, query)

    cloudwatch_logs.handle_request = with_actions


def add_state(name: str, state: Callable[[], Any], restore: Callable[[Any], None]) -> None:
    """Save what `state` returns under the name; call `restore` with it when the cloud starts with it."""
    save, load = cloudwatch_logs.get_state, cloudwatch_logs.load_persisted_state
    cloudwatch_logs.get_state = lambda: {**save(), name: state()}

    def load_all(data: dict[str, Any]) -> None:
        load(data)
        if name in data:
            restore(data[name])

    cloudwatch_logs.load_persisted_state = load_all
