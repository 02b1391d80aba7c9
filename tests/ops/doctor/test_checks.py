"""Single checks, with AWS's answers given."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.inspection import quotas as inspection
from ops.aws.inspection.definitions import TEMPLATE_BYTES
from ops.aws.inspection.quotas import Quota
from ops.doctor import CHECKS, buckets, machines, quotas, regions, templates
from ops.doctor.findings import Question, Result
from ops.doctor.own_templates import OWN_TEMPLATES, OwnTemplate
from ops.embedded.limits.machines import findings as definition_errors
from ops.errors import AwsError, Throttled
from ops.logs.export.installed import Export
from ops.settings import Account, Settings
from ops.templates.access.grants import JOBS, LOGS, ROLLOUTS, SNAPSHOTS

PLACE = Place(Account("qa", "222222222222"), "eu-west-1")
QUESTION = Question(Cloud(Settings(accounts=(PLACE.account,), regions=("eu-west-1", "af-south-1"))), PLACE)


def test_a_read_role_may_ask_everything() -> None:
    granted = {action for job in JOBS for grant in job.reads for action in grant.actions}
    assert {action for check in CHECKS for action in check.actions} <= granted


def test_a_disabled_region_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = {"eu-west-1": "ENABLED_BY_DEFAULT", "af-south-1": "DISABLED"}
    monkeypatch.setattr(regions, "region_statuses", lambda *_: statuses)
    home, disabled = regions.check(QUESTION)
    assert (home.result, disabled.result) == (Result.WORKS, Result.WOULD_FAIL)
    assert disabled.reason == "DISABLED" and "enable-region --region-name af-south-1" in disabled.hint


@dataclass
class Validated:
    """Stands for ValidateTemplate: keeps what it gets, and may refuse it."""

    bodies: list[str]
    error: AwsError | None = None

    def __call__(self, cloud: Cloud, place: Place, body: str) -> None:
        self.bodies.append(body)
        if self.error:
            raise self.error


def test_every_template_fits_a_request_and_keeps_what_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    validated = Validated([])
    monkeypatch.setattr(templates, "validate_template", validated)
    found = list(templates.check(QUESTION))
    assert {finding.result for finding in found} == {Result.WORKS}
    assert len(found) == len(validated.bodies) == len(OWN_TEMPLATES)
    assert max(len(body.encode()) for body in validated.bodies) <= TEMPLATE_BYTES
    for body, template in zip(validated.bodies, OWN_TEMPLATES, strict=True):
        sent, whole = json.loads(body), json.loads(template.body())
        for section in ("Parameters", "Conditions", "Outputs"):
            assert sent.get(section) == whole.get(section)
        types = {name: resource["Type"] for name, resource in whole["Resources"].items()}
        assert {name: resource["Type"] for name, resource in sent["Resources"].items()} == types


def test_what_cloudformation_says_about_a_template_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rejected = AwsError(
        "Template format error: Unrecognized resource types: [AWS::A::B]", code="ValidationError"
    )
    monkeypatch.setattr(templates, "validate_template", Validated([], rejected))
    found = list(templates.check(Question(QUESTION.cloud, PLACE, (ROLLOUTS,))))
    assert len(found) == 3 and {finding.result for finding in found} == {Result.REFUSED}
    assert found[0].reason == str(rejected) and found[0].job == "rollouts"


def test_a_template_too_large_even_without_code_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    large = json.dumps({"Resources": {}, "Description": "x" * TEMPLATE_BYTES})
    monkeypatch.setattr(templates, "OWN_TEMPLATES", (OwnTemplate("large", LOGS, lambda: large),))
    (found,) = templates.check(QUESTION)
    assert found.result is Result.NOT_ASKED and "must be in a bucket" in found.reason


def test_definitions_have_a_value_for_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def validate(cloud: Cloud, place: Place, definition: str) -> tuple[str, ...]:
        sent.append(definition)
        return tuple(message for _, message, _ in definition_errors(definition))

    monkeypatch.setattr(machines, "validate_definition", validate)
    found = list(machines.check(QUESTION))
    assert [(finding.job, finding.result) for finding in found] == [
        ("snapshots", Result.WORKS),
        ("rollouts", Result.WORKS),
    ]
    assert not [text for text in sent if "${" in text]


def test_rejected_definitions_show_the_first_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "validate_definition", lambda *_: tuple("abcdefg"))
    found = next(machines.check(QUESTION))
    assert found.result is Result.REFUSED and found.reason == "a; b; c; d; e; and 2 more"


def test_quotas_are_compared_with_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    of_rds = {
        "DBInstances": Quota("DBInstances", 39, 40),
        "ManualSnapshots": Quota("ManualSnapshots", 99, 100),
        "DBClusters": Quota("DBClusters", 0, 40),
    }
    monkeypatch.setattr(inspection, "database_quotas", lambda *_: of_rds)
    monkeypatch.setattr(inspection, "concurrency", lambda *_: Quota("Lambda", 0, 10))
    found = {each.subject: each for each in quotas.check(Question(QUESTION.cloud, PLACE, (SNAPSHOTS,)))}
    assert {name: each.result for name, each in found.items()} == {
        "DBInstances": Result.WORKS,
        "ManualSnapshots": Result.WOULD_FAIL,  # a run has two at the same time
        "DBClusters": Result.WORKS,
        "ManualClusterSnapshots": Result.NOT_ASKED,  # unread is not free
        "Lambda": Result.WORKS,
    }
    assert found["ManualSnapshots"].reason == "99 of 100 used; 2 needed"


def test_an_unread_quota_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        raise Throttled("Slow down", code="Throttling")

    monkeypatch.setattr(inspection, "database_quotas", slow)
    monkeypatch.setattr(inspection, "concurrency", lambda *_: Quota("Lambda", 5, 10))
    found = list(quotas.check(Question(QUESTION.cloud, PLACE, (SNAPSHOTS,))))
    assert [each.result for each in found] == [Result.NOT_ASKED, Result.WOULD_FAIL]


TLS = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("statement", "result"),
    [
        (None, Result.WORKS),
        ({"Effect": "Allow", "Action": "s3:*"}, Result.WORKS),
        ({"Effect": "Deny", "Action": "s3:*", "Condition": TLS}, Result.WORKS),
        ({"Effect": "Deny", "Action": "s3:DeleteBucket"}, Result.WORKS),
        ({"Effect": "Deny", "NotAction": "s3:*"}, Result.WORKS),
        ({"Effect": "Deny", "Action": ["s3:Put*"]}, Result.WOULD_FAIL),
        ({"Effect": "Deny", "NotAction": ["s3:GetObject"]}, Result.WOULD_FAIL),
        (
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}},
            },
            Result.WOULD_FAIL,
        ),
        (
            {
                "Effect": "Deny",
                "Action": "s3:PutObject",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
            },
            Result.NOT_ASKED,
        ),
    ],
)
def test_a_bucket_policy_that_keeps_firehose_out_is_found(
    statement: Any, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stack:
        name, outputs, parameters = "log-export", {"Bucket": "arn:aws:s3:::logs"}, dict[str, str]()

    export = Export(PLACE, Stack(), central=True)  # type: ignore[arg-type]
    policy = {"Statement": {**statement, "Sid": "Mine", "Principal": "*"}} if statement else None
    monkeypatch.setattr(buckets, "find_exports", lambda *_: (export,))
    monkeypatch.setattr(buckets, "client_of", lambda *_: None)
    monkeypatch.setattr(buckets, "read_policy", lambda *_: policy)
    (found,) = buckets.check(QUESTION)
    assert found.result is result
    assert ("Mine" in found.reason) is (result is not Result.WORKS)
