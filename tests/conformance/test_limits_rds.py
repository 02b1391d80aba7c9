"""RDS: passwords, names, storage, and what a request refers to."""

from typing import Any

import pytest

from tests.conformance.callers import Account, error, unique

INVALID, COMBINATION = "InvalidParameterValue", "InvalidParameterCombination"
LOGIN = {"MasterUsername": "owner1", "MasterUserPassword": "eight-88"}


def instance(**more: Any) -> dict[str, Any]:
    """Return the parameters of an instance that is a record only: no server starts."""
    return {
        "DBInstanceIdentifier": unique("db"),
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "oracle-se2",
        "AllocatedStorage": 20,
        **LOGIN,
        **more,
    }


@pytest.mark.parametrize(
    ("password", "engine", "said"),
    [
        ("seven-7", "oracle-se2", "shorter than 8 characters"),
        ("with/slash", "oracle-se2", "Only printable ASCII characters"),
        ("with@sign", "postgres", "Only printable ASCII characters"),
        ('with"quote', "postgres", "Only printable ASCII characters"),
        ("with space", "postgres", "Only printable ASCII characters"),
        ("passwörter", "postgres", "Only printable ASCII characters"),
        ("x" * 129, "postgres", "longer than 128 characters"),
        ("x" * 42, "mysql", "longer than 41 characters"),
    ],
    ids=["short", "slash", "at", "quote", "space", "letter", "postgres", "mysql"],
)
def test_a_master_password_has_a_shape(account: Account, password: str, engine: str, said: str) -> None:
    """A master password has 8 characters or more, of printable ASCII without /, @, ", and space.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    """
    rds = account.client("rds")
    given = instance(MasterUserPassword=password, Engine=engine)
    code, message = error(rds.create_db_instance, **given)
    assert code == INVALID and said in message
    cluster = {"DBClusterIdentifier": unique("c"), "Engine": "aurora-postgresql", **LOGIN}
    code, _ = error(rds.create_db_cluster, **{**cluster, "MasterUserPassword": password})
    assert code == INVALID


def test_a_new_master_password_has_the_same_shape(account: Account) -> None:
    """A change of the master password has the same constraints.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
    """
    rds, given = account.client("rds"), instance()
    rds.create_db_instance(**given)
    rds.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier=given["DBInstanceIdentifier"], WaiterConfig={"Delay": 1}
    )
    name = given["DBInstanceIdentifier"]
    code, message = error(rds.modify_db_instance, DBInstanceIdentifier=name, MasterUserPassword="short")
    assert code == INVALID and "shorter than 8" in message


WRONG: list[Any] = [
    pytest.param({"Engine": "postgres", "MasterUsername": "9owner"}, INVALID, "MasterUsername", id="user"),
    pytest.param({"Engine": "mysql", "MasterUsername": "u" * 17}, INVALID, "MasterUsername", id="long user"),
    pytest.param({"MasterUsername": "rdsadmin"}, INVALID, "reserved word", id="rdsadmin"),
    pytest.param({"Engine": "postgres", "MasterUsername": "user"}, INVALID, "reserved word", id="reserved"),
    pytest.param({"Engine": "postgres", "DBName": "9db"}, INVALID, "DBName", id="database"),
    pytest.param({"Engine": "postgres", "AllocatedStorage": 19}, COMBINATION, "storage size", id="small"),
    pytest.param({"Engine": "mysql", "AllocatedStorage": 70_000}, COMBINATION, "storage size", id="large"),
    pytest.param({"Engine": "postgresql"}, INVALID, "Invalid DB engine: postgresql", id="engine"),
    pytest.param({"DBInstanceClass": "t4g.micro"}, INVALID, "Invalid DB Instance class", id="class"),
    pytest.param({"BackupRetentionPeriod": 36}, INVALID, "Invalid backup retention period: 36", id="backup"),
    pytest.param({"Port": 1149}, INVALID, "port", id="port"),
    pytest.param({"PreferredBackupWindow": "10:00-10:29"}, INVALID, "backup window", id="window"),
    pytest.param({"PreferredMaintenanceWindow": "10:00-11:00"}, INVALID, "maintenance", id="maintenance"),
    pytest.param({"MonitoringInterval": 20}, INVALID, "monitoring interval: 20", id="interval"),
    pytest.param({"MonitoringInterval": 60}, COMBINATION, "MonitoringRoleARN", id="role"),
    pytest.param({"ManageMasterUserPassword": True}, COMBINATION, "ManageMasterUserPassword", id="managed"),
    pytest.param({"MasterUserPassword": None}, INVALID, "must be provided", id="no password"),
    pytest.param({"DBSubnetGroupName": "none"}, "DBSubnetGroupNotFoundFault", "none", id="subnet group"),
    pytest.param({"VpcSecurityGroupIds": ["sg-0badbad0"]}, INVALID, "groupId= sg-0badbad0", id="group"),
]


@pytest.mark.parametrize(("given", "code", "said"), WRONG)
def test_an_instance_has_limits(account: Account, given: dict[str, Any], code: str, said: str) -> None:
    """An instance has valid names, storage, times, and monitoring, and groups that exist.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    """
    arguments = {name: value for name, value in instance(**given).items() if value is not None}
    answered, message = error(account.client("rds").create_db_instance, **arguments)
    assert answered == code and said in message


def test_manual_snapshots_have_a_quota(account: Account) -> None:
    """An account has at most 100 manual snapshots of instances in a Region.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
    """
    rds, given = account.other().client("rds", "us-east-1"), instance()
    name = given["DBInstanceIdentifier"]
    rds.create_db_instance(**given)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 1})
    existing = len(rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"])
    for number in range(100 - existing):
        rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=f"quota-{number}")
    code, _ = error(rds.create_db_snapshot, DBInstanceIdentifier=name, DBSnapshotIdentifier="one-more")
    assert code == "SnapshotQuotaExceeded"


def test_an_instance_under_modification_has_a_status(account: Account) -> None:
    """An instance that is being modified has the status `modifying`.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
    """
    rds, given = account.client("rds"), instance()
    name = {"DBInstanceIdentifier": given["DBInstanceIdentifier"]}
    rds.create_db_instance(**given)
    rds.get_waiter("db_instance_available").wait(**name, WaiterConfig={"Delay": 1})
    changed = rds.modify_db_instance(**name, BackupRetentionPeriod=3, ApplyImmediately=True)
    assert changed["DBInstance"]["DBInstanceStatus"] == "modifying"
    rds.get_waiter("db_instance_available").wait(**name, WaiterConfig={"Delay": 1})


def test_a_subnet_group_has_two_availability_zones(account: Account) -> None:
    """The subnets of a DB subnet group are in at least two Availability Zones.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html
    """
    ec2, rds = account.client("ec2"), account.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"eu-west-1{zone}")
        for number, zone in enumerate("aab")
    ]
    ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
    group = {"DBSubnetGroupName": unique("group"), "DBSubnetGroupDescription": "test"}
    code, _ = error(rds.create_db_subnet_group, SubnetIds=ids[:2], **group)
    assert code == "DBSubnetGroupDoesNotCoverEnoughAZs"
    rds.create_db_subnet_group(SubnetIds=ids[1:], **group)
