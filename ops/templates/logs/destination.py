"""The log destination of a region, its access policy, and the role that writes to the stream."""

from typing import Any

from troposphere import AWSObject, GetAtt, If, Join, NoValue, Ref, Sub, iam, logs

from ops.templates.policies import allow, document

GIVEN_OR_CREATED = If("MakesDestination", GetAtt("Destination", "Arn"), Ref("LogDestination"))


def resources(stream: Any, condition: str = "") -> tuple[AWSObject, ...]:
    """Return the destination and its role; `stream` is the ARN of a stream in this or another region."""
    options: dict[str, Any] = {"Condition": condition} if condition else {}
    name = "Destination" if condition else "LogDestination"
    writes = iam.PolicyType(
        "WriterWrites",
        PolicyName="write",
        Roles=[Ref("Writer")],
        PolicyDocument=document(
            allow(["kinesis:PutRecord", "kinesis:PutRecords"], stream),
            If("HasKey", allow(["kms:GenerateDataKey"], Ref("KeyArn")), NoValue),
        ),
        **options,
    )
    log_destination = logs.Destination(
        name,
        DestinationName=Ref("DestinationName"),
        RoleArn=GetAtt("Writer", "Arn"),
        TargetArn=stream,
        DestinationPolicy=_access(),
        DependsOn=["WriterWrites"],  # CloudWatch Logs writes a test record before it creates the destination
        **options,
    )
    return iam.Role("Writer", AssumeRolePolicyDocument=_trust(), **options), writes, log_destination


def _trust() -> dict[str, Any]:
    """Trust CloudWatch Logs for log groups of this account, the allowed accounts, and the organization.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CrossAccountSubscriptions.html
    """
    service = {
        "Effect": "Allow",
        "Principal": {"Service": "logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    own_account = {**service, "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}}
    accounts = {**service, "Condition": {"StringEquals": {"aws:SourceAccount": Ref("AllowedAccounts")}}}
    everyone = {**service, "Condition": {"StringEquals": {"aws:SourceOrgID": Ref("OrganizationId")}}}
    return document(
        own_account, If("HasAccounts", accounts, NoValue), If("HasOrganization", everyone, NoValue)
    )


def _access() -> Sub:
    """Return the access policy, which a destination takes as a JSON string."""
    actions = '"Action": ["logs:PutSubscriptionFilter", "logs:PutAccountPolicy"]'
    scope = (
        f'{actions}, "Resource": "arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:'
        'destination:${DestinationName}"'
    )
    accounts = Sub(
        f', {{"Effect": "Allow", "Principal": {{"AWS": ["${{Accounts}}"]}}, {scope}}}',
        Accounts=Join('", "', Ref("AllowedAccounts")),
    )
    everyone = Sub(
        f', {{"Effect": "Allow", "Principal": "*", {scope}, '
        '"Condition": {"StringEquals": {"aws:PrincipalOrgID": "${OrganizationId}"}}}'
    )
    return Sub(
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
        f'"Principal": {{"AWS": "${{AWS::AccountId}}"}}, {scope}}}${{More}}${{Everyone}}]}}',
        More=If("HasAccounts", accounts, ""),
        Everyone=If("HasOrganization", everyone, ""),
    )
