"""The IAM permissions that each job needs. A test compares them with the API calls in `ops/aws`.

CloudFormation creates a stack's resources with the permissions of the principal that deploys it: these are
the permissions of the job `deploy`.
"""

from dataclasses import dataclass

ALL = ("*",)
REGION_AND_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
IAM = "arn:${AWS::Partition}:iam::${AWS::AccountId}"


@dataclass(frozen=True)
class Grant:
    """IAM actions on resources. Resources are ARNs for Fn::Sub, or `*` for actions without resource types."""

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Job:
    """A part of Slipway with its permissions: `reads` for its pages, `changes` for its operations."""

    name: str
    does: str
    reads: tuple[Grant, ...]
    changes: tuple[Grant, ...]


def _of(service: str, actions: str) -> tuple[str, ...]:
    return tuple(f"{service}:{action}" for action in actions.split())


def _arn(rest: str) -> str:
    return "arn:${AWS::Partition}:" + rest


_STACKS = (
    _arn(f"cloudformation:*:${{AWS::AccountId}}:stack/{name}/*") for name in ("snapshots-*", "slipway-*")
)
OWN_STACKS = tuple(_STACKS)
STAGING = (_arn("s3:::slipway-staging-*"), _arn("s3:::slipway-staging-*/*"))
AUDIT = (_arn("logs:*:${AWS::AccountId}:log-group:/slipway/audit*"),)

COMMON = Job(
    "common",
    "Identity, deployed stacks, audit log",
    (
        Grant((*_of("sts", "GetCallerIdentity"), *_of("account", "ListRegions"))),
        Grant(
            _of(
                "cloudformation",
                "DescribeStacks DescribeStackEvents DescribeStackResources ListStacks ListStackResources "
                "DescribeChangeSet ListChangeSets GetTemplate",
            )
        ),
        Grant(_of("iam", "GetRole SimulatePrincipalPolicy"), (f"{IAM}:role/slipway-workbench*",)),
        Grant(_of("logs", "FilterLogEvents"), AUDIT),
    ),
    # Not part of `reads`: only changes are recorded, and a read-only role makes none.
    (Grant(_of("logs", "CreateLogGroup CreateLogStream PutLogEvents PutRetentionPolicy"), AUDIT),),
)

SNAPSHOTS = Job(
    "snapshots",
    "Sanitized snapshots: show, refresh, stop, restore",
    (
        Grant(
            _of(
                "rds",
                "DescribeDBInstances DescribeDBClusters DescribeDBSnapshots DescribeDBClusterSnapshots "
                "DescribeDBSnapshotAttributes DescribeDBClusterSnapshotAttributes DescribeDBSubnetGroups "
                "ListTagsForResource DescribeOptionGroups DescribeEvents",
            )
        ),
        Grant(_of("ec2", "DescribeRouteTables DescribeSecurityGroups DescribeSubnets")),
        Grant(_of("kms", "DescribeKey GetKeyPolicy")),
        Grant(
            _of(
                "states",
                "ListExecutions DescribeExecution DescribeStateMachineForExecution GetExecutionHistory",
            )
        ),
        Grant(_of("logs", "GetLogEvents")),
        Grant(_of("s3", "GetObject"), STAGING[1:]),
    ),
    (
        Grant(
            _of("states", "StartExecution StopExecution"),
            (
                _arn(f"states:{REGION_AND_ACCOUNT}:stateMachine:*"),
                _arn(f"states:{REGION_AND_ACCOUNT}:execution:*"),
            ),
        ),
        Grant(
            _of(
                "rds",
                "CopyDBSnapshot CopyDBClusterSnapshot RestoreDBInstanceFromDBSnapshot CreateDBInstance "
                "RestoreDBClusterFromSnapshot ModifyDBInstance ModifyDBCluster AddTagsToResource "
                "DeleteDBInstance DeleteDBCluster DeleteDBSnapshot DeleteDBClusterSnapshot",
            ),
            tuple(
                _arn(f"rds:*:${{AWS::AccountId}}:{kind}:*")
                for kind in (
                    "db",
                    "cluster",
                    "snapshot",
                    "cluster-snapshot",
                    "subgrp",
                    "pg",
                    "cluster-pg",
                    "og",
                )
            ),
        ),
        Grant(_of("kms", "CreateGrant Decrypt"), (_arn("kms:*:${AWS::AccountId}:key/*"),)),
        Grant(
            _of("secretsmanager", "CreateSecret TagResource"),
            (_arn("secretsmanager:*:${AWS::AccountId}:secret:rds!*"),),
        ),
    ),
)

