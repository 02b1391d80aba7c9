"""Tags: the prefix `aws:` is AWS's own, and a tag has a key once.

https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.embedded.limits.problems import Parameters, Problem

MEMBERS = ("Tags", "tags", "TagList", "tagList")
# The error of each service whose tags are checked.
CODES: Mapping[str, str] = {
    "athena": "InvalidRequestException",
    "cloudformation": "ValidationError",
    "cloudwatch": "InvalidParameterValue",
    "dynamodb": "ValidationException",
    "ecs": "InvalidParameterException",
    "events": "ValidationException",
    "firehose": "InvalidArgumentException",
    "glue": "InvalidInputException",
    "iam": "InvalidInput",
    "kinesis": "InvalidArgumentException",
    "kms": "TagException",
    "lambda": "InvalidParameterValueException",
    "logs": "InvalidParameterException",
    "rds": "InvalidParameterValue",
    "secretsmanager": "InvalidRequestException",
    "sns": "InvalidParameter",
    "stepfunctions": "ValidationException",
}


def problems(service: str, operation: str, parameters: Parameters) -> Iterator[Problem]:
    if service not in CODES or not isinstance(parameters, Mapping):
        return
    for member in MEMBERS:
        keys = _keys(parameters.get(member))
        if reserved := [key for key in keys if key.lower().startswith("aws:")]:
            yield Problem(
                CODES[service], f"Tag keys that begin with 'aws:' are reserved for system use: {reserved[0]}"
            )
        if repeated := [key for key in keys if keys.count(key) > 1]:
            yield Problem(CODES[service], f"Duplicate tag keys found: {repeated[0]}")


def _keys(tags: Any) -> list[str]:
    if isinstance(tags, Mapping):
        return [str(key) for key in tags]
    if not isinstance(tags, list):
        return []
    return [
        str(tag.get("Key", tag.get("key", tag.get("TagKey", "")))) for tag in tags if isinstance(tag, Mapping)
    ]
