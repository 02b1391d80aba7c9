"""Invariant 2: a run that succeeds leaves no temporary database or snapshot; in the end, no run does."""

import re
from collections.abc import Iterator

from tests.faults.monitor.records import Call, Item, Transition

KINDS = ("DBInstance", "DBCluster", "DBSnapshot", "DBClusterSnapshot")
TEMPORARY, RUN = "slipway:temporary", "slipway:run"

Resource = tuple[str, str, str]  # account, kind, name


class Leftovers:
    """Keeps the temporary resources that exist, with their runs."""

    number = 2

    def __init__(self) -> None:
        self._left: dict[Resource, str] = {}

    def take(self, item: Item) -> Iterator[str]:
        if isinstance(item, Transition) and item.type == "ExecutionSucceeded":
            run = re.sub(r"^clean-up-(.+?)(-\d{8})?$", r"\1", item.run)
            mine = [
                name for (account, _, name), of in self._left.items() if (account, of) == (item.account, run)
            ]
            if mine:
                yield f"{item.run} succeeded and left {', '.join(sorted(mine))}"
        if isinstance(item, Call) and item.service == "rds":
            self._follow(item)

    def close(self) -> Iterator[str]:
        for (account, _, name), run in self._left.items():
            yield f"{name} of {run} is left in {account}"

    def _follow(self, call: Call) -> None:
        if call.ok and TEMPORARY in call.tags:
            self._left[self._created(call)] = call.tags.get(RUN, "")
        named = [(kind, call.get(f"{kind}Identifier")) for kind in KINDS if call.get(f"{kind}Identifier")]
        if call.operation.startswith(("Delete", "Describe")) and (call.gone or _deletes(call)):
            for kind, name in named:
                self._left.pop((call.account, kind, name), None)
        if call.ok and call.operation == "RemoveTagsFromResource" and TEMPORARY in call.values("TagKeys"):
            name = call.get("ResourceName").rpartition(":")[2]
            for resource in [each for each in self._left if each[0] == call.account and each[2] == name]:
                del self._left[resource]

    def _created(self, call: Call) -> Resource:
        operation = call.operation
        for kind in reversed(KINDS):  # CreateDBSnapshot also names the instance
            if operation in (f"Create{kind}", f"Copy{kind}") or operation.startswith(f"Restore{kind}From"):
                name = call.get(f"{kind}Identifier") or call.get(f"Target{kind}Identifier")
                return call.account, kind, name
        return call.account, operation, call.get("ResourceName")


def _deletes(call: Call) -> bool:
    return call.ok and call.operation.startswith("Delete")
