"""Validation of a pipeline's settings before CloudFormation is called."""

from dataclasses import replace
from typing import Any

import pytest

from ops.errors import InputError
from ops.snapshots.pipeline.model import PipelineSettings, check_settings

PIPELINE = PipelineSettings("shop", "", "vpc-1", ("subnet-1", "subnet-2"))
FINE: list[dict[str, Any]] = [
    {},
    {"schedule": "cron(0 3 ? * MON *)"},
    {"schedule": "cron(0/15 8-18 1,15 * ? *)"},
    {"schedule": "rate(1 day)"},
    {"schedule": "rate(12 hours)"},
    {"notify_email": "ops@example.com"},
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
