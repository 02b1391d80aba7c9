"""Where the temporary database and the task live: the task reaches the database, nothing else does."""

from troposphere import AWSObject, GetAtt, Ref, Tags, ec2, rds, secretsmanager

from ops.templates.policies import accepted
from ops.templates.snapshots.parameters import engine

NOWHERE = "127.0.0.1/32"  # EC2 adds "everything" where no egress rule is given


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
                ec2.SecurityGroupRule(IpProtocol="-1", CidrIp=NOWHERE, Description="A database calls nobody")
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
                    Description="S3, Secrets Manager, CloudWatch Logs and the image registry",
                )
            ],
            Tags=Tags(Name=Ref("AWS::StackName")),
        ),
        ec2.SecurityGroupIngress(
            "DatabaseFromTask",
            GroupId=GetAtt("DatabaseSecurityGroup", "GroupId"),
            SourceSecurityGroupId=GetAtt("TaskSecurityGroup", "GroupId"),
            IpProtocol="tcp",
            FromPort=engine("Port"),
            ToPort=engine("Port"),
            Description="SQL from the sanitizing task",
        ),
        ec2.SecurityGroupEgress(
            "TaskToDatabase",
            GroupId=GetAtt("TaskSecurityGroup", "GroupId"),
            DestinationSecurityGroupId=GetAtt("DatabaseSecurityGroup", "GroupId"),
            IpProtocol="tcp",
            FromPort=engine("Port"),
            ToPort=engine("Port"),
            Description="SQL to the temporary database",
        ),
        secretsmanager.Secret(
            "Password",
            Description="Master password of the temporary databases; never production's",
            GenerateSecretString=secretsmanager.GenerateSecretString(
                SecretStringTemplate="{}",
                GenerateStringKey="password",
                PasswordLength=40,
                ExcludePunctuation=True,
            ),
            Metadata=accepted(
                CKV_AWS_149="The account's default key suffices: nobody outside the account reads it",
            ),
        ),
        secretsmanager.Secret(
            "Salt",
            Description="What fakes and hashes are made with: the same in every run, known to nobody",
            GenerateSecretString=secretsmanager.GenerateSecretString(
                PasswordLength=40, ExcludePunctuation=True
            ),
            Metadata=accepted(
                CKV_AWS_149="The account's default key suffices: nobody outside the account reads it",
            ),
        ),
    )
