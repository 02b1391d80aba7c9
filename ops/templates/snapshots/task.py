"""The Fargate task: one container fetches the scripts to a shared volume, the next runs them with psql.

So scripts may have any length and no image of our own is needed. The password comes from Secrets Manager
through the container's `secrets` and stands in no state, override or log.
"""

from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, ecs, iam, logs

from ops.templates.policies import accepted, allow, arn, document, trusts

RETENTION_DAYS = 90
SCRIPTS = "/scripts"

FETCH = 'aws s3 cp --recursive --only-show-errors "$SOURCE" "$SCRIPTS"'

# Each script runs as the end of its name says: see ops/snapshots/postgres.py. A transaction a script: it is
# applied whole or not at all, and any error fails the task. After a check that failed nothing is run but
# further checks. The report goes to the log, with its length, so that a reader knows that it is whole.
SANITIZE = """\
cd "$SCRIPTS"
: > report
sql() { psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }
failed() { grep -q '"ok" : false' report; }
for script in *.sql; do
  [ -s "$script" ] || { echo "There is no SQL to run." >&2; exit 3; }
  case $script in *.check.sql) ;; *) if failed; then continue; fi ;; esac
  echo "Running $script"
  case $script in
    *.gen.check.sql) sql -At -f "$script" > "$script.made"; sql -At -f "$script.made" >> report ;;
    *.check.sql) sql -At -f "$script" >> report ;;
    *.gen.sql) sql -At -f "$script" > "$script.made"; sql --single-transaction -f "$script.made" ;;
    *.save.sql) sql -At -f "$script" > saved ;;
    *.saved.sql) sql --single-transaction -f saved ;;
    *.plain.sql) sql -f "$script" ;;
    *) sql --single-transaction -f "$script" ;;
  esac
done
sed 's/^/REPORT /' report
echo "REPORT-END $(wc -l < report)"
if failed; then echo "The proof failed: see the report." >&2; exit 9; fi
echo "Sanitized and proven."
"""


def resources() -> tuple[AWSObject, ...]:
    return (
        logs.LogGroup(
            "TaskLogs",
            LogGroupName=Sub("/slipway/snapshots/${AWS::StackName}"),
            RetentionInDays=RETENTION_DAYS,
            Metadata=accepted(CKV_AWS_158="Holds the scripts' output, no data; encrypted by default"),
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
        Image=Ref("SanitizeImage"),
        Essential=True,
        EntryPoint=["/bin/sh", "-ec"],
        Command=[SANITIZE],
        DependsOn=[ecs.ContainerDependency(ContainerName="fetch", Condition="SUCCESS")],
        Environment=_environment(SCRIPTS=SCRIPTS, PGAPPNAME="slipway", PGCONNECT_TIMEOUT="30"),
        Secrets=[
            ecs.Secret(Name="PGPASSWORD", ValueFrom=Sub("${Password}:password::")),
            ecs.Secret(Name="SALT", ValueFrom=Ref("Salt")),
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
    """What Fargate itself needs to start the containers."""
    pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return iam.Role(
        "ExecutionRole",
        AssumeRolePolicyDocument=trusts("ecs-tasks.amazonaws.com"),
        Policies=[
            iam.Policy(
                PolicyName="start-containers",
                PolicyDocument=document(
                    allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("TaskLogs", "Arn")),
                    allow(["secretsmanager:GetSecretValue"], [Ref("Password"), Ref("Salt")]),
                    # For images that were mirrored to private ECR; the token's action takes no resource.
                    allow(["ecr:GetAuthorizationToken"], "*"),
                    allow(pull, arn("ecr:${AWS::Region}:${AWS::AccountId}:repository/*")),
                ),
            )
        ],
    )


def _task_role() -> iam.Role:
    """What the scripts' container may do: read the scripts."""
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
                ),
            )
        ],
    )
