"""The stack that runs the pages: one Fargate task behind a load balancer with TLS.

There is only one task, because plans run in the process of the pages: a second task would not see them.
"""

from troposphere import (
    Equals,
    GetAtt,
    If,
    NoValue,
    Output,
    Parameter,
    Ref,
    Sub,
    Template,
    ec2,
    ecs,
    iam,
    logs,
)
from troposphere import elasticloadbalancingv2 as elb

from ops.templates.access.grants import COMMON
from ops.templates.policies import accepted, allow, document, limit_roles, trusts

DESCRIPTION = "Slipway: runs the workbench on Fargate, behind a load balancer with TLS and sign-in."
PORT = 8501
FOLDER = "/run/slipway"  # a volume of the task: the root file system is read-only
# The two files come from a secret and a parameter, so that the task definition does not contain them.
COMMAND = (
    "umask 077; "
    f'printf %s "$SLIPWAY_SECRETS_TOML" > {FOLDER}/secrets.toml; '
    f'printf %s "$SLIPWAY_TOML" > {FOLDER}/slipway.toml; '
    "unset SLIPWAY_SECRETS_TOML SLIPWAY_TOML; "
    f"exec python -m ops run --port {PORT} --address 0.0.0.0"
)
RETENTION_DAYS = 365


def fargate() -> Template:
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    for parameter in _parameters():
        stack.add_parameter(parameter)
    stack.add_condition("NoLogBucket", Equals(Ref("AccessLogBucket"), ""))
    for resource in (*_network(), *_balancer(), *_roles(), *_service()):
        stack.add_resource(resource)
    limit_roles(stack)
    stack.add_output(Output("Address", Value=Sub("https://${DomainName}"), Description="URL of the pages"))
    stack.add_output(
        Output(
            "BalancerName",
            Value=GetAtt("Balancer", "DNSName"),
            Description="Target of the domain name's CNAME or alias record",
        )
    )
    stack.add_output(
        Output(
            "TaskRoleArn",
            Value=GetAtt("TaskRole", "Arn"),
            Description="Value for the parameter WorkbenchArn of the roles' stacks",
        )
    )
    return stack


def _parameters() -> tuple[Parameter, ...]:
    arn = r"arn:[a-z-]+:"
    return (
        Parameter("Vpc", Type="AWS::EC2::VPC::Id", Description="VPC of the task and the load balancer"),
        Parameter(
            "BalancerSubnets",
            Type="List<AWS::EC2::Subnet::Id>",
            Description="Subnets of the load balancer: two or more, in different Availability Zones",
        ),
        Parameter(
            "TaskSubnets",
            Type="List<AWS::EC2::Subnet::Id>",
            Description="Private subnets of the task, with a route to AWS and to the identity provider",
        ),
        Parameter(
            "Scheme",
            Type="String",
            Default="internal",
            AllowedValues=["internal", "internet-facing"],
            Description="Whether the load balancer has addresses in the internet",
        ),
        Parameter(
            "AllowedNetwork",
            Type="String",
            Default="10.0.0.0/8",
            Description="CIDR block that is allowed to access the pages",
            AllowedPattern=r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}",
        ),
        Parameter("DomainName", Type="String", Description="Domain name of the pages"),
        Parameter(
            "CertificateArn",
            Type="String",
            Description="ACM certificate for the domain name, in this region",
            AllowedPattern=arn + "acm:.+",
        ),
        Parameter(
            "Image",
            Type="String",
            Description="Container image built from the Dockerfile, with its digest: …@sha256:…",
            AllowedPattern=r".+@sha256:[0-9a-f]{64}",
        ),
        Parameter(
            "SignInSecretArn",
            Type="String",
            Description="Secrets Manager secret that contains .streamlit/secrets.toml (see docs/sign-in.md)",
            AllowedPattern=arn + "secretsmanager:.+",
        ),
        Parameter(
            "SettingsParameterArn",
            Type="String",
            Description="Systems Manager parameter that contains slipway.toml",
            AllowedPattern=arn + "ssm:.+:parameter/.+",
        ),
        Parameter(
            "AccessLogBucket",
            Type="String",
            Default="",
            Description="Bucket for the load balancer's access logs; leave empty for none",
        ),
    )


