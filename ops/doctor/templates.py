"""What CloudFormation says about the templates of Slipway's own stacks."""

import json
from collections.abc import Iterator
from typing import Any

from ops.aws.inspection.definitions import TEMPLATE_BYTES, validate_template
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.doctor.own_templates import OWN_TEMPLATES, OwnTemplate, compact
from ops.errors import SlipwayError

CHECK = "templates"
# What ValidateTemplate does not look at, and what makes templates too large for a request.
_UNREAD = {"ZipFile": "pass", "DefinitionString": "{}", "AlarmDescription": "-", "Variables": {}}


def check(question: Question) -> Iterator[Finding]:
    for template in OWN_TEMPLATES:
        if question.concerns(template.job):
            yield _validate(question, template)


def _validate(question: Question, template: OwnTemplate) -> Finding:
    place, job = question.place, template.job.name
    whole = compact(template)
    body, reason = whole, "accepted by CloudFormation"
    if len(whole.encode()) > TEMPLATE_BYTES:
        body = json.dumps(_without_code(json.loads(whole)), separators=(",", ":"))
        reason += f"; without the code in it, because with it the template has {len(whole.encode()):,} bytes"
    if len(body.encode()) > TEMPLATE_BYTES:
        return Finding(
            CHECK,
            template.name,
            Result.NOT_ASKED,
            place.account.name,
            place.region,
            job,
            f"the template has {len(body.encode()):,} bytes, and ValidateTemplate takes {TEMPLATE_BYTES:,}: "
            "a larger one must be in a bucket",
        )
    try:
        validate_template(question.cloud, place, body)
    except SlipwayError as error:
        return refusal(CHECK, template.name, question, error, job)
    return Finding(CHECK, template.name, Result.WORKS, place.account.name, place.region, job, reason)


def _without_code(value: Any) -> Any:
    """Return the template without code and its variables, definitions, alarm texts, and metadata."""
    if isinstance(value, list):
        return [_without_code(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: item for name, item in value.items() if not (name == "Metadata" and "Type" in value)}
    return {name: _UNREAD[name] if name in _UNREAD else _without_code(item) for name, item in kept.items()}
