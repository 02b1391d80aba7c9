"""Subscribe the log groups of one account and region to the export, and keep them subscribed.

The function is invoked as the stack's custom resource, for each new log group, on a schedule, and by itself
to continue. It manages one subscription filter per group, named after the region, or one account policy.
Groups with the opt-out tag are skipped. Other filters and policies are never changed: a filter belongs to
the export by its name, and is deleted only if its destination is the export's. Calls are rate-limited;
a throttled call is retried and never ends the run. On a schedule of its own it writes the canary, and in the
central stack counts the canaries that stopped.
"""

import fnmatch
import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ops.functions.log_subscriber.canary import publish, stopped_canaries, write_canary
from ops.functions.shared.custom_resources import respond
from ops.functions.shared.records import log

Record = dict[str, Any]

DESTINATION = os.environ["DESTINATION"]
ROLE = os.environ["ROLE"]  # required by a destination whose policy names an organization; otherwise empty
FILTER = os.environ["FILTER"]
BY_ACCOUNT = os.environ["MODE"] == "account"
PREFIX = os.environ["PREFIX"]
INCLUDE = [pattern.strip() for pattern in os.environ["INCLUDE"].split(",") if pattern.strip()]
EXCLUDE = [pattern.strip() for pattern in os.environ["EXCLUDE"].split(",") if pattern.strip()]
CANARY = os.environ.get("CANARY", "")  # log group of the canary, always exported; empty: no canary
BUCKET = os.environ.get("BUCKET", "")  # where to look for canaries; empty: another stack looks
BUCKET_PREFIX = os.environ.get("BUCKET_PREFIX", "")
STACK = os.environ.get("STACK", "")
OWN = os.environ["OWN"].split(",")  # prefixes of the export's own log groups: exporting them would be a loop

# Calls per second, account, and region: CloudWatch Logs User Guide, "CloudWatch Logs quotas".
RATES = {"put": 5.0, "delete": 5.0, "describe": 5.0, "list": 5.0, "policy": 5.0, "tags": 5.0}
WORKERS = 8  # concurrent calls, so that a slow response does not delay the next call
RESERVE_S = 45.0  # time to invoke the function again for the rest
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
THROTTLED = ("ThrottlingException", "Throttling", "ServiceUnavailableException", "OperationAbortedException")
LIMIT = "the log group already has two other subscription filters, the CloudWatch Logs limit"
POLICY = "SUBSCRIPTION_FILTER_POLICY"
OPT_OUT_TAG = {"Key": "slipway:export", "Values": ["no"]}  # on log groups that were unsubscribed manually
MAXIMUM_SELECTION = 25_600  # bytes of selectionCriteria: API Reference, PutAccountPolicy

_config = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=5, read_timeout=20)
_make: Any = boto3.client  # untyped: the runtime has no stubs
logs, lambda_ = _make("logs", config=_config), _make("lambda", config=_config)
tagging = _make("resourcegroupstaggingapi", config=_config)


class DeadlineReached(Exception):
    """The invocation is about to end; the next one continues."""


