"""Invariant 6: every change of the workbench happens while the audit log shows its step as started."""

import re
from collections.abc import Iterator

from tests.faults.monitor.records import Audit, Call, Item

WORKBENCH = re.compile(r" slipway( |$)")
# What keeps the audit log itself in CloudWatch Logs, and calls whose effect is an answer.
UNAUDITED = re.compile(
    r"logs:(PutLogEvents|CreateLogStream|CreateLogGroup|PutRetentionPolicy)|athena:|sts:|lambda:"
)


class Attribution:
    """Keeps the steps that have started and not ended. Off until the first record of the audit log.

    `always`: judge from the beginning, for a scenario in which nothing but plans changes anything.
    """

    number = 6

    def __init__(self, *, always: bool = False) -> None:
        self._on = always
        self._open: set[str] = set()

    def take(self, item: Item) -> Iterator[str]:
        if isinstance(item, Audit):
            self._note(item)
            if not item.actor:
                yield f"the audit record of {item.step} names nobody"
        elif isinstance(item, Call) and self._on and _changes_for_user(item) and not self._open:
            yield f"{item.name} is in no step of the audit log"

    def close(self) -> Iterator[str]:
        yield from ()

    def _note(self, record: Audit) -> None:
        self._on = True
        if record.result == "started":
            self._open.add(record.step)
        else:
            self._open.discard(record.step)


def _changes_for_user(call: Call) -> bool:
    return call.changes and bool(WORKBENCH.search(call.agent)) and not UNAUDITED.match(call.name)
