"""Subscriptions of log groups and their delivery: two filters for each group, one policy for each region.

Records that a target does not accept are retried for 24 hours and then dropped, as in CloudWatch Logs.
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

from ops.embedded.context import OverlayContext
from ops.embedded.logs import account_policies, extending
from ops.embedded.logs import events as log_events
from ops.embedded.logs.destinations import (
    NotDelivered,
    SubscriptionTarget,
    deliver,
    resolve_target,
    subscription_problem,
)
from ops.embedded.logs.filter_pattern import matcher
from ops.embedded.logs.subscription_records import data_records
from ops.embedded.services import flow_metrics

SEAMS = (
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.cloudwatch_logs._put_subscription_filter",
)
FILTERS = 2  # for each log group
RETRY_FOR_S = 24 * 3600
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

Response = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]
log = logging.getLogger(__name__)

_matcher = lru_cache(maxsize=256)(matcher)


@dataclass(frozen=True)
class UndeliveredRecord:
    """A record that its target has not accepted yet."""

    target: SubscriptionTarget
    record: str  # base64
    key: str
    source: str  # ARN of the log group
    until: float


class DeliveryRetries:
    """Retries undelivered records, oldest first, with longer pauses while none is accepted."""

    def __init__(self) -> None:
        self._undelivered: deque[UndeliveredRecord] = deque()
        self._has_records = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="log-retries", daemon=True).start()

    def add(self, record: UndeliveredRecord) -> None:
        self._undelivered.append(record)
        self._has_records.set()

    def state(self) -> list[Record]:
        return [{**vars(record), "target": vars(record.target)} for record in list(self._undelivered)]

    def restore(self, state: list[Record]) -> None:
        for saved in state:
            self.add(UndeliveredRecord(**{**saved, "target": SubscriptionTarget(**saved["target"])}))

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while self._has_records.wait():
            delivered = self._retry_all()
            pause = FIRST_PAUSE_S if delivered else min(pause * 2, LONGEST_PAUSE_S)
            if not self._undelivered:
                self._has_records.clear()
                if self._undelivered:
                    self._has_records.set()
            elif not delivered:
                time.sleep(pause)

    def _retry_all(self) -> int:
        """Retry each record once; return how many were delivered or dropped."""
        count = len(self._undelivered)
        resolved = 0
        for _ in range(count):
            record = self._undelivered.popleft()
            try:
                deliver(record.target, base64.b64decode(record.record), record.key, record.source)
            except NotDelivered as error:
                if time.time() < record.until:
                    self._undelivered.append(record)
                    continue
                log.warning("Dropped a log record for %s after 24 hours: %s", record.target.arn, error)
            resolved += 1
        return resolved


_retries = DeliveryRetries()


def install(context: OverlayContext) -> None:
    put = cloudwatch_logs._put_subscription_filter
    cloudwatch_logs._put_subscription_filter = lambda data: _put_filter(put, data)
    log_events.on_stored(_fan_out)
    extending.add_state("undelivered", _retries.state, _retries.restore)
    _retries.start()


def _put_filter(original: Callable[[Record], Response], data: Record) -> Response:
    group = cloudwatch_logs._log_groups.get(data.get("logGroupName"))
    if group is not None:
        filters = group["subscriptionFilters"]
        if data.get("filterName") not in filters and len(filters) >= FILTERS:
            return _error_response("LimitExceededException", "Resource limit exceeded.")
        code, message = subscription_problem(
            data.get("destinationArn", ""),
            data.get("roleArn", ""),
            data.get("filterPattern", ""),
            "logs:PutSubscriptionFilter",
        )
        if code:
            return _error_response(code, message)
    return original(data)


def _error_response(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response


def _subscriptions(group: str) -> Iterator[tuple[str, Record]]:
    """Yield the name and settings of each subscription of the group."""
    log_group = cloudwatch_logs._log_groups.get(group) or {}
    yield from list((log_group.get("subscriptionFilters") or {}).items())
    policy = account_policies.covering_policy(group)
    if policy:
        yield policy


def _fan_out(group: str, stream: str, events: list[Record]) -> None:
    for name, settings in _subscriptions(group):
        matches = _matcher(settings.get("filterPattern", ""))
        matching = [event for event in events if matches(event["message"])]
        if matching:
            _send(group, stream, name, settings, matching)


def _send(group: str, stream: str, name: str, settings: Record, events: list[Record]) -> None:
    try:
        target = resolve_target(settings["destinationArn"], settings.get("roleArn", ""))
    except LookupError as error:
        log.warning("Subscription %s of %s has no destination: %s", name, group, error)
        return
    if target.arn.endswith(f":function:{group.removeprefix('/aws/lambda/')}"):
        return  # the function would process its own log events
    account = get_account_id()
    source = f"arn:aws:logs:{get_region()}:{account}:log-group:{group}:*"
    for record in data_records(account, group, stream, [name], events):
        key = _key(settings.get("distribution", ""), group, stream)
        try:
            deliver(target, record, key, source)
        except NotDelivered as error:
            log.info("Retrying delivery to %s: %s", target.arn, error)
            until = time.time() + RETRY_FOR_S
            _retries.add(UndeliveredRecord(target, base64.b64encode(record).decode(), key, source, until))
    dimensions = {"LogGroupName": group, "DestinationType": target.kind, "FilterName": name}
    flow_metrics.count("AWS/Logs", dimensions, "None", ForwardedLogEvents=len(events))
    flow_metrics.count("AWS/Logs", dimensions, "Bytes", ForwardedBytes=log_events.size(events))


def _key(distribution: str, group: str, stream: str) -> str:
    if distribution == "Random":
        return uuid.uuid4().hex
    return hashlib.md5(f"{group}:{stream}".encode(), usedforsecurity=False).hexdigest()
