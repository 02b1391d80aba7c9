"""What Step Functions says about the state machines in Slipway's templates."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.aws.inspection.definitions import validate_definition
from ops.aws.regions import partition_of
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.doctor.own_templates import OWN_TEMPLATES, resources
from ops.errors import SlipwayError

CHECK = "state machines"
MAX_ERRORS = 5
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9.:]+)\}")


def check(question: Question) -> Iterator[Finding]:
    place = question.place
    for template in OWN_TEMPLATES:
        if not question.concerns(template.job):
            continue
        body = json.loads(template.body())
        for _, properties in resources(body, "AWS::StepFunctions::StateMachine"):
            job = template.job.name
            try:
                errors = validate_definition(question.cloud, place, _definition(question, body, properties))
            except SlipwayError as error:
                yield refusal(CHECK, template.name, question, error, job)
                continue
            yield Finding(
                CHECK,
                template.name,
                Result.REFUSED if errors else Result.WORKS,
                place.account.name,
                place.region,
                job,
                _listed(errors) or "accepted by Step Functions",
            )


def _listed(errors: tuple[str, ...]) -> str:
    more = f"; and {len(errors) - MAX_ERRORS} more" if len(errors) > MAX_ERRORS else ""
    return "; ".join(errors[:MAX_ERRORS]) + more


def _definition(question: Question, template: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    """Return the definition with a value for each variable: a number's default, or an ARN."""
    text = properties["DefinitionString"]["Fn::Sub"]
    place = question.place
    of_aws = {
        "AWS::AccountId": place.account.id,
        "AWS::Partition": partition_of(place.region),
        "AWS::Region": place.region,
    }
    prefix = f"arn:{of_aws['AWS::Partition']}:lambda:{place.region}:{place.account.id}:function"

    def value(match: re.Match[str]) -> str:
        default = str(template["Parameters"].get(match[1], {}).get("Default", ""))
        return of_aws.get(match[1]) or (default if default.isdigit() else f"{prefix}:{match[1]}")

    return _VARIABLE.sub(value, text[0] if isinstance(text, list) else text)
