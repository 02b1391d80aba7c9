"""Validation of a pipeline's settings before CloudFormation is called."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws.rds.databases import CLUSTER, INSTANCE, Database
from ops.errors import InputError
from ops.snapshots.compiler import IN_PLACE, METHODS, REBUILD
from ops.snapshots.pipeline.model import (
    MAXIMUM_SHARES,
    PipelineSettings,
    check_pipeline,
    check_settings,
    from_parameters,
    snapshot_name,
)
from ops.templates.snapshots.parameters import PARAMETERS

PIPELINE = PipelineSettings("shop", "", "vpc-1", ("subnet-1", "subnet-2"))
FINE: list[dict[str, Any]] = [
    {},
    {"schedule": "cron(0 3 ? * MON *)"},
    {"schedule": "cron(0/15 8-18 1,15 * ? *)"},
    {"schedule": "rate(1 day)"},
    {"schedule": "rate(12 hours)"},
    {"notify_email": "ops@example.com"},
    {"fake_secret": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:fakes/shop-AbCdEf"},
    {"kms_key": "arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012"},
    {"instance_class": "db.t4g.medium"},
]
WRONG: dict[str, dict[str, Any]] = {
    "Schedule: 'every day'": {"schedule": "every day"},
    "Schedule: 'cron(0 3 * * MON *)'": {"schedule": "cron(0 3 * * MON *)"},
    "Schedule: 'cron(0 3 * * *)'": {"schedule": "cron(0 3 * * *)"},
    "Schedule: 'rate(1 days)'": {"schedule": "rate(1 days)"},
    "Schedule: 'rate(2 day)'": {"schedule": "rate(2 day)"},
    "Notification email: 'nobody'": {"notify_email": "nobody"},
    "Fake secret: 'fakes'": {"fake_secret": "fakes"},
    "KMS key: 'alias/ours'": {"kms_key": "alias/ours"},
    "Instance class: 'huge'": {"instance_class": "huge"},
    "Database name: 'no such; db'": {"database_name": "no such; db"},
}


@pytest.mark.parametrize("changed", FINE, ids=str)
def test_valid_settings_pass(changed: dict[str, Any]) -> None:
    check_settings(replace(PIPELINE, **changed))


@pytest.mark.parametrize("message", WRONG)
def test_a_setting_that_is_not_valid_is_named(message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_settings(replace(PIPELINE, **WRONG[message]))
    assert str(caught.value).startswith(f"{message} is not ") and caught.value.hint


POLICY = 'engine = "postgres"\n[tables.people]\nemail = "fake email"\n'


def test_a_method_that_does_not_exist_or_fit_is_refused() -> None:
    assert "'sideways'" in str(refusal(policy=POLICY, method="sideways"))
    cluster = replace(DATABASE, kind=CLUSTER, engine="aurora-postgresql")
    assert "cannot be rebuilt" in str(refusal(cluster, policy=POLICY, method=REBUILD))
    reads = 'sql_tables = ["plans"]\n' + POLICY.replace("fake email", "sql (SELECT max(p.name) FROM plans p)")
    assert "reads another table" in str(refusal(policy=reads, method=REBUILD))


def test_the_scripts_of_each_method_have_their_own_prefix() -> None:
    in_place, rebuild = (replace(PIPELINE, policy=POLICY, method=method) for method in METHODS)
    assert in_place.script_prefix != rebuild.script_prefix


def test_a_stack_of_an_earlier_version_has_no_method() -> None:
    given = {each.name: each.default or "x" for each in PARAMETERS}
    assert from_parameters({**given, "Method": REBUILD}, POLICY).method == REBUILD
    assert from_parameters({name: given[name] for name in given if name != "Method"}, "").method == IN_PLACE


NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
DATABASE = Database("shop", "arn", "postgres", "18", "available", "db.t4g.micro", 20, "", "", "app")


def refusal(database: Database | None = DATABASE, *, default_key: bool = False, **changed: Any) -> InputError:
    with pytest.raises(InputError) as refused:
        check_pipeline(replace(PIPELINE, **changed), database, default_key=default_key, now=NOW)
    return refused.value


def test_a_valid_pipeline_passes() -> None:
    check_pipeline(PIPELINE, DATABASE, default_key=False, now=NOW)
    check_pipeline(PIPELINE, DATABASE, default_key=True, now=NOW)  # shared with nobody
    key = "arn:aws:kms:eu-west-1:111111111111:key/12345678-1234-1234-1234-123456789012"
    shared = replace(PIPELINE, share_with=("222222222222",), kms_key=key)
    check_pipeline(shared, DATABASE, default_key=True, now=NOW)


@pytest.mark.parametrize(
    ("database", "message"),
    [
        (None, "'shop' does not exist"),
        (replace(DATABASE, cluster="all"), "an instance of the cluster all"),
        (replace(DATABASE, engine="oracle-ee"), "runs oracle-ee, which pipelines do not support"),
        (replace(DATABASE, kind=CLUSTER), "Multi-AZ DB cluster of postgres"),
        (replace(DATABASE, engine="mysql"), "The policy is for postgres, but the database engine is mysql"),
    ],
)
def test_a_database_that_cannot_be_copied_is_refused(database: Database | None, message: str) -> None:
    assert message in str(refusal(database))


def test_what_the_default_key_encrypts_cannot_be_shared() -> None:
    error = refusal(default_key=True, share_with=("222222222222",))
    assert error.field == "kms_key" and "default key" in str(error)


@pytest.mark.parametrize("account", ["12", "22222222222x", "2222222222222"])
def test_an_account_has_twelve_digits(account: str) -> None:
    assert f"'{account}' is not an account ID" in str(refusal(share_with=("222222222222", account)))


def test_a_snapshot_is_shared_with_a_limited_number_of_accounts() -> None:
    accounts = tuple(f"{number:012}" for number in range(MAXIMUM_SHARES + 1))
    assert f"too many accounts: {MAXIMUM_SHARES + 1}" in str(refusal(share_with=accounts))
    check_pipeline(replace(PIPELINE, share_with=accounts[1:]), DATABASE, default_key=False, now=NOW)


def test_the_subnets_are_two() -> None:
    assert "Both subnets are the same" in str(refusal(subnets=("subnet-1", "subnet-1")))


@pytest.mark.parametrize(
    "name_format", ["1{time}", "a--{time}", "{time}-", "a_{time}", "a{nothing}{time}", ""]
)
def test_a_name_that_rds_rejects_is_refused(name_format: str) -> None:
    with pytest.raises(InputError, match="not a valid snapshot identifier"):
        snapshot_name(name_format, "shop", NOW)


def test_a_name_has_a_length_and_a_time() -> None:
    assert snapshot_name("{database}-{date}-{time}", "Shop", NOW) == "shop-20260504-030201"
    for kind, longest in ((INSTANCE, 255), (CLUSTER, 63)):
        assert len(snapshot_name("x" * (longest - 6) + "{time}", "shop", NOW, kind)) == longest
        with pytest.raises(InputError, match="not a valid snapshot identifier"):
            snapshot_name("x" * (longest - 5) + "{time}", "shop", NOW, kind)
    with pytest.raises(InputError, match="the same name for two runs on one day"):
        snapshot_name("{database}-{date}", "shop", NOW)
