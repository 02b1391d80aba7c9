"""Invariant 8: nothing is claimed or deleted as orphaned that was not read after its last change."""

import json
import re
from collections.abc import Iterator

from tests.faults.monitor.records import Call, Item
from tests.faults.monitor.sharing import Sharing

Place = tuple[str, str]
Stack = tuple[str, str, str]  # account, region, name
STARTS = ("ExecuteChangeSet", "DeleteStack", "UpdateStack", "CreateStack", "ContinueUpdateRollback")
STABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "IMPORT_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_COMPLETE",
)


class Certainty:
    """Keeps what was read since it was last changed."""

    number = 8

    def __init__(self) -> None:
        self._sharing = Sharing()
        self._changed: set[Stack] = set()  # by the controller
        self._read: set[Stack] = set()  # and seen at rest since then
        self._described: set[tuple[Place, str]] = set()  # change sets
        self._pipelines: set[Place] = set()  # places whose pipelines were listed since the last change of one

    def take(self, item: Item) -> Iterator[str]:
        list(self._sharing.take(item))
        if not isinstance(item, Call):
            return
        if item.product and item.ok:
            yield from self._judge(item)
        self._follow(item)

    def close(self) -> Iterator[str]:
        yield from ()

    def _judge(self, call: Call) -> Iterator[str]:
        if call.name == "rds:AddTagsToResource" and "slipway:sanitized" in call.tags:
            name = call.get("ResourceName").rpartition(":")[2]
            if not self._sharing.proven(call.account, name):
                yield f"{name} is tagged as sanitized before it is proven"
        elif call.name == "dynamodb:UpdateItem" and (target := _rolled_back(call)):
            if target in self._changed and target not in self._read:
                yield f"{'/'.join(target)} is recorded as rolled back, and was not read since its last change"
        elif call.name == "cloudformation:ExecuteChangeSet" and _is_controller(call):
            if (call.place, call.get("ChangeSetName")) not in self._described:
                yield f"the change set {call.get('ChangeSetName')} is executed unread"
        elif call.name == "s3:DeleteBucket" and call.place not in self._pipelines:
            yield f"{call.path} is deleted, and the pipelines were not read since one changed"

    def _follow(self, call: Call) -> None:
        if call.service == "codepipeline" and call.ok:
            if call.operation in ("CreatePipeline", "UpdatePipeline"):
                self._pipelines.clear()
            elif call.operation == "ListPipelines" and call.product:
                self._pipelines.add(call.place)
        if call.service == "cloudformation":
            self._follow_stack(call)

    def _follow_stack(self, call: Call) -> None:
        name = re.sub(r"^arn:.*:stack/([^/]+)/.*$", r"\1", call.get("StackName"))
        stack = (*call.place, name)
        if call.operation in STARTS and call.ok and _is_controller(call):
            self._changed.add(stack)
            self._read.discard(stack)
        elif call.operation == "DescribeStacks" and _is_controller(call):
            statuses = re.findall(r"<StackStatus>(\w+)</StackStatus>", call.response)
            if call.gone or (statuses and statuses[0] in STABLE):
                self._read.add(stack)
        elif call.operation == "DescribeChangeSet" and call.ok:
            self._described |= {
                (call.place, id_) for id_ in re.findall(r"<ChangeSetId>([^<]+)</ChangeSetId>", call.response)
            }


def _is_controller(call: Call) -> bool:
    return "slipway-rollouts" in call.agent


def _rolled_back(call: Call) -> Stack | None:
    """Return the target that the controller records as rolled back."""
    item = str(call.request.get("Key", {}).get("item", {}).get("S", ""))
    values = json.dumps(call.request.get("ExpressionAttributeValues", {}))
    if not item.startswith("target ") or '"rolled back"' not in values:
        return None
    account, region, stack = item.removeprefix("target ").split("/", 2)
    return account, region, stack
