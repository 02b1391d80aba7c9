"""Each reason why a log group is exported or not; the same patterns select groups as in the subscriber."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import Stack
from ops.aws.logs.account_policies import AccountPolicy
from ops.aws.logs.destinations import Destination
from ops.aws.logs.groups import LogGroup, SubscriptionFilter
from ops.errors import AccessDenied, Throttled
from ops.logs.export.coverage.facts import CoverageFacts
from ops.logs.export.coverage.verdicts import (
    GAPS,
    CoverageState,
    Filters,
    GroupCoverage,
    judge_group,
    needs_filters,
)
from ops.logs.export.installed import Export
from ops.settings import Account
from ops.templates.logs import MEMBER_DESCRIPTION
from tests.ops.functions.source import load

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PLACE = Place(Account("qa", "222222222222"), "eu-west-1")
DESTINATION = "arn:aws:logs:eu-west-1:111111111111:destination:central"
FILTER = "slipway-eu-west-1"
GROUP = LogGroup("/app/a", PLACE, NOW - timedelta(days=9), 0, None)


def export(**parameters: str) -> Export:
    given = {"SubscribeBy": "group", "SubscribeSchedule": "rate(1 hour)", **parameters}
    outputs = {"LogDestination": DESTINATION}
    stack = Stack(
        "log-export", "id", "CREATE_COMPLETE", "", MEMBER_DESCRIPTION, outputs, given, {}, NOW, None
    )
    return Export(PLACE, stack, False)


def facts(made: Export | None = None, **more: Any) -> CoverageFacts:
    return CoverageFacts(exports=(made or export(),), **more)


def subscription(
    name: str, destination: str = "arn:aws:lambda:eu-west-1:222222222222:function:x"
) -> SubscriptionFilter:
    return SubscriptionFilter("/app/a", name, destination, NOW - timedelta(days=2))


def verdict(known: CoverageFacts, filters: Filters = None, group: LogGroup = GROUP) -> GroupCoverage:
    return judge_group(known, group, [] if filters is None else filters, NOW)


OURS = subscription(FILTER, DESTINATION)
BY_ACCOUNT = export(SubscribeBy="account")
POLICY = AccountPolicy(FILTER, DESTINATION, frozenset({"/app/b"}), NOW - timedelta(days=1))


def test_our_filter_exports_a_group() -> None:
    found = verdict(facts(), [OURS])
    assert (found.state, found.exported_by, found.since) == (
        CoverageState.SUBSCRIBED,
        f"filter {FILTER}",
        OURS.since,
    )


@pytest.mark.parametrize(
    ("known", "filters"),
    [
        (facts(lost={"id": "no stream"}), [OURS]),
        (facts(BY_ACCOUNT, policy=POLICY, lost={"id": "no stream"}), None),
    ],
    ids=["filter", "policy"],
)
def test_a_subscribed_group_whose_events_go_nowhere_is_not_exported(
    known: CoverageFacts, filters: Filters
) -> None:
    found = verdict(known, filters)
    assert (found.state, found.reason) == (CoverageState.NOT_DELIVERED, "no stream")
    assert found.state in GAPS


@pytest.mark.parametrize("name", ["slipway-eu-west-1-test", "slipway-us-east-1", "slipway-other"])
def test_a_filter_with_a_similar_name_does_not(name: str) -> None:
    assert verdict(facts(), [subscription(name, DESTINATION)]).state is CoverageState.NOT_SUBSCRIBED


def test_a_filter_with_another_destination_does_not() -> None:
    found = verdict(facts(), [subscription(FILTER, "arn:aws:logs:eu-west-1:9:destination:old")])
    assert found.state is CoverageState.NOT_SUBSCRIBED and "destination:old" in found.reason


def test_our_account_policy_exports_what_it_does_not_exclude() -> None:
    known = facts(BY_ACCOUNT, policy=POLICY)
    assert verdict(known).exported_by == f"account policy {FILTER}"
    assert not needs_filters(known, GROUP)
    left = verdict(known, group=replace(GROUP, name="/app/b"))
    assert left.state is CoverageState.NOT_SUBSCRIBED and "excludes it" in left.reason


@pytest.mark.parametrize(
    ("policy", "state", "words"),
    [
        (None, CoverageState.NOT_SUBSCRIBED, "does not exist"),
        (replace(POLICY, name="theirs"), CoverageState.BLOCKED, "already has the policy theirs"),
        (
            replace(POLICY, destination="arn:elsewhere"),
            CoverageState.NOT_SUBSCRIBED,
            "sends to arn:elsewhere",
        ),
        (AccessDenied("may not"), CoverageState.NOT_READ, "may not"),
    ],
)
def test_reasons_without_our_account_policy(policy: Any, state: CoverageState, words: str) -> None:
    found = verdict(facts(BY_ACCOUNT, policy=policy))
    assert found.state is state and words in found.reason


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"LogGroupNamePrefix": "/aws/"}, "does not start with /aws/"),
        ({"IncludePatterns": "/x/*, /y/*"}, "does not match /x/* or /y/*"),
        ({"ExcludePatterns": "/z,/app/*"}, "matches /app/*"),
    ],
)
def test_the_excluding_pattern_is_named(parameters: dict[str, str], words: str) -> None:
    found = verdict(facts(export(**parameters)))
    assert found.state is CoverageState.EXCLUDED and words in found.reason


@pytest.mark.parametrize(
    "name", ["/slipway/logs/log-export/processor", "/aws/lambda/log-export-Subscriber-1"]
)
def test_the_exports_own_groups_are_never_exported(name: str) -> None:
    assert verdict(facts(), group=replace(GROUP, name=name)).state is CoverageState.EXPORT_LOGS


def test_the_other_reasons() -> None:
    two = [subscription("one"), subscription("two")]
    assert (
        verdict(facts(), two).state is CoverageState.FILTER_LIMIT
        and "one, two" in verdict(facts(), two).reason
    )
    infrequent = replace(GROUP, log_class="INFREQUENT_ACCESS")
    assert verdict(facts(), group=infrequent).reason.startswith("the log class Infrequent Access does not")
    assert not needs_filters(facts(), infrequent)
    assert verdict(facts(opted_out=frozenset({"/app/a"}))).state is CoverageState.UNSUBSCRIBED
    assert verdict(facts(subscribe_errors={"/app/a": "AccessDenied"})).state is CoverageState.BLOCKED
    assert verdict(facts(destination_errors={"id": "no way"})).reason == "no way"
    assert verdict(facts(), Throttled("busy")).state is CoverageState.NOT_READ
    assert (
        verdict(facts(), group=replace(GROUP, created=NOW - timedelta(minutes=3))).state
        is CoverageState.PENDING
    )
    assert "rate(1 hour)" in verdict(facts()).reason
    assert verdict(CoverageFacts()).state is CoverageState.NO_EXPORT


def test_of_two_stacks_the_one_that_includes_the_group_decides() -> None:
    one, two = export(IncludePatterns="/x/*"), export(IncludePatterns="/app/*")
    assert verdict(CoverageFacts(exports=(one, two)), [OURS]).export is two


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ({"AWS": "222222222222"}, True),
        ({"AWS": ["111111111111", "arn:aws:iam::222222222222:root"]}, True),
        ("*", True),
        ({"AWS": "arn:aws-us-gov:iam::222222222222:root"}, True),
        ({"AWS": "111111111111"}, False),
        ({"AWS": "arn:aws:iam::1222222222222:root"}, False),
    ],
)
def test_a_destination_policy_allows_accounts(principal: Any, allowed: bool) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "logs:PutSubscriptionFilter"}
    assert Destination(DESTINATION, {"Statement": statement}).may_subscribe("222222222222") is allowed


NAMES = st.text("/awsb*?[]-", min_size=1, max_size=8)
PATTERNS = st.lists(NAMES, max_size=3).map(",".join)


@given(NAMES, st.one_of(st.just(""), NAMES), PATTERNS, PATTERNS)
def test_the_subscriber_selects_the_same_groups(name: str, prefix: str, include: str, exclude: str) -> None:
    rules = export(LogGroupNamePrefix=prefix, IncludePatterns=include, ExcludePatterns=exclude).rules
    subscriber = load(
        "log_subscriber",
        DESTINATION=DESTINATION,
        FILTER=FILTER,
        MODE="group",
        ROLE="",
        PREFIX=prefix,
        INCLUDE=include,
        EXCLUDE=exclude,
        OWN=",".join(rules.own),
    )
    assert rules.includes(name) == subscriber.is_selected(name)
