"""The Fargate task: one container copies the scripts to a shared volume, the next runs them with a client.

So the length of the scripts is not limited, and no custom image is needed. The password and the
secret of the fakes come from Secrets Manager through the `secrets` of the container and appear in no state,
override, or log.
"""

from typing import Any

from troposphere import AWSObject, GetAtt, If, NoValue, Ref, Sub, ecs, iam, logs

from ops.templates.policies import accepted, allow, arn, document, trusts
from ops.templates.snapshots.parameters import engine_setting
from ops.templates.snapshots.permissions import VIA_S3
from ops.templates.snapshots.sanitize import program

RETENTION_DAYS = 90
SCRIPTS = "/scripts"

FETCH = 'aws s3 cp --recursive --only-show-errors "$SOURCE" "$SCRIPTS"'


def resources() -> tuple[AWSObject, ...]:
    return (
        logs.LogGroup(
            "TaskLogs",
            LogGroupName=Sub("/slipway/snapshots/${AWS::StackName}"),
            RetentionInDays=RETENTION_DAYS,
            Metadata=accepted(
                CKV_AWS_158="Contains the output of the scripts, no data; encrypted by default"
            ),
        ),
        ecs.Cluster(
            "Cluster", ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value="enabled")]
        ),
        _execution_role(),
        _task_role(),
        ecs.TaskDefinition(
            "TaskDefinition",
            Family=Sub("${AWS::StackName}-sanitize"),
            RequiresCompatibilities=["FARGATE"],
            NetworkMode="awsvpc",
            Cpu="256",
            Memory="512",
            ExecutionRoleArn=GetAtt("ExecutionRole", "Arn"),
            TaskRoleArn=GetAtt("TaskRole", "Arn"),
            Volumes=[ecs.Volume(Name="scripts")],
            ContainerDefinitions=[_fetch(), _sanitize()],
        ),
    )


def _fetch() -> ecs.ContainerDefinition:
    return ecs.ContainerDefinition(
        Name="fetch",
        Image=Ref("FetchImage"),
        Essential=False,
        EntryPoint=["/bin/sh", "-ec"],
        Command=[FETCH],
        Environment=_environment(SOURCE=Sub("s3://${ScriptBucket}/${ScriptPrefix}/"), SCRIPTS=SCRIPTS),
        **_common(),
    )


def _sanitize() -> ecs.ContainerDefinition:
    return ecs.ContainerDefinition(
        Name="sanitize",
        Image=If("HasImage", Ref("SanitizeImage"), engine_setting("Image")),
        Essential=True,
        EntryPoint=["/bin/sh", "-ec"],
        Command=[If("IsPostgres", program("psql"), program("mysql"))],
        DependsOn=[ecs.ContainerDependency(ContainerName="fetch", Condition="SUCCESS")],
        Environment=_environment(SCRIPTS=SCRIPTS),
        Secrets=[
            ecs.Secret(Name="DB_PASSWORD", ValueFrom=Sub("${Password}:password::")),
            If("HasFakeSecret", ecs.Secret(Name="SALT", ValueFrom=Ref("FakeSecretArn")), NoValue),
        ],
        **_common(),
    )


def _common() -> dict[str, Any]:
    return {
        "MountPoints": [ecs.MountPoint(SourceVolume="scripts", ContainerPath=SCRIPTS, ReadOnly=False)],
        "ReadonlyRootFilesystem": True,
        "LogConfiguration": ecs.LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": Ref("TaskLogs"),
                "awslogs-region": Ref("AWS::Region"),
                "awslogs-stream-prefix": "run",
            },
        ),
    }


def _environment(**values: Any) -> list[ecs.Environment]:
    return [ecs.Environment(Name=name, Value=value) for name, value in values.items()]


def _execution_role() -> iam.Role:
    """The role that Fargate uses to start the containers."""
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return iam.Role(
        "ExecutionRole",
        AssumeRolePolicyDocument=trusts("ecs-tasks.amazonaws.com"),
        Policies=[
            iam.Policy(
                PolicyName="start-containers",
                PolicyDocument=document(
                    allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("TaskLogs", "Arn")),
                    allow(["secretsmanager:GetSecretValue"], Ref("Password")),
                    If("HasFakeSecret", _read_secret(), NoValue),
                    If("HasFakeSecret", _decrypt_secret(), NoValue),
                    # For images mirrored to private ECR. GetAuthorizationToken supports no resources.
                    allow(["ecr:GetAuthorizationToken"], "*"),
                    # The repository can belong to another account: its policy decides as well.
                    allow(pull, arn("ecr:*:*:repository/*")),
                ),
            )
        ],
    )


def _read_secret() -> dict[str, Any]:
    return allow(["secretsmanager:GetSecretValue"], Ref("FakeSecretArn"))


def _decrypt_secret() -> dict[str, Any]:
    """For a secret that a customer managed key encrypts."""
    only = {
        "StringEquals": {
            "kms:EncryptionContext:SecretARN": Ref("FakeSecretArn"),
            "kms:ViaService": Sub("secretsmanager.${AWS::Region}.amazonaws.com"),
        }
    }
    return allow(["kms:Decrypt"], arn("kms:${AWS::Region}:${AWS::AccountId}:key/*"), only)


def _task_role() -> iam.Role:
    """The role of the containers: they can read the scripts."""
    return iam.Role(
        "TaskRole",
        AssumeRolePolicyDocument=trusts("ecs-tasks.amazonaws.com"),
        Policies=[
            iam.Policy(
                PolicyName="read-scripts",
                PolicyDocument=document(
                    allow(["s3:GetObject"], arn("s3:::${ScriptBucket}/${ScriptPrefix}/*")),
                    allow(
                        ["s3:ListBucket"],
                        arn("s3:::${ScriptBucket}"),
                        {"StringLike": {"s3:prefix": Sub("${ScriptPrefix}/*")}},
                    ),
                    # The scripts, in a bucket that is encrypted with a KMS key: its policy decides as well.
                    allow(["kms:Decrypt"], arn("kms:${AWS::Region}:*:key/*"), VIA_S3),
                ),
            )
        ],
    )
