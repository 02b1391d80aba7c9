"""Subnet group, security groups, and secrets. Only the task can connect to the temporary database."""

from troposphere import AWSObject, GetAtt, Ref, Tags, ec2, rds, secretsmanager

from ops.templates.policies import accepted
from ops.templates.snapshots.parameters import engine_setting

LOOPBACK_CIDR = "127.0.0.1/32"  # without an egress rule, EC2 adds one that allows all traffic


def resources() -> tuple[AWSObject, ...]:
    return (
        rds.DBSubnetGroup(
            "SubnetGroup",
            DBSubnetGroupDescription="Temporary databases of a Slipway snapshot pipeline",
            SubnetIds=[Ref("SubnetA"), Ref("SubnetB")],
        ),
        ec2.SecurityGroup(
            "DatabaseSecurityGroup",
            GroupDescription="Temporary databases: reached by the sanitizing task only",
            VpcId=Ref("VpcId"),
            SecurityGroupEgress=[
                ec2.SecurityGroupRule(
                    IpProtocol="-1", CidrIp=LOOPBACK_CIDR, Description="No outbound connections"
                )
            ],
            Tags=Tags(Name=Ref("AWS::StackName")),
        ),
        ec2.SecurityGroup(
            "TaskSecurityGroup",
            GroupDescription="Sanitizing task: reaches the temporary database and AWS",
            VpcId=Ref("VpcId"),
            SecurityGroupEgress=[
                ec2.SecurityGroupRule(
                    IpProtocol="tcp",
                    FromPort=443,
                    ToPort=443,
                    CidrIp="0.0.0.0/0",
                    Description="S3, Secrets Manager, CloudWatch Logs, and the image registry",
                )
            ],
            Tags=Tags(Name=Ref("AWS::StackName")),
        ),
        ec2.SecurityGroupIngress(
            "DatabaseFromTask",
            GroupId=GetAtt("DatabaseSecurityGroup", "GroupId"),
            SourceSecurityGroupId=GetAtt("TaskSecurityGroup", "GroupId"),
            IpProtocol="tcp",
            FromPort=engine_setting("Port"),
            ToPort=engine_setting("Port"),
            Description="SQL from the sanitizing task",
        ),
        ec2.SecurityGroupEgress(
            "TaskToDatabase",
            GroupId=GetAtt("TaskSecurityGroup", "GroupId"),
            DestinationSecurityGroupId=GetAtt("DatabaseSecurityGroup", "GroupId"),
            IpProtocol="tcp",
            FromPort=engine_setting("Port"),
            ToPort=engine_setting("Port"),
            Description="SQL to the temporary database",
        ),
        secretsmanager.Secret(
            "Password",
            Description="Master password of the temporary databases, not of production",
            GenerateSecretString=secretsmanager.GenerateSecretString(
                SecretStringTemplate="{}",
                GenerateStringKey="password",
                PasswordLength=40,
                ExcludePunctuation=True,
            ),
            Metadata=accepted(
                CKV_AWS_149="The account's default key is sufficient: only this account reads the secret",
            ),
        ),
    )