class RateLimiter:
    """Rate limiter with an even rate for each kind of call."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def call(self, kind: str, function: Callable[..., Any], **arguments: Any) -> Any:
        """Call at the permitted rate, with retries if throttled. Raises DeadlineReached."""
        wait_s = FIRST_WAIT_S
        while True:
            self._await_turn(kind)
            try:
                return function(**arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] not in THROTTLED:
                    raise
            self._sleep_until(time.monotonic() + random.uniform(0.5, 1) * wait_s)
            wait_s = min(LONGEST_WAIT_S, 2 * wait_s)

    def _await_turn(self, kind: str) -> None:
        with self._lock:
            turn = max(time.monotonic(), self._next.get(kind, 0.0))
            self._next[kind] = turn + 1 / RATES[kind]
        self._sleep_until(turn)

    def _sleep_until(self, moment: float) -> None:
        if moment > self.deadline:
            raise DeadlineReached
        time.sleep(max(0.0, moment - time.monotonic()))


def handler(event: Record, context: Any) -> None:
    if event.get("work") == "canary":
        log("INFO", "Canary written", canary=write_canary(logs, CANARY))
        _count_canaries()
        return
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_S
    if "RequestType" in event:
        event = _begin(event)
    elif event.get("detail-type") == "AWS API Call via CloudTrail":
        parameters = event["detail"].get("requestParameters") or {}
        event = {"work": "subscribe", "only": parameters.get("logGroupName", "")}
    try:
        remaining = _run({"work": "check", **event}, RateLimiter(deadline))
    except Exception as error:
        if "custom" not in event:
            raise
        _respond(event["custom"], "FAILED", f"{type(error).__name__}: {error}")
        return
    if remaining:
        lambda_.invoke(
            FunctionName=context.invoked_function_arn, InvocationType="Event", Payload=json.dumps(remaining)
        )
    elif "custom" in event:
        _respond(event["custom"], "SUCCESS")


def _begin(custom: Record) -> Record:
    """Map the custom resource's request to work. Only a deletion waits until all groups are unsubscribed."""
    work = {"Create": "subscribe", "Update": "reconcile", "Delete": "unsubscribe"}[custom["RequestType"]]
    if work == "unsubscribe":
        return {"work": work, "custom": custom}
    _respond(custom, "SUCCESS")
    try:
        _count_canaries()  # the alarm needs a first value, and the schedule starts later
    except ClientError as error:
        log("WARNING", "Canaries not counted", reason=str(error))
    return {"work": work}


def _count_canaries() -> None:
    if not BUCKET:
        return
    stopped = stopped_canaries(_make("s3", config=_config), BUCKET, BUCKET_PREFIX, datetime.now(UTC))
    publish(_make("cloudwatch", config=_config), STACK, len(stopped))
    if stopped:
        log("WARNING", "Canaries no longer arrive", stopped=stopped)


def _respond(custom: Record, status: str, reason: str = "") -> None:
    respond(custom, status, custom.get("PhysicalResourceId") or f"{FILTER}-subscriptions", reason)


def _run(event: Record, limiter: RateLimiter) -> Record | None:
    """Work until the deadline; return the event that continues with the rest, or None when done.

    `work` is subscribe (put all filters), check (put missing filters), reconcile (check, and delete filters
    of groups that are no longer selected), or unsubscribe.
    """
    opted_out = _opted_out(limiter) if event["work"] != "unsubscribe" else frozenset()
    if "token" not in event:  # the policy takes one call, before the first page of groups
        _update_policy(event["work"], opted_out, limiter)
    if BY_ACCOUNT and event["work"] not in ("reconcile", "unsubscribe"):
        return None
    report: Record = event.get("report") or {"subscribed": 0, "unsubscribed": 0, "refused": {}}
    if only := event.get("only"):
        _process_page(limiter, "subscribe", [only], opted_out, report)
    else:
        for token, names, following in _pages(limiter, event.get("token", "")):
            try:
                _process_page(limiter, event["work"], names, opted_out, report)
            except DeadlineReached:
                return {**event, "token": token, "report": report}
            if following and time.monotonic() > limiter.deadline:
                return {**event, "token": following, "report": report}
    log("WARNING" if report["refused"] else "INFO", "Log groups processed", work=event["work"], **report)
    return None


def _opted_out(limiter: RateLimiter) -> frozenset[str]:
    """Return the names of log groups that were unsubscribed manually."""
    arns: list[str] = []
    token = ""
    while True:
        page = limiter.call(
            "tags",
            tagging.get_resources,
            TagFilters=[OPT_OUT_TAG],
            ResourceTypeFilters=["logs:log-group"],
            PaginationToken=token,
        )
        arns += [mapping["ResourceARN"] for mapping in page["ResourceTagMappingList"]]
        token = page.get("PaginationToken", "")
        if not token:
            return frozenset(arn.split(":", 6)[6].removesuffix(":*") for arn in arns)


def _pages(limiter: RateLimiter, token: str) -> Iterator[tuple[str, list[str], str]]:
    """Yield pages of log groups: the page's token, the names, and the next page's token."""
    while True:
        page = limiter.call("list", logs.describe_log_groups, **({"nextToken": token} if token else {}))
        following = page.get("nextToken", "")
        yield token, [group["logGroupName"] for group in page["logGroups"]], following
        if not following:
            return
        token = following


