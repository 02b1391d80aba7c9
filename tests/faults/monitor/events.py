"""Invariant 4: no log event is lost, doubled, altered, or merged with its neighbor on the way to the bucket.

An event counts from the moment when CloudWatch Logs accepts it into a subscribed group. It arrives as a line
of JSON in an object, or whole in the original record under the error prefix.
"""

import base64
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.monitor.records import Call, Delivery, Item, Lines

LINE = {"account", "region", "group", "stream", "timestamp", "id", "message"}
Event = tuple[str, str, int, str]  # group, stream, time, message


class Events:
    """Follows the events of subscribed groups.

    `at_least_once`: the stream itself may deliver twice in this scenario (a batch was repeated), which the
    export passes on with the same ID.
    """

    number = 4

    def __init__(self, *, at_least_once: bool = True) -> None:
        self._at_least_once = at_least_once
        self._subscribed: set[tuple[str, str, str]] = set()
        self._accepted: dict[str, Event] = {}
        self._due: set[str] = set()
        self._arrived: Counter[str] = Counter()

    def take(self, item: Item) -> Iterator[str]:
        if isinstance(item, Call):
            self._subscribe(item)
            if item.name == "s3:PutObject" and item.ok and item.product:
                yield from self._arrive(item.path, item.body)
        elif isinstance(item, Lines):
            self._accept(item)
        elif isinstance(item, Delivery):
            yield from self._arrive(item.key, item.body)

    def missing(self) -> set[str]:
        """Return the IDs of the events that have not arrived yet."""
        return self._due - set(self._arrived)

    def close(self) -> Iterator[str]:
        if lost := self.missing():
            group, _, _, message = self._accepted[min(lost)]
            yield f"{len(lost)} of {len(self._due)} events are lost, such as {message[:60]!r} of {group}"

    def _subscribe(self, call: Call) -> None:
        if call.service == "logs" and call.ok:
            group = (call.account, call.region, call.get("logGroupName"))
            if call.operation == "PutSubscriptionFilter" and not call.get("filterPattern"):
                self._subscribed.add(group)
            elif call.operation in ("DeleteSubscriptionFilter", "DeleteLogGroup"):
                self._subscribed.discard(group)

    def _accept(self, lines: Lines) -> None:
        subscribed = (lines.account, lines.region, lines.group) in self._subscribed
        for event in lines.events:
            if id_ := event.get("eventId"):
                found = (lines.group, lines.stream, int(event["timestamp"]), str(event["message"]))
                self._accepted[id_] = found
                if subscribed:
                    self._due.add(id_)

    def _arrive(self, key: str, body: str) -> Iterator[str]:
        for line in body.split("\n"):
            row = _parsed(line)
            if not isinstance(row, dict):
                continue
            if set(row) == LINE:
                yield from self._check(key, row)
            elif "rawData" in row:
                for event in _events_of(row["rawData"]):
                    self._arrived[str(event.get("id"))] += 1

    def _check(self, key: str, row: Mapping[str, Any]) -> Iterator[str]:
        id_ = str(row["id"])
        known = self._accepted.get(id_)
        found = (row["group"], row["stream"], row["timestamp"], row["message"])
        if known is not None and known != found:
            yield f"the event {id_} was altered in {key}: {known[3][:60]!r} became {str(found[3])[:60]!r}"
        if f"account={row['account']}/region={row['region']}/" not in key:
            yield f"the event {id_} is in another account's or region's prefix: {key}"
        self._arrived[id_] += 1
        if self._arrived[id_] > 1 and not self._at_least_once:
            yield f"the event {id_} was written twice, the second time to {key}"


def _events_of(data: str) -> list[Mapping[str, Any]]:
    """Return the events of a subscription record under the error prefix; none if it is not one."""
    try:
        record = json.loads(gzip.decompress(base64.b64decode(data)))
        return list(record["logEvents"])
    except (OSError, EOFError, ValueError, KeyError, zlib.error):
        return []


def _parsed(line: str) -> Any:
    try:
        return json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