LOGS = Job(
    "logs",
    "Exported logs: search, ledger, replay, backfill, retention, compaction",
    (
        Grant(
            _of(
                "logs",
                "DescribeLogGroups DescribeLogStreams DescribeSubscriptionFilters DescribeAccountPolicies "
                "DescribeExportTasks DescribeDestinations FilterLogEvents ListTagsForResource",
            )
        ),
        Grant(_of("cloudwatch", "DescribeAlarms GetMetricData")),
        Grant(_of("s3", "GetBucketLocation ListBucket"), (_arn("s3:::${LogBucket}"),)),
        Grant(_of("s3", "GetObject"), (_arn("s3:::${LogBucket}/*"),)),
        Grant(
            _of(
                "athena",
                "StartQueryExecution StopQueryExecution GetQueryExecution GetQueryResults GetWorkGroup",
            )
        ),
        Grant(
            _of("s3", "AbortMultipartUpload PutObject"),  # Athena writes results as the caller
            (_arn("s3:::${LogBucket}/results/*"), _arn("s3:::${LogBucket}/*/results/*")),
        ),
        Grant(_of("glue", "GetDatabases GetDatabase GetTables GetTable GetPartitions")),
    ),
    (
        Grant(_of("s3", "PutObject DeleteObject"), (_arn("s3:::${LogBucket}/*"),)),
        Grant(_of("kinesis", "PutRecords"), (_arn("kinesis:*:${AWS::AccountId}:stream/*"),)),
        Grant(_of("lambda", "InvokeFunction"), (_arn("lambda:*:${AWS::AccountId}:function:*-Compactor-*"),)),
        Grant(
            _of(
                "logs",
                "PutRetentionPolicy CreateExportTask PutSubscriptionFilter DeleteSubscriptionFilter "
                "TagResource UntagResource PutAccountPolicy DeleteAccountPolicy",
            ),
            (_arn("logs:*:${AWS::AccountId}:log-group:*"),),
        ),
    ),
)

SUPPORT_STACKS = Job(
    "support-stacks",
    "Support stacks of CDK pipelines: inventory, clean-up",
    (
        Grant(_of("codepipeline", "ListPipelines GetPipeline")),
        Grant(
            _of(
                "s3",
                "ListAllMyBuckets ListBucket ListBucketVersions ListBucketMultipartUploads GetBucketLocation "
                "GetBucketPolicy GetBucketTagging GetEncryptionConfiguration",
            )
        ),
        Grant(_of("kms", "ListAliases DescribeKey GetKeyPolicy ListResourceTags")),
    ),
    (
        Grant(
            _of("cloudformation", "DeleteStack UpdateTerminationProtection"),
            (_arn("cloudformation:*:${AWS::AccountId}:stack/*-support-*/*"),),
        ),
        Grant(
            _of(
                "s3",
                "DeleteObject DeleteObjectVersion AbortMultipartUpload DeleteBucket DeleteBucketPolicy "
                "GetObject GetObjectVersion PutObject",
            ),
            (_arn("s3:::*-support-*"), _arn("s3:::*-support-*/*")),
        ),
        Grant(
            _of("kms", "DeleteAlias ScheduleKeyDeletion"),
            (_arn("kms:*:${AWS::AccountId}:alias/*"), _arn("kms:*:${AWS::AccountId}:key/*")),
        ),
    ),
)

