"""IAM permissions of the handler of a snapshot pipeline: temporary databases by prefix, snapshots by tag.

They allow no change of production. Source of the resources: Service Authorization Reference, Amazon RDS.
"""

from typing import Any

from troposphere import GetAtt, If, Join, NoValue, Ref, Select, Split, Sub

from ops.templates.policies import allow, arn

# Eight hex digits of the stack ID: every stack has its own prefix, and its role is limited to it.
STACK_TOKEN = Select(0, Split("-", Select(2, Split("/", Ref("AWS::StackId")))))
PREFIX = Join("", ["slipway-tmp-", STACK_TOKEN, "-"])

REGION_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
VIA_S3 = {"StringEquals": {"kms:ViaService": Sub("s3.${AWS::Region}.${AWS::URLSuffix}")}}
_OWN_REQUEST = {"StringEquals": {"aws:RequestTag/slipway:pipeline": Ref("AWS::StackName")}}
_OWN_RESOURCE = {"StringEquals": {"aws:ResourceTag/slipway:pipeline": Ref("AWS::StackName")}}


def handler_statements() -> tuple[Any, ...]:
    return (*_databases(), *_snapshots(), *_others())


def _rds(kind: str, name: str = "*") -> Any:
    return arn(f"rds:{REGION_ACCOUNT}:{kind}:{name}")


def _own(kind: str) -> Any:
    return Sub(f"arn:${{AWS::Partition}}:rds:{REGION_ACCOUNT}:{kind}:${{Prefix}}*", Prefix=PREFIX)


_SNAPSHOTS = [_rds("snapshot"), _rds("cluster-snapshot")]
_GROUPS = [_rds("og"), _rds("pg"), _rds("cluster-pg")]
_OWN_DATABASES = [_own("db"), _own("cluster")]


def _databases() -> tuple[Any, ...]:
    create_in = [_rds("subgrp", "${SubnetGroup}"), *_GROUPS]
    return (
        allow(["rds:DescribeDBInstances", "rds:DescribeDBClusters"], [_rds("db"), _rds("cluster")]),
        allow(["rds:DescribeOptionGroups"], _rds("og")),
        allow(["rds:DescribeEvents"], "*"),  # supports no resource-level permissions
        allow(
            ["rds:RestoreDBInstanceFromDBSnapshot", "rds:RestoreDBClusterFromSnapshot"],
            [*_OWN_DATABASES, *_SNAPSHOTS, *create_in],
            _OWN_REQUEST,
        ),
        allow(["rds:CreateDBInstance"], [*_OWN_DATABASES, *create_in], _OWN_REQUEST),
        allow(["rds:AddTagsToResource"], [*_OWN_DATABASES, *_SNAPSHOTS], _OWN_REQUEST),
        allow(["rds:ModifyDBInstance", "rds:DeleteDBInstance"], [_own("db"), *_GROUPS]),
        allow(["rds:ModifyDBCluster", "rds:DeleteDBCluster"], [_own("cluster"), *_GROUPS]),
    )


def _snapshots() -> tuple[Any, ...]:
    sources = [_rds(kind, "${SourceDatabase}") for kind in ("db", "cluster")]
    return (
        allow(
            ["rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots"],
            [_rds("db"), _rds("cluster"), *_SNAPSHOTS],
        ),
        allow(
            ["rds:CreateDBSnapshot", "rds:CreateDBClusterSnapshot"],
            [*sources, *_OWN_DATABASES, *_SNAPSHOTS],
            _OWN_REQUEST,
        ),
        allow(["rds:CopyDBSnapshot", "rds:CopyDBClusterSnapshot"], _SNAPSHOTS, _OWN_REQUEST),
        allow(["rds:AddTagsToResource", "rds:RemoveTagsFromResource"], _SNAPSHOTS, _OWN_RESOURCE),
        allow(
            [
                "rds:ModifyDBSnapshotAttribute",
                "rds:ModifyDBClusterSnapshotAttribute",
                "rds:DeleteDBSnapshot",
                "rds:DeleteDBClusterSnapshot",
            ],
            _SNAPSHOTS,
            _OWN_RESOURCE,
        ),
    )


def _others() -> tuple[Any, ...]:
    return (
        allow(["secretsmanager:GetSecretValue"], Ref("Password")),
        allow(
            ["s3:ListBucket"],
            arn("s3:::${ScriptBucket}"),
            {"StringEquals": {"s3:prefix": Sub("${ScriptPrefix}/")}},
        ),
        allow(["s3:PutObject"], arn("s3:::${ScriptBucket}/snapshots/${SourceDatabase}/reports/*")),
        allow(["logs:GetLogEvents"], GetAtt("TaskLogs", "Arn")),
        # The key of the pipeline can belong to another account.
        allow(
            ["kms:DescribeKey"], [arn(f"kms:{REGION_ACCOUNT}:key/*"), If("HasKey", Ref("KmsKeyArn"), NoValue)]
        ),
        If("HasKey", _use_key("KmsKeyArn"), NoValue),
        If("HasSourceKey", _use_key("SourceKeyArn"), NoValue),
        # The report, in a bucket that is encrypted with a KMS key: its policy decides as well.
        allow(["kms:GenerateDataKey"], arn("kms:${AWS::Region}:*:key/*"), VIA_S3),
        allow(["states:StartExecution"], arn(f"states:{REGION_ACCOUNT}:stateMachine:${{AWS::StackName}}")),
        # Does not support resources; the task token, which only the handler knows, selects the task.
        allow(["states:SendTaskSuccess", "states:SendTaskFailure"], "*"),
        allow(["sns:Publish"], Ref("Topic")),
        allow(["states:DescribeExecution"], arn(f"states:{REGION_ACCOUNT}:execution:${{AWS::StackName}}:*")),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("HandlerLogs", "Arn")),
    )


def _use_key(parameter: str) -> dict[str, Any]:
    """RDS uses the key on behalf of the handler; direct use is denied."""
    actions = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext"]
    return allow(
        [*actions, "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        Ref(parameter),
        {"StringEquals": {"kms:ViaService": Sub("rds.${AWS::Region}.${AWS::URLSuffix}")}},
    )
