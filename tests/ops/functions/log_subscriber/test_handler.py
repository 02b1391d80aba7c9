"""The subscriber: at the service's rate, with retries, and without changing other subscriptions."""

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ops.functions.source import Context, load

DESTINATION = "arn:aws:logs:eu-west-1:111111111111:destination:central"
SETTINGS = {
    "DESTINATION": DESTINATION,
    "ROLE": "",
    "FILTER": "slipway-eu-west-1",
    "MODE": "group",
    "PREFIX": "",
    "INCLUDE": "",
    "EXCLUDE": "/no/*",
    "OWN": "/slipway/logs/",
}


class Clock:
    """A fake `time` that advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        with self._lock:
            self.now = max(self.now, until)


class Logs:
    """Log groups and their filters; throttles every tenth put, and rejects a third filter."""

    def __init__(self, names: list[str]) -> None:
        self.names = sorted(names)
        self.filters: dict[str, dict[str, str]] = {name: {} for name in names}
        self.puts = 0
        self.roles: set[str] = set()
        self.policies: list[dict[str, str]] = []

    def describe_log_groups(self, nextToken: str = "0") -> Any:  # noqa: N803
        first = int(nextToken)
        page: dict[str, Any] = {"logGroups": [{"logGroupName": n} for n in self.names[first : first + 50]]}
        return {**page, "nextToken": str(first + 50)} if first + 50 < len(self.names) else page

    def describe_subscription_filters(self, logGroupName: str, filterNamePrefix: str) -> Any:  # noqa: N803
        found = self.filters[logGroupName].items()
        return {"subscriptionFilters": [{"filterName": n, "destinationArn": d} for n, d in found]}

    def put_subscription_filter(self, logGroupName: str, filterName: str, **more: str) -> None:  # noqa: N803
        self.puts += 1
        if self.puts % 10 == 0:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "Put")
        mine = self.filters[logGroupName]
        if len(mine) == 2 and filterName not in mine:
            raise ClientError({"Error": {"Code": "LimitExceededException", "Message": ""}}, "Put")
        mine[filterName] = more["destinationArn"]
        self.roles.add(more.get("roleArn", ""))

    def delete_subscription_filter(self, logGroupName: str, filterName: str) -> None:  # noqa: N803
        del self.filters[logGroupName][filterName]

    def put_account_policy(self, policyDocument: str, **more: str) -> None:  # noqa: N803
        self.policies.append(json.loads(policyDocument))

    def describe_account_policies(self, policyType: str) -> Any:  # noqa: N803
        return {"accountPolicies": []}


class Tagging:
    """Two pages of log groups that were unsubscribed manually."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def get_resources(self, PaginationToken: str, **more: Any) -> Any:  # noqa: N803
        half = len(self.names) // 2
        page = self.names[half:] if PaginationToken else self.names[:half]
        arns = [f"arn:aws:logs:eu-west-1:111111111111:log-group:{name}" for name in page]
        found = [{"ResourceARN": arn, "Tags": []} for arn in arns]
        return {"ResourceTagMappingList": found, "PaginationToken": "" if PaginationToken else "2"}


def subscriber(logs: Logs, *left_out: str) -> Any:
    module = load("log_subscriber", **SETTINGS)
    module.logs, module.time, module.tagging = logs, Clock(), Tagging(*left_out)
    return module


@pytest.mark.parametrize("role", ["", "arn:aws:iam::222222222222:role/subscription"])
def test_an_organizations_destination_gets_a_role(role: str) -> None:
    for mode in ("group", "account"):
        module, logs = load("log_subscriber", **{**SETTINGS, "ROLE": role, "MODE": mode}), Logs(["/app/a"])
        module.logs, module.time, module.tagging = logs, Clock(), Tagging()
        module.handler({"work": "subscribe"}, Context(900))
        module.handler({"work": "reconcile"}, Context(900))
        if mode == "group":
            assert logs.roles == {role}
        else:
            assert logs.policies and {policy.get("RoleArn", "") for policy in logs.policies} == {role}


def test_a_thousand_groups_are_subscribed_at_the_services_rate() -> None:
    logs = Logs([f"/app/{n}" for n in range(1000)])
    module = subscriber(logs)
    module.handler({"work": "subscribe"}, Context(900))
    assert all(logs.filters[name] == {"slipway-eu-west-1": DESTINATION} for name in logs.names)
    at_the_rate_s = logs.puts / module.RATES["put"]
    assert at_the_rate_s * 0.9 <= module.time.now <= at_the_rate_s * 1.6


def test_it_invokes_itself_to_continue() -> None:
    logs = Logs([f"/app/{n}" for n in range(1000)])
    module = subscriber(logs)
    handed: list[bytes] = []

    class Lambda:
        def invoke(self, Payload: str, **more: str) -> None:  # noqa: N803
            handed.append(Payload.encode())

    module.lambda_ = Lambda()
    event: dict[str, Any] = {"work": "subscribe"}
    for _ in range(20):
        handed.clear()
        module.handler(event, Context(120))
        if not handed:
            break
        event = module.json.loads(handed[0])
    assert all(logs.filters.values())


@pytest.mark.parametrize(
    ("name", "wanted"), [("/app", True), ("/no/x", False), ("/slipway/logs/log-export/processor", False)]
)
def test_own_and_excluded_groups_are_skipped(name: str, wanted: bool) -> None:
    logs = Logs([name])
    subscriber(logs).handler({"work": "subscribe"}, Context())
    assert bool(logs.filters[name]) == wanted


def test_two_other_filters_are_reported_and_the_rest_is_subscribed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs = Logs(["/app/a", "/app/b"])
    logs.filters["/app/a"] = {"one": "x", "two": "y"}
    subscriber(logs).handler({"work": "check"}, Context())
    assert logs.filters == {"/app/a": {"one": "x", "two": "y"}, "/app/b": {"slipway-eu-west-1": DESTINATION}}
    assert "two other subscription filters" in capsys.readouterr().out


def test_unsubscribing_keeps_other_filters() -> None:
    logs = Logs(["/app/a", "/app/b"])
    logs.filters = {
        "/app/a": {"slipway-eu-west-1": DESTINATION, "theirs": "x"},
        "/app/b": {"slipway-eu-west-1": "another destination"},
    }
    subscriber(logs).handler({"work": "unsubscribe"}, Context())
    assert logs.filters["/app/a"] == {"theirs": "x"}
    assert logs.filters["/app/b"] == {"slipway-eu-west-1": "another destination"}


def test_manually_unsubscribed_groups_are_skipped() -> None:
    logs = Logs(["/app/a", "/app/b", "/app/c"])
    module = subscriber(logs, "/app/a", "/app/b")
    module.handler({"work": "check"}, Context())
    created = {"logGroupName": "/app/a"}
    detail = {"detail-type": "AWS API Call via CloudTrail", "detail": {"requestParameters": created}}
    module.handler(detail, Context())
    assert [name for name, filters in logs.filters.items() if filters] == ["/app/c"]
    logs.filters["/app/b"]["slipway-eu-west-1"] = DESTINATION
    module.handler({"work": "reconcile"}, Context())
    assert not logs.filters["/app/b"]
