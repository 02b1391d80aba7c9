"""Invariant 9: what is not known to be safe was approved before it happens."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ops.rollouts.rules.changes import ResourceChange
from tests.faults.monitor.records import Call, Item

EVERYBODY = ("all", "*")


class Approval:
    """Keeps which dangerous changes a change set has, and which changes somebody has approved."""

    number = 9

    def __init__(self) -> None:
        self._dangerous: dict[str, set[str]] = {}  # change set → logical IDs
        self._approved: set[str] = set()  # lines of the rollouts' documents

    def take(self, item: Item) -> Iterator[str]:
        if not isinstance(item, Call) or not item.ok:
            return
        if item.product:
            yield from self._judge(item)
        if item.name == "cloudformation:DescribeChangeSet":
            self._read_changes(item)
        elif item.name == "s3:PutObject" and item.path.endswith("/document.json"):
            self._approved |= set(_parsed(item.body).get("approved", []))

    def close(self) -> Iterator[str]:
        yield from ()

    def _judge(self, call: Call) -> Iterator[str]:
        if "all" in call.values("ValuesToAdd"):
            yield "a snapshot is shared with everybody"
        if call.name in ("s3:PutBucketPolicy", "kms:PutKeyPolicy") and _is_public(call):
            yield f"{call.path or call.get('KeyId')} is open to everybody"
        if call.name == "cloudformation:ExecuteChangeSet" and "slipway-rollouts" in call.agent:
            if "/slipway-undo-" in call.get("ChangeSetName"):
                return  # back to what was there
            for logical_id in self._dangerous.get(call.get("ChangeSetName"), ()):
                if not any(f" {logical_id} (" in line for line in self._approved):
                    yield f"{logical_id} is removed or replaced, which nobody approved"

    def _read_changes(self, call: Call) -> None:
        ids = re.findall(r"<ChangeSetId>([^<]+)</ChangeSetId>", call.response)
        for change in re.findall(r"<ResourceChange>.*?</ResourceChange>", call.response, re.DOTALL):
            values = dict(re.findall(r"<(\w+)>([^<]*)</\1>", change))
            read = ResourceChange(
                values["Action"],
                values["LogicalResourceId"],
                values["ResourceType"],
                values.get("Replacement", ""),
            )
            if read.may_lose_data:
                for id_ in ids[:1]:
                    self._dangerous.setdefault(id_, set()).add(read.logical_id)


def _is_public(call: Call) -> bool:
    policy = _parsed(call.body if call.service == "s3" else call.get("Policy"))
    return any(
        statement.get("Effect") == "Allow"
        and statement.get("Principal") in (*EVERYBODY, {"AWS": "*"})
        and not statement.get("Condition")
        for statement in policy.get("Statement", [])
    )


def _parsed(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
