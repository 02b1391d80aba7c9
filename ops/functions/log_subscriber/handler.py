"""Subscribes the log groups of one account and region to the export, and keeps them so.

Called as the stack's custom resource, for every new log group, on a schedule, and by itself to go on. One
filter a group, named by the region, or one policy for the account; none for a group that was unsubscribed by
hand, which a tag tells. What is not ours is never touched: a filter is ours by its name, and is deleted only
while it leads to our destination. Every call waits for its turn at the service's rate; a throttled one is
repeated, and never ends the run.
"""

import fnmatch
import json
import os
import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Record = dict[str, Any]

DESTINATION = os.environ["DESTINATION"]
FILTER = os.environ["FILTER"]
BY_ACCOUNT = os.environ["MODE"] == "account"
PREFIX = os.environ["PREFIX"]
INCLUDE = [pattern.strip() for pattern in os.environ["INCLUDE"].split(",") if pattern.strip()]
EXCLUDE = [pattern.strip() for pattern in os.environ["EXCLUDE"].split(",") if pattern.strip()]
OWN = os.environ["OWN"].split(",")  # prefixes of the exporter's own groups: exporting them would never end

# Calls a second, an account and region: CloudWatch Logs User Guide, "CloudWatch Logs quotas".
RATES = {"put": 5.0, "delete": 5.0, "look": 5.0, "list": 5.0, "policy": 5.0, "tags": 5.0}
WORKERS = 8  # calls under way at once: a slow answer does not hold up the next call
RESERVE_S = 45.0  # left over to hand the rest to the next invocation
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
THROTTLED = ("ThrottlingException", "Throttling", "ServiceUnavailableException", "OperationAbortedException")
LIMIT = "it has two subscription filters of others, which is CloudWatch's limit"
POLICY = "SUBSCRIPTION_FILTER_POLICY"
LEFT_OUT = {"Key": "slipway:export", "Values": ["no"]}  # the tag of a group that was unsubscribed by hand
MAXIMUM_SELECTION = 25_600  # bytes of a policy's selection: API Reference, PutAccountPolicy

_config = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=5, read_timeout=20)
_make: Any = boto3.client  # one type for all: the runtime has no stubs
logs, lambda_ = _make("logs", config=_config), _make("lambda", config=_config)
tagging = _make("resourcegroupstaggingapi", config=_config)


class OutOfTime(Exception):
    """The invocation is about to end: the rest is for the next one."""


class Pace:
    """Gives each kind of call its turns: evenly, at the service's rate."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def call(self, kind: str, function: Callable[..., Any], **arguments: Any) -> Any:
        """Calls when it is time; waits and repeats where the service throttles. Raises OutOfTime."""
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
            raise OutOfTime
        time.sleep(max(0.0, moment - time.monotonic()))


def handler(event: Record, context: Any) -> None:
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_S
    if "RequestType" in event:
        event = _begin(event)
    elif event.get("detail-type") == "AWS API Call via CloudTrail":
        parameters = event["detail"].get("requestParameters") or {}
        event = {"work": "subscribe", "only": parameters.get("logGroupName", "")}
    try:
        remaining = _work({"work": "check", **event}, Pace(deadline))
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
    """What the stack asks for: deletion ends when all is unsubscribed, the rest goes on behind its back."""
    work = {"Create": "subscribe", "Update": "reconcile", "Delete": "unsubscribe"}[custom["RequestType"]]
    if work == "unsubscribe":
        return {"work": work, "custom": custom}
    _respond(custom, "SUCCESS")
    return {"work": work}


def _respond(custom: Record, status: str, reason: str = "") -> None:
    answer = {
        "Status": status,
        "Reason": (reason or "done")[:1000],
        "PhysicalResourceId": custom.get("PhysicalResourceId") or f"{FILTER}-subscriptions",
        **{name: custom[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    body = json.dumps(answer).encode()
    headers = {"content-type": "", "content-length": str(len(body))}
    request = urllib.request.Request(custom["ResponseURL"], data=body, headers=headers, method="PUT")
    # The address comes from CloudFormation in the event of its own custom resource.
    urllib.request.urlopen(request, timeout=30).close()  # nosec B310


def _work(event: Record, pace: Pace) -> Record | None:
    """Does what it can in its time; the event that goes on with the rest, None when all is done.

    `work` is subscribe (put at once), check (put where it is missing), reconcile (and delete where it is
    not wanted any more) or unsubscribe.
    """
    left_out = _left_out(pace) if event["work"] != "unsubscribe" else frozenset()
    if "token" not in event:  # the policy is one call, before the groups
        _settle_policy(event["work"], left_out, pace)
    if BY_ACCOUNT and event["work"] not in ("reconcile", "unsubscribe"):
        return None
    report: Record = event.get("report") or {"subscribed": 0, "unsubscribed": 0, "refused": {}}
    if only := event.get("only"):
        _together(pace, "subscribe", [only], left_out, report)
    else:
        for token, names, following in _pages(pace, event.get("token", "")):
            try:
                _together(pace, event["work"], names, left_out, report)
            except OutOfTime:
                return {**event, "token": token, "report": report}
            if following and time.monotonic() > pace.deadline:
                return {**event, "token": following, "report": report}
    print(json.dumps({"work": event["work"], **report}))
    return None


def _left_out(pace: Pace) -> frozenset[str]:
    """Names of the groups that were unsubscribed by hand."""
    arns: list[str] = []
    token = ""
    while True:
        page = pace.call(
            "tags",
            tagging.get_resources,
            TagFilters=[LEFT_OUT],
            ResourceTypeFilters=["logs:log-group"],
            PaginationToken=token,
        )
        arns += [mapping["ResourceARN"] for mapping in page["ResourceTagMappingList"]]
        token = page.get("PaginationToken", "")
        if not token:
            return frozenset(arn.split(":", 6)[6].removesuffix(":*") for arn in arns)


def _pages(pace: Pace, token: str) -> Iterator[tuple[str, list[str], str]]:
    """The account's groups, fifty at a time: the page's token, names, the next page's token."""
    while True:
        page = pace.call("list", logs.describe_log_groups, **({"nextToken": token} if token else {}))
        following = page.get("nextToken", "")
        yield token, [group["logGroupName"] for group in page["logGroups"]], following
        if not following:
            return
        token = following


