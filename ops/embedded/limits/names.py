"""Names and sizes of services with few limits besides those of their models.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import athena, iam

from ops.embedded.limits.problems import Parameters, Problem, Rule, violated

SEAMS = ("ministack.services.athena._workgroups", "ministack.services.iam._roles")

_SECRET = re.compile(r"[A-Za-z0-9/_+=.@-]+")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}(\.fifo)?")
PROTOCOLS = frozenset("http https email email-json sms sqs application lambda firehose".split())
SUBJECT_CHARACTERS = 100
PARAMETER_BYTES = {"Advanced": 8_192, "Standard": 4_096}
ALARM_S = 86_400
DAY_S = 3_600  # from this period on, an alarm may look back seven days
METRICS = 1_000
SESSION_S = 3_600
TEMPLATE_BYTES = 51_200  # in a request; a larger one must be in Amazon S3


def log_group(parameters: Parameters) -> Iterator[Problem]:
    if str(parameters.get("logGroupName") or "").startswith("aws/"):
        yield Problem("InvalidParameterException", "Log group names cannot start with aws/.")


def alias(parameters: Parameters) -> Iterator[Problem]:
    if str(parameters.get("AliasName") or "").startswith("alias/aws/"):
        yield Problem("NotAuthorizedException", "The prefix alias/aws/ is reserved for AWS managed keys.")


def key(parameters: Parameters) -> Iterator[Problem]:
    policy = parameters.get("Policy")
    if policy is None:
        return
    try:
        document = json.loads(policy)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        yield Problem("MalformedPolicyDocumentException", "The key policy is not a valid policy document.")
    elif not parameters.get("BypassPolicyLockoutSafetyCheck") and not _keeps_control(document):
        yield Problem(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )


def _keeps_control(policy: Mapping[str, Any]) -> bool:
    """Whether somebody in this account may change the key policy.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    statements = policy["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principal, actions = statement.get("Principal", {}), statement.get("Action", [])
        names = principal.get("AWS", []) if isinstance(principal, dict) else principal
        own = any(name == "*" or get_account_id() in name for name in _list(names))
        if statement.get("Effect") == "Allow" and own:
            if any(fnmatchcase("kms:PutKeyPolicy", action) for action in _list(actions)):
                return True
    return False


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def session(parameters: Parameters) -> Iterator[Problem]:
    _, _, name = str(parameters.get("RoleArn") or "").rpartition("/")
    account = str(parameters.get("RoleArn") or "").split(":")[4:5]
    role = iam._roles.get_scoped(account[0], None, name) if account else None
    most = int((role or {}).get("MaxSessionDuration") or SESSION_S)
    if role and int(parameters.get("DurationSeconds") or 0) > most:
        yield Problem(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def query(parameters: Parameters) -> Iterator[Problem]:
    group = parameters.get("WorkGroup")
    if group and group != "primary" and group not in athena._workgroups:  # it is made when it is used
        yield Problem("InvalidRequestException", f"WorkGroup {group} is not found.")


def secret(parameters: Parameters) -> Iterator[Problem]:
    if not _SECRET.fullmatch(str(parameters.get("Name") or "")):
        yield Problem(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!",
        )


def topic(parameters: Parameters) -> Iterator[Problem]:
    if not _TOPIC.fullmatch(str(parameters.get("Name") or "")):
        yield Problem("InvalidParameter", "Invalid parameter: Topic Name")


def subscribe(parameters: Parameters) -> Iterator[Problem]:
    protocol, endpoint = str(parameters.get("Protocol") or ""), str(parameters.get("Endpoint") or "")
    if protocol not in PROTOCOLS:
        yield Problem(
            "InvalidParameter",
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}",
        )
    elif protocol.startswith("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+", endpoint):
        yield Problem("InvalidParameter", "Invalid parameter: Email address")


def publish(parameters: Parameters) -> Iterator[Problem]:
    subject = parameters.get("Subject")
    if subject is not None and not 0 < len(subject) <= SUBJECT_CHARACTERS:
        yield Problem("InvalidParameter", "Invalid parameter: Subject")


def parameter(parameters: Parameters) -> Iterator[Problem]:
    name, value = str(parameters.get("Name") or ""), str(parameters.get("Value") or "")
    if "/" in name and not name.startswith("/") and not name.startswith("arn:"):
        yield Problem("ValidationException", "Parameter name must be a fully qualified name.")
    most = PARAMETER_BYTES.get(str(parameters.get("Tier") or "Standard"), PARAMETER_BYTES["Advanced"])
    if len(value.encode()) > most:
        yield Problem(
            "ValidationException",
            f"Standard tier parameters support a maximum parameter value of {PARAMETER_BYTES['Standard']} "
            "characters. To create a larger parameter value, upgrade the parameter to use the "
            "advanced-parameter tier.",
        )


def alarm(parameters: Parameters) -> Iterator[Problem]:
    period, count = parameters.get("Period"), int(parameters.get("EvaluationPeriods") or 1)
    code = "ValidationError"
    if not (parameters.get("MetricName") or parameters.get("Metrics")):
        yield Problem(code, "Either MetricName or Metrics must be specified.")
    if period is None:
        return
    if period not in (10, 20, 30) and period % 60:
        yield Problem(code, "Period must be 10, 20, 30, or a multiple of 60.")
    most = ALARM_S * 7 if period >= DAY_S else ALARM_S
    if period * count > most:
        yield Problem(code, f"Metrics cannot be checked across more than {most} seconds.")


def metrics(parameters: Parameters) -> Iterator[Problem]:
    if str(parameters.get("Namespace") or "").startswith("AWS/"):
        yield Problem("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
    if len(parameters.get("MetricData") or []) > METRICS:
        yield Problem(
            "InvalidParameterValue",
            f"The collection MetricData must not have a size greater than {METRICS}.",
        )


def template(parameters: Parameters) -> Iterator[Problem]:
    body = parameters.get("TemplateBody") or ""
    if len(body.encode()) > TEMPLATE_BYTES:
        constraint = f"Member must have length less than or equal to {TEMPLATE_BYTES}"
        yield Problem("ValidationError", violated(body, "templateBody", constraint))


RULES: Mapping[str, Mapping[str, Rule]] = {
    "athena": {"StartQueryExecution": query},
    "cloudformation": dict.fromkeys(
        ("CreateChangeSet", "CreateStack", "UpdateStack", "ValidateTemplate"), template
    ),
    "cloudwatch": {"PutMetricAlarm": alarm, "PutMetricData": metrics},
    "kms": {"CreateAlias": alias, "CreateKey": key, "PutKeyPolicy": key},
    "logs": {"CreateLogGroup": log_group},
    "secretsmanager": {"CreateSecret": secret},
    "sns": {"CreateTopic": topic, "Publish": publish, "Subscribe": subscribe},
    "ssm": {"PutParameter": parameter},
    "sts": {"AssumeRole": session},
}