def _network() -> tuple[ec2.SecurityGroup, ...]:
    def rule(port: int, description: str, **other: object) -> dict[str, object]:
        return {
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": description, **other
        }  # fmt: skip

    balancer = ec2.SecurityGroup(
        "BalancerGroup",
        GroupDescription="The balancer of Slipway",
        VpcId=Ref("Vpc"),
        SecurityGroupIngress=[rule(443, "People", CidrIp=Ref("AllowedNetwork"))],
    )
    task = ec2.SecurityGroup(
        "TaskGroup",
        GroupDescription="The task of Slipway",
        VpcId=Ref("Vpc"),
        SecurityGroupIngress=[
            rule(PORT, "The balancer", SourceSecurityGroupId=GetAtt("BalancerGroup", "GroupId"))
        ],
        SecurityGroupEgress=[rule(443, "AWS and the identity provider", CidrIp="0.0.0.0/0")],
    )
    return balancer, task


def _balancer() -> tuple[object, ...]:
    def attribute(key: str, value: object) -> elb.LoadBalancerAttributes:
        return elb.LoadBalancerAttributes(Key=key, Value=value)

    balancer = elb.LoadBalancer(
        "Balancer",
        Scheme=Ref("Scheme"),
        Type="application",
        Subnets=Ref("BalancerSubnets"),
        SecurityGroups=[GetAtt("BalancerGroup", "GroupId")],
        LoadBalancerAttributes=[
            attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
            attribute("deletion_protection.enabled", "true"),
            attribute("idle_timeout.timeout_seconds", "300"),  # pages hold a websocket
            If("NoLogBucket", NoValue, attribute("access_logs.s3.enabled", "true")),
            If("NoLogBucket", NoValue, attribute("access_logs.s3.bucket", Ref("AccessLogBucket"))),
        ],
        Metadata=accepted(
            CKV_AWS_91="Access logs are written if a bucket is configured",
            CKV2_AWS_28="Attach your organization's web ACL if the load balancer is internet-facing",
        ),
    )
    targets = elb.TargetGroup(
        "Targets",
        VpcId=Ref("Vpc"),
        TargetType="ip",
        Protocol="HTTP",
        Port=PORT,
        HealthCheckPath="/_stcore/health",
        HealthCheckIntervalSeconds=15,
        HealthyThresholdCount=2,
        TargetGroupAttributes=[
            elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value="30"),
        ],
        Metadata=accepted(
            CKV_AWS_378="TLS ends at the load balancer; the task accepts connections from it only"
        ),
    )
    listener = elb.Listener(
        "Listener",
        LoadBalancerArn=Ref("Balancer"),
        Port=443,
        Protocol="HTTPS",
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[elb.Certificate(CertificateArn=Ref("CertificateArn"))],
        DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref("Targets"))],
    )
    return balancer, targets, listener


def _roles() -> tuple[iam.Role, ...]:
    """The task role, which assumes Slipway's roles and writes the audit log, and the task execution role."""
    run = iam.Policy(
        PolicyName="run",
        PolicyDocument=document(
            allow(
                ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
                [Sub("arn:${AWS::Partition}:iam::*:role/slipway-workbench*")],
            ),
            *(allow(grant.actions, [Sub(arn) for arn in grant.resources]) for grant in COMMON.changes),
            allow(["logs:FilterLogEvents"], [Sub(arn) for arn in COMMON.changes[0].resources]),
        ),
    )
    start = iam.Policy(
        PolicyName="start",
        PolicyDocument=document(
            allow(["secretsmanager:GetSecretValue"], Ref("SignInSecretArn")),
            allow(["ssm:GetParameters"], Ref("SettingsParameterArn")),
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], GetAtt("Logs", "Arn")),
            allow(["ecr:GetAuthorizationToken"], "*"),
            allow(
                ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                Sub("arn:${AWS::Partition}:ecr:*:*:repository/*"),
            ),
        ),
    )
    trust = trusts("ecs-tasks.amazonaws.com", {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}})
    return tuple(
        iam.Role(title, Description=description, AssumeRolePolicyDocument=trust, Policies=[policy])
        for title, description, policy in (
            ("TaskRole", "Task role of Slipway's pages", run),
            ("StartRole", "Task execution role of Slipway's pages", start),
        )
    )


