"""Subscriptions of log groups: two filters a group, one policy an account and region, delivered in the end.

What a target does not take now is tried again for 24 hours, then dropped, as CloudWatch Logs does.
"""

import base64
import hashlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import cloudwatch_logs

from ops.embedded.context import Context
from ops.embedded.logs import account_policies
from ops.embedded.logs import events as log_events
from ops.embedded.logs.destinations import NotDelivered, Target, deliver, problem_of, resolve
from ops.embedded.logs.filter_pattern import matcher
from ops.embedded.logs.subscription_records import data_records
from ops.embedded.services import flow_metrics

SEAMS = (
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.cloudwatch_logs._put_subscription_filter",
    "ministack.services.cloudwatch_logs.get_state",
    "ministack.services.cloudwatch_logs.load_persisted_state",
)
FILTERS = 2  # a log group
PATIENCE_S = 24 * 3600
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

Answer = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]
log = logging.getLogger("slipway.embedded")

_matcher = lru_cache(maxsize=256)(matcher)


@dataclass(frozen=True)
class Waiting:
    """A record that its target has not taken yet."""

    target: Target
    record: str  # base64
    key: str
    source: str  # ARN of the log group
    until: float


class Retries:
    """Tries again what was not taken, oldest first, pausing longer while nothing is taken."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._some = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="log-retries", daemon=True).start()

    def add(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)
        self._some.set()

    def state(self) -> list[Record]:
        return [{**vars(each), "target": vars(each.target)} for each in list(self._waiting)]

    def restore(self, state: list[Record]) -> None:
        for each in state:
            self.add(Waiting(**{**each, "target": Target(**each["target"])}))

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while self._some.wait():
            taken = self._round()
            pause = FIRST_PAUSE_S if taken else min(pause * 2, LONGEST_PAUSE_S)
            if not self._waiting:
                self._some.clear()
                if self._waiting:
                    self._some.set()
            elif not taken:
                time.sleep(pause)

    def _round(self) -> int:
        """Tries each that waits once; how many are gone."""
        before = len(self._waiting)
        gone = 0
        for _ in range(before):
            each = self._waiting.popleft()
            try:
                deliver(each.target, base64.b64decode(each.record), each.key, each.source)
            except NotDelivered as error:
                if time.time() < each.until:
                    self._waiting.append(each)
                    continue
                log.warning("A log record for %s is dropped after 24 hours: %s", each.target.arn, error)
            gone += 1
        return gone


_retries = Retries()


def install(context: Context) -> None:
    put = cloudwatch_logs._put_subscription_filter
    cloudwatch_logs._put_subscription_filter = lambda data: _put_filter(put, data)
    log_events.when_stored(_fan_out)
    state, load = cloudwatch_logs.get_state, cloudwatch_logs.load_persisted_state
    cloudwatch_logs.get_state = lambda: {**state(), "undelivered": _retries.state()}

    def load_all(data: Record) -> None:
        load(data)
        _retries.restore(data.get("undelivered", []))

    cloudwatch_logs.load_persisted_state = load_all
    _retries.start()


def _put_filter(original: Callable[[Record], Answer], data: Record) -> Answer:
    group = cloudwatch_logs._log_groups.get(data.get("logGroupName"))
    if group is not None:
        filters = group["subscriptionFilters"]
        if data.get("filterName") not in filters and len(filters) >= FILTERS:
            return _refused("LimitExceededException", "Resource limit exceeded.")
        code, message = problem_of(
            data.get("destinationArn", ""),
            data.get("roleArn", ""),
            data.get("filterPattern", ""),
            "logs:PutSubscriptionFilter",
        )
        if code:
            return _refused(code, message)
    return original(data)


def _refused(code: str, message: str) -> Answer:
    refused: Answer = error_response_json(code, message, 400)
    return refused


def _subscriptions(group: str) -> Iterator[tuple[str, Record]]:
    """Name and settings of what subscribes to the group."""
    found = cloudwatch_logs._log_groups.get(group) or {}
    yield from list((found.get("subscriptionFilters") or {}).items())
    policy = account_policies.subscription(group)
    if policy:
        yield policy


def _fan_out(group: str, stream: str, events: list[Record]) -> None:
    for name, settings in _subscriptions(group):
        matches = _matcher(settings.get("filterPattern", ""))
        wanted = [event for event in events if matches(event["message"])]
        if wanted:
            _send(group, stream, name, settings, wanted)


def _send(group: str, stream: str, name: str, settings: Record, events: list[Record]) -> None:
    try:
        target = resolve(settings["destinationArn"], settings.get("roleArn", ""))
    except LookupError as error:
        log.warning("Subscription %s of %s leads nowhere: %s", name, group, error)
        return
    if target.arn.endswith(f":function:{group.removeprefix('/aws/lambda/')}"):
        return  # a function that would be fed with its own log
    account = get_account_id()
    source = f"arn:aws:logs:{get_region()}:{account}:log-group:{group}:*"
    for record in data_records(account, group, stream, [name], events):
        key = _key(settings.get("distribution", ""), group, stream)
        try:
            deliver(target, record, key, source)
        except NotDelivered as error:
            log.info("%s is tried again: %s", target.arn, error)
            until = time.time() + PATIENCE_S
            _retries.add(Waiting(target, base64.b64encode(record).decode(), key, source, until))
    _count(group, name, target, events)


def _key(distribution: str, group: str, stream: str) -> str:
    if distribution == "Random":
        return uuid.uuid4().hex
    return hashlib.md5(f"{group}:{stream}".encode(), usedforsecurity=False).hexdigest()


def _count(group: str, name: str, target: Target, events: list[Record]) -> None:
    dimensions = {"LogGroupName": group, "DestinationType": target.kind, "FilterName": name}
    flow_metrics.count("AWS/Logs", dimensions, "None", ForwardedLogEvents=len(events))
    flow_metrics.count("AWS/Logs", dimensions, "Bytes", ForwardedBytes=log_events.size(events))