def _together(pace: Pace, work: str, names: list[str], left_out: frozenset[str], report: Record) -> None:
    """All of a page at once, as fast as the service lets them. Safe to run again."""
    wanted = {name for name in names if is_wanted(name) and name not in left_out}
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda name: _settle(pace, work, name, name in wanted), names))
    for name, outcome in zip(names, outcomes, strict=True):
        if outcome in ("subscribed", "unsubscribed"):
            report[outcome] += 1
        elif isinstance(outcome, OutOfTime):
            raise outcome
        elif outcome and len(report["refused"]) < 1000:
            report["refused"][name] = str(outcome)


def _settle(pace: Pace, work: str, name: str, wanted: bool) -> Any:
    """What was done to the group, or what spoke against it; None where there was nothing to do."""
    try:
        if wanted and work != "unsubscribe" and not BY_ACCOUNT:
            if work != "subscribe" and _has_ours(pace, name):
                return None
            return _subscribe(pace, name)
        if work in ("reconcile", "unsubscribe") and _has_ours(pace, name):
            pace.call("delete", logs.delete_subscription_filter, logGroupName=name, filterName=FILTER)
            return "unsubscribed"
    except OutOfTime as error:
        return error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return None  # the group went away meanwhile
        return LIMIT if code == "LimitExceededException" else f"{code}: {error.response['Error']['Message']}"
    return None


def is_wanted(name: str) -> bool:
    """Whether the group is to be exported. Own groups never are."""
    if any(name.startswith(prefix) for prefix in OWN) or not name.startswith(PREFIX):
        return False
    if INCLUDE and not any(fnmatch.fnmatchcase(name, pattern) for pattern in INCLUDE):
        return False
    return not any(fnmatch.fnmatchcase(name, pattern) for pattern in EXCLUDE)


def _has_ours(pace: Pace, name: str) -> bool:
    """Whether the group has our filter, leading to our destination."""
    answer = pace.call("look", logs.describe_subscription_filters, logGroupName=name, filterNamePrefix=FILTER)
    return any(
        subscription["filterName"] == FILTER and subscription["destinationArn"] == DESTINATION
        for subscription in answer["subscriptionFilters"]
    )


def _subscribe(pace: Pace, name: str) -> str:
    pace.call(
        "put",
        logs.put_subscription_filter,
        logGroupName=name,
        filterName=FILTER,
        filterPattern="",
        destinationArn=DESTINATION,
    )
    return "subscribed"


def _settle_policy(work: str, left_out: frozenset[str], pace: Pace) -> None:
    """Our account policy is there where it is wanted, and only there."""
    if BY_ACCOUNT and work != "unsubscribe":
        names = [name for _, page, _ in _pages(pace, "") for name in page]
        excluded = [name for name in names if name in left_out or not is_wanted(name)]
        _put_policy(pace, excluded)
    elif work in ("reconcile", "unsubscribe"):
        policies = pace.call("policy", logs.describe_account_policies, policyType=POLICY)["accountPolicies"]
        for policy in policies:
            leads_to = json.loads(policy["policyDocument"]).get("DestinationArn")
            if (policy["policyName"], leads_to) == (FILTER, DESTINATION):
                pace.call("policy", logs.delete_account_policy, policyName=FILTER, policyType=POLICY)


def _put_policy(pace: Pace, excluded: list[str]) -> None:
    """The policy's only selection is a list of names that it leaves out."""
    selection = f"LogGroupName NOT IN {json.dumps(excluded)}" if excluded else ""
    if len(selection.encode()) > MAXIMUM_SELECTION:
        raise ValueError(
            f"{len(excluded)} log groups are excluded, more than an account policy can name: "
            "subscribe by group instead."
        )
    document = {"DestinationArn": DESTINATION, "FilterPattern": "", "Distribution": "ByLogStream"}
    pace.call(
        "policy",
        logs.put_account_policy,
        policyName=FILTER,
        policyType=POLICY,
        policyDocument=json.dumps(document),
        scope="ALL",
        **({"selectionCriteria": selection} if selection else {}),
    )
