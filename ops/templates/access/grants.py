"""The IAM permissions that each job needs. A test compares them with the API calls in `ops/aws`.

CloudFormation creates a stack's resources with the permissions of the principal that deploys it.
`deploying.json` is what the resources of each job's stacks need, and what the roles among them are allowed:
`make golden` computes both.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """A part of Slipway with its permissions.

    `reads` are for its pages, `changes` for its operations, and `deploys` for its stacks, if it deploys any.
    """

    name: str
    does: str
    reads: tuple[Grant, ...]
    changes: tuple[Grant, ...]
    deploys: tuple[Grant, ...] = ()


_DEPLOYING: dict[str, Any] = json.loads(Path(__file__).with_name("deploying.json").read_text("utf-8"))
STACK_ROLE_ACTIONS: tuple[str, ...] = tuple(_DEPLOYING["roles"])


def _stacks_of(job: str) -> tuple[Grant, ...]:
    """Return what the resources of a job's stacks need."""
    return tuple(
        Grant(tuple(grant["actions"]), tuple(grant["resources"])) for grant in _DEPLOYING["grants"][job]
    )


def _of(service: str, actions: str) -> tuple[str, ...]:
    return tuple(f"{service}:{action}" for action in actions.split())


def _arn(rest: str) -> str:
    return "arn:${AWS::Partition}:" + rest


_STACKS = (
    _arn(f"cloudformation:*:${{AWS::AccountId}}:stack/{name}/*")
    for name in ("snapshots-*", "slipway-*", "log-export")
)
OWN_STACKS = tuple(_STACKS)
STACK_ROLES = ("snapshots-*", "log-export-*", "slipway-rollout*")  # the roles in Slipway's own stacks
STAGING = (_arn("s3:::slipway-staging-*"), _arn("s3:::slipway-staging-*/*"))
AUDIT = (_arn("logs:*:${AWS::AccountId}:log-group:/slipway/audit*"),)

COMMON = Job(
    "common",
    "Identity, deployed stacks, audit log",
    (
        Grant(
            (*_of("sts", "GetCallerIdentity"), *_of("account", "ListRegions"), *_of("tag", "GetResources"))
        ),
        Grant(
            _of(
                "cloudformation",
                "DescribeStacks DescribeStackEvents DescribeStackResources ListStacks ListStackResources "
                "DescribeChangeSet ListChangeSets GetTemplate ValidateTemplate",
            )
        ),
        Grant(_of("iam", "GetRole SimulatePrincipalPolicy"), (f"{IAM}:role/slipway-workbench*",)),
        # `slipway doctor` reads quotas and validates what would be deployed.
        Grant(
            (
                *("iam:GetAccountSummary", "kinesis:DescribeLimits", "lambda:GetAccountSettings"),
                *("logs:DescribeResourcePolicies", "rds:DescribeAccountAttributes"),
                "states:ValidateStateMachineDefinition",
            )
        ),
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
    _stacks_of("snapshots"),
)

LOGS = Job(
    "logs",
    "Exported logs: search, alerts, ledger, replay, backfill, retention, compaction",
    (
        Grant(
            _of(
                "logs",
                "DescribeLogGroups DescribeLogStreams DescribeSubscriptionFilters DescribeAccountPolicies "
                "DescribeExportTasks DescribeDestinations FilterLogEvents ListTagsForResource",
            )
        ),
        Grant(_of("cloudwatch", "DescribeAlarms GetMetricData")),
        Grant(_of("kinesis", "DescribeStreamSummary"), (_arn("kinesis:*:${AWS::AccountId}:stream/*"),)),
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
        Grant(
            _of("glue", "CreateTable"),
            (
                _arn("glue:*:${AWS::AccountId}:catalog"),
                _arn("glue:*:${AWS::AccountId}:database/*"),
                _arn("glue:*:${AWS::AccountId}:table/*/slipway_*"),
            ),
        ),
        Grant(_of("kinesis", "PutRecords"), (_arn("kinesis:*:${AWS::AccountId}:stream/*"),)),
        Grant(
            _of("lambda", "InvokeFunction"),
            tuple(
                _arn(f"lambda:*:${{AWS::AccountId}}:function:*-{name}-*") for name in ("Compactor", "Alerts")
            ),
        ),
        Grant(
            _of(
                "logs",
                "PutRetentionPolicy CreateExportTask PutSubscriptionFilter DeleteSubscriptionFilter "
                "TagResource UntagResource",
            ),
            (_arn("logs:*:${AWS::AccountId}:log-group:*"),),
        ),
        Grant(_of("logs", "PutAccountPolicy DeleteAccountPolicy")),
    ),
    _stacks_of("logs"),
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
                "GetBucketPolicy GetBucketTagging GetEncryptionConfiguration "
                "GetBucketObjectLockConfiguration GetObjectRetention GetObjectLegalHold",
            )
        ),
        Grant(_of("kms", "ListAliases DescribeKey GetKeyPolicy ListResourceTags")),
        Grant(_of("iam", "GetRole"), (_arn("iam::${AWS::AccountId}:role/*-support-*"),)),
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
    _stacks_of("rollouts"),
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
            STAGING,
        ),
        *_stacks_of("deploy"),
    ),
)

JOBS = (COMMON, SNAPSHOTS, LOGS, SUPPORT_STACKS, ROLLOUTS, DEPLOY)