def _process_page(
    limiter: RateLimiter, work: str, names: list[str], opted_out: frozenset[str], report: Record
) -> None:
    """Process a page of groups in parallel, at the service's rate. Idempotent."""
    selected = {name for name in names if is_selected(name) and name not in opted_out}
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda name: _process_group(limiter, work, name, name in selected), names))
    for name, outcome in zip(names, outcomes, strict=True):
        if outcome in ("subscribed", "unsubscribed"):
            report[outcome] += 1
        elif isinstance(outcome, DeadlineReached):
            raise outcome
        elif outcome and len(report["refused"]) < 1000:
            report["refused"][name] = str(outcome)


def _process_group(limiter: RateLimiter, work: str, name: str, selected: bool) -> Any:
    """Return what was done to the group or the error; None if there was nothing to do."""
    try:
        if selected and work != "unsubscribe" and not BY_ACCOUNT:
            if work != "subscribe" and _has_filter(limiter, name):
                return None
            return _subscribe(limiter, name)
        if work in ("reconcile", "unsubscribe") and _has_filter(limiter, name):
            limiter.call("delete", logs.delete_subscription_filter, logGroupName=name, filterName=FILTER)
            return "unsubscribed"
    except DeadlineReached as error:
        return error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return None  # the log group was deleted in the meantime
        return LIMIT if code == "LimitExceededException" else f"{code}: {error.response['Error']['Message']}"
    return None


def is_selected(name: str) -> bool:
    """Whether the group is selected for export. The canary always is, other groups of the export never."""
    if CANARY and name == CANARY:
        return True
    if any(name.startswith(prefix) for prefix in OWN) or not name.startswith(PREFIX):
        return False
    if INCLUDE and not any(fnmatch.fnmatchcase(name, pattern) for pattern in INCLUDE):
        return False
    return not any(fnmatch.fnmatchcase(name, pattern) for pattern in EXCLUDE)


def _has_filter(limiter: RateLimiter, name: str) -> bool:
    """Whether the group has the export's filter with the export's destination."""
    answer = limiter.call(
        "describe", logs.describe_subscription_filters, logGroupName=name, filterNamePrefix=FILTER
    )
    return any(
        subscription["filterName"] == FILTER and subscription["destinationArn"] == DESTINATION
        for subscription in answer["subscriptionFilters"]
    )


def _subscribe(limiter: RateLimiter, name: str) -> str:
    limiter.call(
        "put",
        logs.put_subscription_filter,
        logGroupName=name,
        filterName=FILTER,
        filterPattern="",
        destinationArn=DESTINATION,
        **({"roleArn": ROLE} if ROLE else {}),
    )
    return "subscribed"


def _update_policy(work: str, opted_out: frozenset[str], limiter: RateLimiter) -> None:
    """Create or update the account policy, or delete it if the export subscribes by group."""
    if BY_ACCOUNT and work != "unsubscribe":
        names = [name for _, page, _ in _pages(limiter, "") for name in page]
        excluded = [name for name in names if name in opted_out or not is_selected(name)]
        _put_policy(limiter, excluded)
    elif work in ("reconcile", "unsubscribe"):
        policies = limiter.call("policy", logs.describe_account_policies, policyType=POLICY)[
            "accountPolicies"
        ]
        for policy in policies:
            destination = json.loads(policy["policyDocument"]).get("DestinationArn")
            if (policy["policyName"], destination) == (FILTER, DESTINATION):
                limiter.call("policy", logs.delete_account_policy, policyName=FILTER, policyType=POLICY)


def _put_policy(limiter: RateLimiter, excluded: list[str]) -> None:
    """Put the account policy. Its only selection criterion is a list of excluded names."""
    selection = f"LogGroupName NOT IN {json.dumps(excluded)}" if excluded else ""
    if len(selection.encode()) > MAXIMUM_SELECTION:
        raise ValueError(
            f"An account policy cannot exclude {len(excluded)} log groups: set SubscribeBy to group."
        )
    document = {"DestinationArn": DESTINATION, "FilterPattern": "", "Distribution": "ByLogStream"}
    if ROLE:
        document["RoleArn"] = ROLE
    limiter.call(
        "policy",
        logs.put_account_policy,
        policyName=FILTER,
        policyType=POLICY,
        policyDocument=json.dumps(document),
        scope="ALL",
        **({"selectionCriteria": selection} if selection else {}),
    )
