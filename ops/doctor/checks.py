"""All checks, and running them in accounts and regions in parallel."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ops.aws.cloud import Cloud, Place
from ops.doctor import (
    buckets,
    endpoints,
    identity,
    keys,
    machines,
    permissions,
    quotas,
    regions,
    templates,
)
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.errors import SlipwayError
from ops.templates.access.grants import JOBS, Job


class Scope(Enum):
    """How often a check is run."""

    ACCOUNT = auto()
    REGION = auto()  # once for all accounts
    PLACE = auto()


@dataclass(frozen=True)
class Check:
    """A check: what it is called, what it asks, and the IAM actions that it needs."""

    name: str
    does: str
    scope: Scope
    ask: Callable[[Question], Iterator[Finding]]
    actions: tuple[str, ...] = ()


CHECKS = (
    Check(identity.CHECK, "The credentials of each account", Scope.ACCOUNT, identity.check),
    Check(endpoints.CHECK, "AWS can be reached from this machine", Scope.REGION, endpoints.check),
    Check(
        regions.CHECK,
        "The configured Regions are enabled",
        Scope.ACCOUNT,
        regions.check,
        ("account:ListRegions",),
    ),
    Check(
        permissions.CHECK,
        "The policy simulator allows what each job needs",
        Scope.ACCOUNT,
        permissions.check,
        ("cloudformation:DescribeStacks", "iam:GetRole", "iam:SimulatePrincipalPolicy"),
    ),
    Check(
        templates.CHECK,
        "CloudFormation accepts the templates",
        Scope.PLACE,
        templates.check,
        ("cloudformation:ValidateTemplate",),
    ),
    Check(
        machines.CHECK,
        "Step Functions accepts the state machines",
        Scope.PLACE,
        machines.check,
        ("states:ValidateStateMachineDefinition",),
    ),
    Check(
        quotas.OF_ACCOUNT,
        "IAM has room for the roles and policies",
        Scope.ACCOUNT,
        quotas.check_account,
        ("iam:GetAccountSummary",),
    ),
    Check(
        quotas.CHECK,
        "The services have room for what Slipway creates",
        Scope.PLACE,
        quotas.check,
        (
            "kinesis:DescribeLimits",
            "lambda:GetAccountSettings",
            "logs:DescribeResourcePolicies",
            "rds:DescribeAccountAttributes",
        ),
    ),
    Check(
        keys.CHECK,
        "The keys of deployed stacks can be used",
        Scope.PLACE,
        keys.check,
        ("cloudformation:DescribeStacks", "kms:DescribeKey", "kms:GetKeyPolicy"),
    ),
    Check(
        buckets.CHECK,
        "The bucket of the log export accepts logs",
        Scope.PLACE,
        buckets.check,
        ("cloudformation:DescribeStacks", "s3:GetBucketPolicy"),
    ),
)


def examine(
    cloud: Cloud,
    places: Sequence[Place],
    jobs: tuple[Job, ...] = JOBS,
    report: Callable[[str], None] = lambda does: None,
) -> list[Finding]:
    """Run every check in the places. In an account without credentials, only the first one is run."""
    first, *others = CHECKS
    report(first.does)
    findings = _run(cloud, first, places, jobs)
    failed = {finding.account for finding in findings if finding.result is not Result.WORKS}
    left = [place for place in places if place.account.name not in failed]
    for name in sorted(failed):
        reason = "the credentials of this account do not work"
        findings.append(Finding("other checks", "All other checks", Result.NOT_ASKED, name, reason=reason))
    for check in others:
        report(check.does)
        findings += _run(cloud, check, left, jobs)
    return findings


def _run(cloud: Cloud, check: Check, places: Sequence[Place], jobs: tuple[Job, ...]) -> list[Finding]:
    def ask(place: Place) -> list[Finding]:
        question, found = Question(cloud, place, jobs), list[Finding]()
        try:
            for finding in check.ask(question):
                found.append(finding)
        except SlipwayError as error:  # what was found before counts
            found.append(refusal(check.name, check.does, question, error))
        return found

    readings = cloud.read(ask, _places(cloud, check.scope, places))
    return [finding for reading in readings for finding in reading.value or []]


def _places(cloud: Cloud, scope: Scope, places: Sequence[Place]) -> list[Place]:
    if scope is Scope.ACCOUNT:
        return [
            Place(account, cloud.settings.home_region) for account in dict.fromkeys(p.account for p in places)
        ]
    if scope is Scope.REGION:
        return list({place.region: place for place in reversed(places)}.values())[::-1]
    return list(places)
