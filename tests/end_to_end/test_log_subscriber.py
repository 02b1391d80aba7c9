"""Subscriber and coverage on the embedded cloud: a thousand log groups of an account, with throttling."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Endpoint, Place
from ops.aws.logs import groups as log_groups
from ops.aws.pace import Pace
from ops.embedded.lifecycle import RunningCloud
from ops.errors import Throttled
from ops.logs.export.coverage import reading as coverage
from ops.logs.export.coverage.facts import EXPORT_TAG, OPTED_OUT, CoverageFacts
from ops.logs.export.coverage.reading import CoverageProgress, read_coverage
from ops.logs.export.coverage.verdicts import CoverageState
from ops.settings import Account, Settings
from tests.ops.embedded.many_groups import ACCOUNT, Throttling, make_groups
from tests.ops.embedded.overlay import REGION, allow, client
from tests.ops.functions.source import Context, load
from tests.ops.logs.export.coverage.test_verdicts import export

GROUPS = 1000
FILTER = f"slipway-{REGION}"
QUICK = 2000.0  # calls a second, in place of the service's few: what is asked is how many there are
# The time that AWS's own rates leave is measured, on a clock:
# tests/ops/functions/log_subscriber/test_handler.py.


@pytest.fixture(scope="module")
def groups(embedded: RunningCloud) -> list[str]:
    return make_groups(embedded, GROUPS)


@pytest.fixture(scope="module")
def destination(embedded: RunningCloud) -> str:
    """A destination in the account, with a stream as its target."""
    kinesis, logs, iam = (client(embedded, name, account=ACCOUNT) for name in ("kinesis", "logs", "iam"))
    kinesis.create_stream(StreamName="many", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    trust = {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=_document(trust))["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="writer", PolicyName="w", PolicyDocument=_document(allow("kinesis:PutRecord"))
    )
    stream = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/many"
    made = logs.put_destination(destinationName="many", targetArn=stream, roleArn=role)
    arn = str(made["destination"]["arn"])
    everybody = {**allow("logs:PutSubscriptionFilter", arn), "Principal": {"AWS": ACCOUNT}}
    logs.put_destination_policy(destinationName="many", accessPolicy=_document(everybody))
    return arn


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def logs(embedded: RunningCloud) -> Throttling:
    return Throttling(client(embedded, "logs", account=ACCOUNT))


def subscriber(embedded: RunningCloud, logs: Throttling, destination: str, mode: str, **more: str) -> Any:
    settings = {"ROLE": "", "PREFIX": "/many", "INCLUDE": "", "EXCLUDE": "", "OWN": "/slipway/logs/", **more}
    module = load("log_subscriber", DESTINATION=destination, FILTER=FILTER, MODE=mode, **settings)
    module.logs = logs
    module.tagging = client(embedded, "resourcegroupstaggingapi", account=ACCOUNT)
    module.RATES = dict.fromkeys(module.RATES, QUICK)
    module.FIRST_WAIT_S = module.LONGEST_WAIT_S = 0.01
    return module


def subscribed(embedded: RunningCloud, names: list[str]) -> list[str]:
    """Return the log groups that have a subscription filter."""
    logs = client(embedded, "logs", account=ACCOUNT)
    return [
        name for name in names if logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
    ]


@pytest.mark.thorough
def test_a_thousand_groups_take_a_call_each_despite_throttling(
    embedded: RunningCloud, groups: list[str], destination: str, logs: Throttling
) -> None:
    module = subscriber(embedded, logs, destination, "group")
    module.handler({"work": "subscribe"}, Context(900))
    assert logs.throttled > GROUPS / 10
    assert logs.answered == {"describe_log_groups": GROUPS // 50, "put_subscription_filter": GROUPS}
    assert 1 < logs.most_at_once <= module.WORKERS, "side by side, not one after the other"
    assert subscribed(embedded, groups[::100]) == groups[::100]

    logs.answered.clear()
    module.handler({"work": "check"}, Context(900))
    assert logs.answered == {"describe_log_groups": GROUPS // 50, "describe_subscription_filters": GROUPS}


def test_a_reconcile_unsubscribes_excluded_and_opted_out_groups(
    embedded: RunningCloud, groups: list[str], destination: str, logs: Throttling
) -> None:
    by_hand = groups[500]
    owner = client(embedded, "logs", account=ACCOUNT)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{by_hand}"
    owner.tag_resource(resourceArn=arn, tags={EXPORT_TAG: OPTED_OUT})
    module = subscriber(embedded, logs, destination, "group", EXCLUDE="/many/00*")
    module.handler({"work": "subscribe"}, Context(900))
    module.handler({"work": "reconcile"}, Context(900))
    assert subscribed(embedded, groups[90:110]) == groups[100:110]
    assert subscribed(embedded, [by_hand]) == []
    owner.untag_resource(resourceArn=arn, tagKeys=[EXPORT_TAG])


@pytest.mark.thorough
def test_an_account_policy_replaces_a_thousand_filters(
    embedded: RunningCloud, groups: list[str], destination: str, logs: Throttling
) -> None:
    module = subscriber(embedded, logs, destination, "account", EXCLUDE="/many/000*")
    module.handler({"work": "reconcile"}, Context(900))
    assert logs.answered["put_account_policy"] == 1
    assert subscribed(embedded, groups[::50]) == []
    owner = client(embedded, "logs", account=ACCOUNT)
    (policy,) = owner.describe_account_policies(policyType=module.POLICY)["accountPolicies"]
    assert policy["selectionCriteria"] == f"LogGroupName NOT IN {json.dumps(groups[:10])}"
    module.handler({"work": "unsubscribe"}, Context(900))
    assert owner.describe_account_policies(policyType=module.POLICY)["accountPolicies"] == []


@pytest.fixture
def crowded(embedded: RunningCloud) -> Iterator[Cloud]:
    account = Account("crowded", ACCOUNT, "", (REGION,))
    yield Cloud(Settings(accounts=(account,)), Endpoint(embedded.endpoint, ACCOUNT, "embedded"))


@pytest.mark.thorough
def test_coverage_of_a_thousand_groups_takes_a_call_each_despite_throttling(
    crowded: Cloud, groups: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "read_facts", lambda *_: CoverageFacts(exports=(export(),)))
    read, calls = log_groups.list_subscription_filters, iter(range(10 * GROUPS))

    def sometimes(cloud: Cloud, place: Place, group: str) -> Any:
        if next(calls) % 5 == 0:
            raise Throttled("slowly")
        return read(cloud, place, group)

    monkeypatch.setattr(log_groups, "list_subscription_filters", sometimes)
    monkeypatch.setattr("ops.aws.pace.FIRST_DELAY_S", 0.001)
    ticks: list[CoverageProgress] = []
    found = read_coverage(crowded, datetime.now(UTC), report=ticks.append, pace=lambda: Pace(QUICK))
    assert [each.group.name for each in found.groups if each.group.name in groups] == groups
    assert not found.of(CoverageState.NOT_READ) and not found.unread and not found.notes
    assert GROUPS * 1.2 <= next(calls) <= GROUPS * 1.4
    assert ticks[-1].done == ticks[-1].total == len(found.groups)
