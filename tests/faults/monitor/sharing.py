"""Invariant 1: a snapshot is shared only after its contents were sanitized and verified without error.

What counts as proof is the log of the sanitizing task: a complete report in which every check passed, from
a task that Step Functions saw succeed, before the snapshot was taken. What the function says does not.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.monitor.records import Call, Item, Lines, Transition

DATABASES = ("DBInstance", "DBCluster")
SNAPSHOTS = ("DBSnapshot", "DBClusterSnapshot")


@dataclass
class _Report:
    checks: list[bool] = field(default_factory=list)
    announced: int = 0

    @property
    def proves(self) -> bool:
        return 0 < self.announced == len(self.checks) and all(self.checks)


class Sharing:
    """Follows contents from production to snapshots; judges each call that lets somebody else read them."""

    number = 1

    def __init__(self) -> None:
        self._reports: dict[str, _Report] = {}  # by task ID
        self._tasks: dict[tuple[str, str], str] = {}  # account and run → the task that succeeded
        self._temporary: dict[tuple[str, str], str] = {}  # account and database → its run
        self._new: dict[tuple[str, str], str] = {}  # account and run → the database of a rebuild
        self._clean: dict[tuple[str, str], bool] = {}  # account and snapshot → proven when it was taken

    def take(self, item: Item) -> Iterator[str]:
        if isinstance(item, Lines):
            self._read(item)
        elif isinstance(item, Transition):
            self._note_task(item)
        elif isinstance(item, Call) and item.service == "rds":
            yield from self._judge(item)
            if item.ok:
                self._follow(item)

    def close(self) -> Iterator[str]:
        yield from ()

    def proven(self, account: str, snapshot: str) -> bool:
        return self._clean.get((account, snapshot), False)

    def _read(self, lines: Lines) -> None:
        report = self._reports.setdefault(lines.stream.rpartition("/")[2], _Report())
        for event in lines.events:
            message = str(event["message"])
            if message.startswith("REPORT {"):
                report.checks.append(json.loads(message[7:])["ok"] is True)
            elif message.startswith("REPORT-END "):
                report.announced = int(message.split()[1])

    def _note_task(self, transition: Transition) -> None:
        details = transition.details
        if transition.type == "TaskSucceeded" and details.get("resourceType") == "ecs":
            task = str(json.loads(details["output"])["TaskArn"]).rpartition("/")[2]
            self._tasks[transition.account, transition.run] = task

    def _follow(self, call: Call) -> None:
        """Remember what a new database or snapshot holds."""
        run = call.tags.get("slipway:run", "")
        if call.operation.startswith("Restore") or call.operation in ("CreateDBInstance", "CreateDBCluster"):
            for kind in DATABASES:
                if name := call.get(f"{kind}Identifier"):
                    self._temporary[call.account, name] = run
        if call.operation == "CreateDBInstance" and run and not call.get("DBClusterIdentifier"):
            self._new[call.account, run] = call.get("DBInstanceIdentifier")
        for kind in SNAPSHOTS:
            if call.operation == f"Create{kind}":
                database = call.get(f"{kind.replace('Snapshot', '')}Identifier") or self._source(call)
                self._clean[call.account, call.get(f"{kind}Identifier")] = self._is_proven(
                    call, database, run
                )
            elif call.operation == f"Copy{kind}":
                source = call.get(f"Source{kind}Identifier").rpartition(":")[2]
                target = call.get(f"Target{kind}Identifier")
                self._clean[call.account, target] = self.proven(call.account, source)

    def _source(self, call: Call) -> str:
        return next(
            (call.get(f"{kind}Identifier") for kind in DATABASES if call.get(f"{kind}Identifier")), ""
        )

    def _is_proven(self, call: Call, database: str, run: str) -> bool:
        if not run or self._temporary.get((call.account, database)) != run:
            return False  # production itself, or the database of another run
        if self._new.get((call.account, run), database) != database:
            return False  # the copy, from which the run built a new database
        report = self._reports.get(self._tasks.get((call.account, run), ""))
        return bool(report and report.proves)

    def _judge(self, call: Call) -> Iterator[str]:
        for kind in SNAPSHOTS:
            added = call.values("ValuesToAdd")
            if call.operation == f"Modify{kind}Attribute" and call.ok and added and call.product:
                name = call.get(f"{kind}Identifier")
                if not self.proven(call.account, name):
                    yield f"{name} is shared with {', '.join(added)} before it is proven clean"
        if call.product and call.ok and call.get("PubliclyAccessible").lower() == "true":
            yield f"{self._source(call)} is reachable from the internet"
