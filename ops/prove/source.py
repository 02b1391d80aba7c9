"""The stack that fills the small database: a Fargate task next to it, because Slipway may not reach it.

The database itself is not in the stack: its creation is one of the effects that the report shows.
"""

from troposphere import GetAtt, Output, Parameter, Ref, Sub, Template, ec2, ecs, iam, logs, secretsmanager

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import StackSpec
from ops.templates.policies import allow, document, limit_roles, trusts
from ops.templates.snapshots.parameters import ENGINES

DESCRIPTION = "Slipway: fills the small database of a proof."
ENGINE = "postgres"
CONTAINER = "psql"
RETENTION_DAYS = 1
COMMAND = 'psql --no-psqlrc --set ON_ERROR_STOP=1 -At -c "$SQL"'


def source_spec(name: str, place: Place, vpc: str) -> StackSpec:
    """Return the stack of the task in a VPC."""
    return StackSpec(
        name=name,
        template_body=str(_template().to_json(indent=1)),
        parameters={"VpcId": vpc},
        tags={"slipway:job": "prove"},
        capabilities=("CAPABILITY_IAM",),
        account=place.account.id,
        region=place.region,
    )


def _template() -> Template:
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    stack.add_parameter(Parameter("VpcId", Type="AWS::EC2::VPC::Id", Description="VPC of the database"))
    for resource in (*_network(), *_task()):
        stack.add_resource(resource)
    limit_roles(stack)
    values = {
        "Cluster": Ref("Cluster"),
        "TaskDefinition": Ref("TaskDefinition"),
        "Password": Ref("Password"),
        "LogGroup": Ref("Logs"),
        "DatabaseSecurityGroup": GetAtt("DatabaseSecurityGroup", "GroupId"),
        "TaskSecurityGroup": GetAtt("TaskSecurityGroup", "GroupId"),
    }
    for name, value in values.items():
        stack.add_output(Output(name, Value=value))
    return stack


def _network() -> tuple[ec2.SecurityGroup, ec2.SecurityGroup, ec2.SecurityGroupIngress]:
    port = ENGINES[ENGINE]["Port"]
    return (
        ec2.SecurityGroup(
            "DatabaseSecurityGroup", GroupDescription="Database of a proof", VpcId=Ref("VpcId")
        ),
        ec2.SecurityGroup(
            "TaskSecurityGroup", GroupDescription="Task that fills the database", VpcId=Ref("VpcId")
        ),
        ec2.SecurityGroupIngress(
            "DatabaseFromTask",
            GroupId=GetAtt("DatabaseSecurityGroup", "GroupId"),
            SourceSecurityGroupId=GetAtt("TaskSecurityGroup", "GroupId"),
            IpProtocol="tcp",
            FromPort=port,
            ToPort=port,
        ),
    )


def _task() -> tuple[secretsmanager.Secret, logs.LogGroup, ecs.Cluster, iam.Role, ecs.TaskDefinition]:
    return (
        secretsmanager.Secret(
            "Password",
            Description="Master password of the database of a proof",
            GenerateSecretString=secretsmanager.GenerateSecretString(
                SecretStringTemplate="{}",
                GenerateStringKey="password",
                PasswordLength=40,
                ExcludePunctuation=True,
            ),
        ),
        logs.LogGroup("Logs", RetentionInDays=RETENTION_DAYS),
        ecs.Cluster("Cluster"),
        iam.Role(
            "ExecutionRole",
            AssumeRolePolicyDocument=trusts("ecs-tasks.amazonaws.com"),
            Policies=[
                iam.Policy(
                    PolicyName="start-container",
                    PolicyDocument=document(
                        allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("Logs", "Arn")),
                        allow(["secretsmanager:GetSecretValue"], Ref("Password")),
                    ),
                )
            ],
        ),
        ecs.TaskDefinition(
            "TaskDefinition",
            Family=Sub("${AWS::StackName}"),
            RequiresCompatibilities=["FARGATE"],
            NetworkMode="awsvpc",
            Cpu="256",
            Memory="512",
            ExecutionRoleArn=GetAtt("ExecutionRole", "Arn"),
            ContainerDefinitions=[
                ecs.ContainerDefinition(
                    Name=CONTAINER,
                    Image=ENGINES[ENGINE]["Image"],
                    Essential=True,
                    EntryPoint=["/bin/sh", "-ec"],
                    Command=[COMMAND],
                    Secrets=[ecs.Secret(Name="PGPASSWORD", ValueFrom=Sub("${Password}:password::"))],
                    LogConfiguration=ecs.LogConfiguration(
                        LogDriver="awslogs",
                        Options={
                            "awslogs-group": Ref("Logs"),
                            "awslogs-region": Ref("AWS::Region"),
                            "awslogs-stream-prefix": "run",
                        },
                    ),
                )
            ],
        ),
    )