ROLLOUTS = Job(
    "rollouts",
    "Rollouts: plan, start, watch, control",
    (
        Grant(_of("dynamodb", "Query"), (_arn("dynamodb:*:${AWS::AccountId}:table/slipway-rollouts*"),)),
        Grant(_of("s3", "GetObject"), (_arn("s3:::slipway-rollouts*/*"),)),
        Grant(
            _of(
                "organizations",
                "ListAccounts ListAccountsForParent ListOrganizationalUnitsForParent ListTagsForResource",
            )
        ),
    ),
    (
        Grant(
            _of("lambda", "InvokeFunction"), (_arn("lambda:*:${AWS::AccountId}:function:slipway-rollouts*"),)
        ),
        Grant(_of("s3", "PutObject"), (_arn("s3:::slipway-rollouts*/*"),)),
    ),
)

DEPLOY = Job(
    "deploy",
    "Slipway's own stacks, with all their resources",
    (Grant(_of("s3", "ListBucket GetLifecycleConfiguration GetObject"), STAGING),),
    (
        Grant(
            _of("cloudformation", "CreateChangeSet DeleteChangeSet ExecuteChangeSet DeleteStack"), OWN_STACKS
        ),
        Grant(
            _of(
                "s3",
                "CreateBucket PutObject PutEncryptionConfiguration PutBucketPolicy PutBucketVersioning "
                "PutBucketPublicAccessBlock PutLifecycleConfiguration PutBucketTagging",
            ),
            (*STAGING, _arn("s3:::slipway-replication-*"), _arn("s3:::slipway-rollouts*")),
        ),
        Grant(
            _of(
                "ec2",
                "CreateSecurityGroup DeleteSecurityGroup AuthorizeSecurityGroupEgress CreateTags "
                "AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress RevokeSecurityGroupIngress",
            ),
            (_arn(f"ec2:{REGION_AND_ACCOUNT}:security-group/*"), _arn(f"ec2:{REGION_AND_ACCOUNT}:vpc/*")),
        ),
        Grant(
            _of(
                "ecs",
                "CreateCluster DeleteCluster RegisterTaskDefinition DeregisterTaskDefinition TagResource",
            )
        ),
        Grant(
            _of("events", "PutRule PutTargets RemoveTargets DeleteRule"),
            (_arn(f"events:{REGION_AND_ACCOUNT}:rule/*"),),
        ),
        Grant(
            _of(
                "iam",
                "CreateRole DeleteRole GetRole PassRole PutRolePolicy DeleteRolePolicy GetRolePolicy TagRole "
                "PutRolePermissionsBoundary",
            ),
            tuple(f"{IAM}:role/{name}" for name in ("snapshots-*", "slipway-rollout*")),
        ),
        Grant(
            _of(
                "lambda",
                "CreateFunction DeleteFunction GetFunction UpdateFunctionCode UpdateFunctionConfiguration "
                "AddPermission RemovePermission TagResource",
            ),
            tuple(
                _arn(f"lambda:{REGION_AND_ACCOUNT}:function:{name}") for name in ("snapshots-*", "slipway-*")
            ),
        ),
        Grant(
            _of("logs", "CreateLogGroup DeleteLogGroup PutRetentionPolicy TagResource"),
            tuple(
                _arn(f"logs:{REGION_AND_ACCOUNT}:log-group:{name}")
                for name in ("snapshots-*", "/aws/*", "slipway-*")
            ),
        ),
        Grant(
            _of("rds", "CreateDBSubnetGroup DeleteDBSubnetGroup"),
            (_arn(f"rds:{REGION_AND_ACCOUNT}:subgrp:*"),),
        ),
        Grant(_of("secretsmanager", "CreateSecret DeleteSecret TagResource GetRandomPassword")),
        Grant(
            _of("sns", "CreateTopic DeleteTopic Subscribe SetTopicAttributes GetTopicAttributes TagResource"),
            tuple(_arn(f"sns:{REGION_AND_ACCOUNT}:{name}") for name in ("snapshots-*", "slipway-*")),
        ),
        Grant(
            _of("states", "CreateStateMachine UpdateStateMachine DeleteStateMachine TagResource"),
            tuple(_arn(f"states:{REGION_AND_ACCOUNT}:stateMachine:{name}") for name in ("*",)),
        ),
    ),
)

JOBS = (COMMON, SNAPSHOTS, LOGS, SUPPORT_STACKS, ROLLOUTS, DEPLOY)
