"""What AWS says about a template or a definition, before anything is created from it."""

from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_stepfunctions import SFNClient

TEMPLATE_BYTES = 51_200  # in a request; a larger template must be in S3: CloudFormation User Guide, "quotas"


def validate_template(cloud: Cloud, place: Place, body: str) -> None:
    """Raise the error with CloudFormation's message if it rejects the template.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html
    """
    client: CloudFormationClient = cloud.client("cloudformation", place.account.id, place.region)
    with translated("Validating the template"):
        client.validate_template(TemplateBody=body)


def validate_definition(cloud: Cloud, place: Place, definition: str) -> tuple[str, ...]:
    """Return the errors that Step Functions finds in a definition, each with its code and its location.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
    """
    client: SFNClient = cloud.client("stepfunctions", place.account.id, place.region)
    with translated("Validating the definition"):
        answer = client.validate_state_machine_definition(definition=definition, type="STANDARD")
    if answer["result"] == "OK":
        return ()
    return tuple(
        f"{found['code']}: {found['message']} {found.get('location', '')}".rstrip()
        for found in answer["diagnostics"]
        if found["severity"] == "ERROR"
    )
