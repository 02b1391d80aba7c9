"""CodePipeline on the embedded cloud: records in botocore's shapes, by API and by template, with IAM."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.ops.embedded.cloudformation.test_resource_types import deploy
from tests.ops.embedded.overlay import ACCOUNT, REGION, allow, client, role, unique

SOURCE = {
    "name": "Source",
    "actions": [
        {
            "name": "Get",
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
            "configuration": {"S3Bucket": "sources", "S3ObjectKey": "app.zip"},
            "outputArtifacts": [{"name": "App"}],
        }
    ],
}


def declared(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/pipeline",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [SOURCE, {**SOURCE, "name": "Again"}],
        **more,
    }


def error_code(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_a_pipeline_is_created_read_updated_listed_and_deleted(embedded: Any) -> None:
    pipelines, name = client(embedded, "codepipeline"), unique("pipeline")
    assert pipelines.create_pipeline(pipeline=declared(name))["pipeline"]["version"] == 1
    assert error_code(pipelines.create_pipeline, pipeline=declared(name)) == "PipelineNameInUseException"
    store = {"type": "S3", "location": "other", "encryptionKey": {"id": "alias/x", "type": "KMS"}}
    stores = {"artifactStores": {REGION: store, "us-east-1": store}}
    changed = {key: value for key, value in declared(name).items() if key != "artifactStore"} | stores
    assert pipelines.update_pipeline(pipeline=changed)["pipeline"]["version"] == 2
    found = pipelines.get_pipeline(name=name)
    assert found["pipeline"]["artifactStores"]["us-east-1"] == store
    assert found["metadata"]["pipelineArn"] == f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{name}"
    (summary,) = [item for item in pipelines.list_pipelines()["pipelines"] if item["name"] == name]
    assert summary["version"] == 2 and summary["created"] <= summary["updated"]
    pipelines.delete_pipeline(name=name)
    assert error_code(pipelines.get_pipeline, name=name) == "PipelineNotFoundException"


def test_pipelines_are_listed_in_pages(embedded: Any) -> None:
    pipelines = client(embedded, "codepipeline", region="eu-central-1")
    names = sorted(unique("paged") for _ in range(3))
    for name in names:
        pipelines.create_pipeline(pipeline=declared(name))
    pages = pipelines.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 2})
    found = [[item["name"] for item in page["pipelines"]] for page in pages]
    assert found == [names[:2], names[2:]]


def test_invalid_requests_are_rejected(embedded: Any) -> None:
    pipelines = client(embedded, "codepipeline")
    both = declared("x", artifactStores={REGION: {"type": "S3", "location": "artifacts"}})
    assert error_code(pipelines.create_pipeline, pipeline=both) == "InvalidStructureException"
    assert error_code(pipelines.update_pipeline, pipeline=declared("gone")) == "PipelineNotFoundException"


def test_iam_authorizes_each_pipeline(embedded: Any) -> None:
    pipelines, mine, others = client(embedded, "codepipeline"), unique("mine"), unique("others")
    for name in (mine, others):
        pipelines.create_pipeline(pipeline=declared(name))
    arn = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{mine}"
    session = role(embedded, "lambda.amazonaws.com", allow("codepipeline:GetPipeline", arn))
    as_role = _client_with_role(embedded, session)
    assert as_role.get_pipeline(name=mine)["pipeline"]["name"] == mine
    assert error_code(as_role.get_pipeline, name=others) == "AccessDeniedException"
    assert error_code(as_role.list_pipelines) == "AccessDeniedException"


def _client_with_role(embedded: Any, arn: str) -> Any:
    iam = client(embedded, "iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    iam.update_assume_role_policy(RoleName=arn.rsplit("/", 1)[-1], PolicyDocument=document)
    keys = client(embedded, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return boto3.client(
        "codepipeline",
        region_name=REGION,
        endpoint_url=embedded.endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_a_template_creates_a_pipeline_with_the_apis_keys(embedded: Any) -> None:
    store = {"Type": "S3", "Location": "artifacts", "EncryptionKey": {"Id": "alias/x", "Type": "KMS"}}
    action = {
        "Name": "Get",
        "ActionTypeId": {"Category": "Source", "Owner": "AWS", "Provider": "S3", "Version": "1"},
        "Configuration": {"S3Bucket": "sources", "PollForSourceChanges": False},
        "OutputArtifacts": [{"Name": "App"}],
        "RunOrder": 1,
    }
    properties = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/pipeline",
        "ArtifactStores": [{"Region": REGION, "ArtifactStore": store}],
        "Stages": [{"Name": "Source", "Actions": [action]}],
        "RestartExecutionOnUpdate": True,
    }
    resources = {"Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": properties}}
    stack, outputs = deploy(embedded, resources, Name={"Ref": "Pipeline"})
    assert outputs["Name"].startswith(f"{stack}-Pipeline-")
    made = client(embedded, "codepipeline").get_pipeline(name=outputs["Name"])["pipeline"]
    assert made["artifactStores"][REGION]["encryptionKey"] == {"id": "alias/x", "type": "KMS"}
    (got,) = made["stages"][0]["actions"]
    assert got["configuration"] == {"S3Bucket": "sources", "PollForSourceChanges": "false"}
    assert got["runOrder"] == 1