def _service() -> tuple[object, ...]:
    task = ecs.TaskDefinition(
        "Task",
        Family=Sub("${AWS::StackName}"),
        RequiresCompatibilities=["FARGATE"],
        NetworkMode="awsvpc",
        Cpu="2048",
        Memory="4096",
        TaskRoleArn=GetAtt("TaskRole", "Arn"),
        ExecutionRoleArn=GetAtt("StartRole", "Arn"),
        Volumes=[ecs.Volume(Name="run"), ecs.Volume(Name="tmp")],
        ContainerDefinitions=[_container()],
    )
    service = ecs.Service(
        "Service",
        Cluster=Ref("Cluster"),
        TaskDefinition=Ref("Task"),
        LaunchType="FARGATE",
        DesiredCount=1,
        HealthCheckGracePeriodSeconds=120,
        # Stop the old task before starting the new one: each of two tasks would see only its own plans.
        DeploymentConfiguration=ecs.DeploymentConfiguration(MinimumHealthyPercent=0, MaximumPercent=100),
        NetworkConfiguration=ecs.NetworkConfiguration(
            AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                AssignPublicIp="DISABLED",
                Subnets=Ref("TaskSubnets"),
                SecurityGroups=[GetAtt("TaskGroup", "GroupId")],
            )
        ),
        LoadBalancers=[
            ecs.LoadBalancer(ContainerName="slipway", ContainerPort=PORT, TargetGroupArn=Ref("Targets"))
        ],
        DependsOn="Listener",
    )
    cluster = ecs.Cluster(
        "Cluster", ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value="enabled")]
    )
    group = logs.LogGroup(
        "Logs",
        LogGroupName=Sub("/slipway/app/${AWS::StackName}"),
        RetentionInDays=RETENTION_DAYS,
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Metadata=accepted(
            CKV_AWS_158="Logs contain no secrets; CloudWatch Logs encrypts them with its own key"
        ),
    )
    return group, cluster, task, service


def _container() -> ecs.ContainerDefinition:
    return ecs.ContainerDefinition(
        Name="slipway",
        Image=Ref("Image"),
        Essential=True,
        ReadonlyRootFilesystem=True,
        EntryPoint=["sh", "-c"],
        Command=[COMMAND],
        PortMappings=[ecs.PortMapping(ContainerPort=PORT)],
        MountPoints=[
            ecs.MountPoint(SourceVolume="run", ContainerPath=FOLDER),
            ecs.MountPoint(SourceVolume="tmp", ContainerPath="/tmp"),  # nosec B108: a volume of the task
        ],
        Environment=[
            ecs.Environment(Name="SLIPWAY_CLOUD", Value="aws"),
            ecs.Environment(Name="SLIPWAY_DATA", Value=f"{FOLDER}/data"),
        ],
        Secrets=[
            ecs.Secret(Name="SLIPWAY_SECRETS_TOML", ValueFrom=Ref("SignInSecretArn")),
            ecs.Secret(Name="SLIPWAY_TOML", ValueFrom=Ref("SettingsParameterArn")),
        ],
        LogConfiguration=ecs.LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": Ref("Logs"),
                "awslogs-region": Ref("AWS::Region"),
                "awslogs-stream-prefix": "slipway",
            },
        ),
    )
