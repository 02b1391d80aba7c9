"""Invariant 7, as far as the cloud shows it: a failed run says where and why.

That a page never blocks and names the next action is what the browser tests look at.
"""

from collections.abc import Iterator

from tests.faults.monitor.records import Item, Transition


class Honesty:
    """Judges the end of executions."""

    number = 7

    def take(self, item: Item) -> Iterator[str]:
        if isinstance(item, Transition) and item.type == "ExecutionFailed":
            details = item.details
            if not details.get("error") or not details.get("cause"):
                yield f"{item.run} failed and does not say why"

    def close(self) -> Iterator[str]:
        yield from ()
