"""What the handler of a snapshot pipeline may do: temporary databases by prefix, snapshots by tag.

Production is read and never changed. Source of the resources: Service Authorization Reference, Amazon RDS.
"""

from typing import Any

from troposphere import GetAtt, If, Join, NoValue, Ref, Select, Split, Sub

from ops.templates.policies import allow, arn

# Eight hex digits of the stack's own id: two stacks never share a prefix, and a role is bound to its own.
STACK_TOKEN = Select(0, Split("-", Select(2, Split("/", Ref("AWS::StackId")))))
PREFIX = Join("", ["slipway-tmp-", STACK_TOKEN, "-"])

HERE = "${AWS::Region}:${AWS::AccountId}"
_OWN_REQUEST = {"StringEquals": {"aws:RequestTag/slipway:pipeline": Ref("AWS::StackName")}}
_OWN_RESOURCE = {"StringEquals": {"aws:ResourceTag/slipway:pipeline": Ref("AWS::StackName")}}


def handler_statements() -> tuple[Any, ...]:
    return (*_databases(), *_snapshots(), *_others())


def _rds(kind: str, name: str = "*") -> Any:
    return arn(f"rds:{HERE}:{kind}:{name}")


def _own(kind: str) -> Any:
    return Sub(f"arn:${{AWS::Partition}}:rds:{HERE}:{kind}:${{Prefix}}*", Prefix=PREFIX)


_SNAPSHOTS = [_rds("snapshot"), _rds("cluster-snapshot")]
_GROUPS = [_rds("og"), _rds("pg"), _rds("cluster-pg")]
_OWN_DATABASES = [_own("db"), _own("cluster")]


def _databases() -> tuple[Any, ...]:
    made_in = [_rds("subgrp", "${SubnetGroup}"), *_GROUPS]
    return (
        allow(["rds:DescribeDBInstances", "rds:DescribeDBClusters"], [_rds("db"), _rds("cluster")]),
        allow(["rds:DescribeOptionGroups"], _rds("og")),
        allow(["rds:DescribeEvents"], "*"),  # takes no resource
        allow(
            ["rds:RestoreDBInstanceFromDBSnapshot", "rds:RestoreDBClusterFromSnapshot"],
            [*_OWN_DATABASES, *_SNAPSHOTS, *made_in],
            _OWN_REQUEST,
        ),
        allow(["rds:CreateDBInstance"], [*_OWN_DATABASES, *made_in], _OWN_REQUEST),
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
        # The pipeline's own key may be another account's.
        allow(["kms:DescribeKey"], [arn(f"kms:{HERE}:key/*"), If("HasKey", Ref("KmsKeyArn"), NoValue)]),
        If("HasKey", _use_key(), NoValue),
        allow(["states:StartExecution"], arn(f"states:{HERE}:stateMachine:${{AWS::StackName}}")),
        allow(["sns:Publish"], Ref("Topic")),
        allow(["states:DescribeExecution"], arn(f"states:{HERE}:execution:${{AWS::StackName}}:*")),
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("HandlerLogs", "Arn")),
    )


def _use_key() -> dict[str, Any]:
    """RDS encrypts in the handler's name, and only through RDS."""
    actions = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext"]
    return allow(
        [*actions, "kms:ReEncryptFrom", "kms:ReEncryptTo"],
        Ref("KmsKeyArn"),
        {"StringEquals": {"kms:ViaService": Sub("rds.${AWS::Region}.${AWS::URLSuffix}")}},
    )
