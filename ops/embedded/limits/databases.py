"""RDS: passwords, names, storage, and times, and what a request refers to.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services import ec2, rds

from ops.embedded.limits import keys
from ops.embedded.limits.problems import Parameters, Problem, Rule

SEAMS = (
    "ministack.services.ec2._ensure_defaults_initialized",
    "ministack.services.ec2._security_groups",
    "ministack.services.ec2._subnets",
    "ministack.services.rds._clusters",
    "ministack.services.rds._db_cluster_snapshots",
    "ministack.services.rds._instances",
    "ministack.services.rds._snapshots",
    "ministack.services.rds._subnet_groups",
)

INVALID, COMBINATION = "InvalidParameterValue", "InvalidParameterCombination"
ENGINES = frozenset(
    "aurora-mysql aurora-postgresql custom-oracle-ee custom-oracle-ee-cdb custom-oracle-se2 custom- "
    "oracle-se2-cdb custom-sqlserver-ee custom-sqlserver-se custom-sqlserver-web custom-sqlserver-dev "
    "db2-ae db2-se mariadb mysql oracle-ee oracle-ee-cdb oracle-se2 oracle-se2-cdb postgres "
    "sqlserver-ee sqlserver-se sqlserver-ex sqlserver-web sqlserver-dev-ee docdb neptune".split()
)
PASSWORD_LEAST = 8
# The beginning of an engine's name, and the most characters of a password, a user's name, and a database's.
LENGTHS = (
    ("aurora-mysql", 41, 16, 64),
    ("aurora-postgresql", 41, 63, 63),
    ("mariadb", 41, 16, 64),
    ("mysql", 41, 16, 64),
    ("postgres", 128, 63, 63),
    ("oracle", 30, 30, 8),
    ("sqlserver", 128, 128, 0),
)
# The beginning of an engine's name, and the least and the most GiB of general purpose storage.
STORAGE_GIB = (
    ("mariadb", 20, 65_536),
    ("mysql", 20, 65_536),
    ("postgres", 20, 65_536),
    ("oracle", 20, 65_536),
)
PORTS = (1150, 65_535)
BACKUP_DAYS, CLUSTER_BACKUP_DAYS = (0, 35), (1, 35)
MONITORING_S = (0, 1, 5, 10, 15, 30, 60)
SNAPSHOTS = 100
RESERVED_USERS = frozenset({"rdsadmin", "rdsrepladmin"})
# Words that PostgreSQL reserves, and names that RDS for PostgreSQL does:
# https://www.postgresql.org/docs/16/sql-keywords-appendix.html
RESERVED_POSTGRES = frozenset(
    "admin all analyze and any array as asc asymmetric both case cast check collate column "
    "constraint create current_date current_role current_time current_timestamp current_user default "
    "deferrable desc distinct do else end except false fetch for foreign from grant group having in "
    "initially intersect into lateral leading limit localtime localtimestamp not null offset on only "
    "or order placing primary rds_superuser references returning select session_user some symmetric "
    "table then to trailing true union unique user using variadic when where window with".split()
)
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_MAINTENANCE = re.compile(
    rf"({_DAYS}):([01]\d|2[0-3]):[0-5]\d-({_DAYS}):([01]\d|2[0-3]):[0-5]\d", re.IGNORECASE
)
_CLASS = re.compile(r"db\.([a-z0-9-]+\.[a-z0-9.]+|serverless)")


def create_instance(parameters: Parameters) -> Iterator[Problem]:
    engine = str(parameters.get("Engine", ""))
    yield from _engine(engine)
    yield from _instance(parameters)
    yield from _references(parameters)
    if parameters.get("DBClusterIdentifier"):
        return
    yield from _login(parameters, engine)
    yield from _name(parameters.get("DBName"), "DBName", _length(engine, 3))
    yield from _storage(parameters, engine)
    yield from _key(parameters.get("KmsKeyId"))


def create_cluster(parameters: Parameters) -> Iterator[Problem]:
    engine = str(parameters.get("Engine", ""))
    yield from _engine(engine)
    yield from _references(parameters)
    yield from _times(parameters, CLUSTER_BACKUP_DAYS)
    if not (parameters.get("GlobalClusterIdentifier") or parameters.get("ReplicationSourceIdentifier")):
        yield from _login(parameters, engine)
    yield from _name(parameters.get("DatabaseName"), "DatabaseName", _length(engine, 3))
    yield from _key(parameters.get("KmsKeyId"))


def modify_instance(parameters: Parameters) -> Iterator[Problem]:
    record = rds._instances.get(parameters.get("DBInstanceIdentifier", "")) or {}
    yield from _instance(parameters)
    yield from _references(parameters)
    if (password := parameters.get("MasterUserPassword")) is not None:
        yield from _password(password, str(record.get("Engine", "")))
    allocated = parameters.get("AllocatedStorage")
    if allocated and int(allocated) < int(record.get("AllocatedStorage") or 0):
        yield Problem(INVALID, "The allocated storage of a DB instance cannot be reduced.")


def modify_cluster(parameters: Parameters) -> Iterator[Problem]:
    record = rds._clusters.get(parameters.get("DBClusterIdentifier", "")) or {}
    yield from _times(parameters, CLUSTER_BACKUP_DAYS)
    if (password := parameters.get("MasterUserPassword")) is not None:
        yield from _password(password, str(record.get("Engine", "")))


def subnet_group(parameters: Parameters) -> Iterator[Problem]:
    """Yield a group whose subnets are all in one Availability Zone; the emulator checks that they exist."""
    subnets = [ec2._subnets.get(id_) or {} for id_ in parameters.get("SubnetIds") or []]
    zones = {subnet.get("AvailabilityZone") for subnet in subnets}
    if len(zones) == 1 and None not in zones:
        yield Problem(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ "
            f"coverage: {zones.pop()}. Add subnets to cover at least 2 AZs.",
        )


def restore(parameters: Parameters) -> Iterator[Problem]:
    yield from _instance(parameters)
    yield from _references(parameters)


def restore_instance(parameters: Parameters) -> Iterator[Problem]:
    yield from restore(parameters)
    yield from _key(_snapshot(rds._snapshots, parameters.get("DBSnapshotIdentifier")).get("KmsKeyId"))


def restore_cluster(parameters: Parameters) -> Iterator[Problem]:
    yield from restore(parameters)
    snapshot = _snapshot(rds._db_cluster_snapshots, parameters.get("SnapshotIdentifier"))
    yield from _key(parameters.get("KmsKeyId") or snapshot.get("KmsKeyId"))


def new_snapshot(parameters: Parameters) -> Iterator[Problem]:
    yield from _quota(rds._snapshots)
    yield from _copy(_snapshot(rds._snapshots, parameters.get("SourceDBSnapshotIdentifier")), parameters)


def new_cluster_snapshot(parameters: Parameters) -> Iterator[Problem]:
    yield from _quota(rds._db_cluster_snapshots)
    source = _snapshot(rds._db_cluster_snapshots, parameters.get("SourceDBClusterSnapshotIdentifier"))
    yield from _copy(source, parameters)


def _snapshot(snapshots: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """Return the snapshot of this account, or an empty record: another account's is copied first."""
    return snapshots.get(str(name or "").rpartition(":")[2]) or {}


def _copy(source: Mapping[str, Any], parameters: Parameters) -> Iterator[Problem]:
    yield from _key(parameters.get("KmsKeyId"))
    yield from _key(source.get("KmsKeyId"), "kms:Decrypt")


def _key(key: Any, action: str = "kms:CreateGrant") -> Iterator[Problem]:
    """Yield a KMS key that RDS cannot use for the caller.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
    """
    if key and keys.problem(str(key), action, "rds", keys.caller.get()):
        yield Problem(
            "KMSKeyNotAccessibleFault",
            f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to "
            "access it.",
        )


def _quota(snapshots: Mapping[str, Any]) -> Iterator[Problem]:
    """Manual snapshots are limited per account and Region; the quota of a new account is 100."""
    manual = sum(record.get("SnapshotType", "manual") == "manual" for record in snapshots.values())
    if manual >= SNAPSHOTS:
        yield Problem("SnapshotQuotaExceeded", f"Cannot create more than {SNAPSHOTS} manual snapshots")


def _engine(engine: str) -> Iterator[Problem]:
    if engine not in ENGINES:
        yield Problem(INVALID, f"Invalid DB engine: {engine}")


def _instance(parameters: Parameters) -> Iterator[Problem]:
    class_ = parameters.get("DBInstanceClass")
    if class_ is not None and not _CLASS.fullmatch(class_):
        yield Problem(INVALID, f"Invalid DB Instance class: {class_}")
    interval = int(parameters.get("MonitoringInterval") or 0)
    if interval not in MONITORING_S:
        allowed = ", ".join(map(str, MONITORING_S))
        yield Problem(INVALID, f"Invalid monitoring interval: {interval}. Valid values: {allowed}")
    elif interval and not parameters.get("MonitoringRoleArn"):
        message = (
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
        )
        yield Problem(COMBINATION, message)
    yield from _times(parameters, BACKUP_DAYS)


def _times(parameters: Parameters, days: tuple[int, int]) -> Iterator[Problem]:
    """Yield what is wrong with the port, the backups, and the windows."""
    port = parameters.get("Port", parameters.get("DBPortNumber"))
    if port is not None and not PORTS[0] <= int(port) <= PORTS[1]:
        yield Problem(INVALID, f"Invalid database port: {port}. Valid values: {PORTS[0]}-{PORTS[1]}")
    kept = parameters.get("BackupRetentionPeriod")
    if kept is not None and not days[0] <= int(kept) <= days[1]:
        least, most = days
        yield Problem(
            INVALID, f"Invalid backup retention period: {kept}. It must be between {least} and {most}."
        )
    window = parameters.get("PreferredBackupWindow")
    if window is not None and _minutes(window) < 30:
        yield Problem(
            INVALID,
            f"Invalid backup window: {window}. It has the form hh24:mi-hh24:mi and 30 minutes at least.",
        )
    maintenance = parameters.get("PreferredMaintenanceWindow")
    if maintenance is not None and not _MAINTENANCE.fullmatch(maintenance):
        yield Problem(
            INVALID, f"Invalid maintenance window: {maintenance}. It has the form ddd:hh24:mi-ddd:hh24:mi."
        )


def _minutes(window: str) -> int:
    match = _WINDOW.fullmatch(window)
    if not match:
        return 0
    start, end = (int(match[part]) * 60 + int(match[part + 1]) for part in (1, 3))
    return (end - start) % (24 * 60)


def _login(parameters: Parameters, engine: str) -> Iterator[Problem]:
    name, password = parameters.get("MasterUsername"), parameters.get("MasterUserPassword")
    managed = str(parameters.get("ManageMasterUserPassword") or "").lower() == "true"
    if not name:
        yield Problem(INVALID, "The parameter MasterUsername must be provided and must not be blank.")
    else:
        yield from _user(str(name), engine)
    if managed and password:
        yield Problem(COMBINATION, "Specify MasterUserPassword or ManageMasterUserPassword, not both.")
    elif not managed and not password:
        yield Problem(INVALID, "The parameter MasterUserPassword must be provided and must not be blank.")
    elif password:
        yield from _password(str(password), engine)


def _user(name: str, engine: str) -> Iterator[Problem]:
    most = _length(engine, 2)
    letters = r"[A-Za-z][A-Za-z0-9_]*" if "postgres" in engine else r"[A-Za-z][A-Za-z0-9]*"
    if (
        engine.startswith(("mysql", "mariadb", "aurora", "postgres")) and not re.fullmatch(letters, name)
    ) or (most and len(name) > most):
        yield Problem(
            INVALID,
            f"The parameter MasterUsername is not a valid identifier: '{name}'. It must begin with a letter, "
            f"and have at most {most} letters and digits.",
        )
    elif name.lower() in RESERVED_USERS or ("postgres" in engine and name.lower() in RESERVED_POSTGRES):
        yield Problem(
            INVALID, f"MasterUsername {name} cannot be used as it is a reserved word used by the engine"
        )


def _password(password: str, engine: str) -> Iterator[Problem]:
    invalid, most = "The parameter MasterUserPassword is not a valid password", _length(engine, 1)
    if len(password) < PASSWORD_LEAST:
        yield Problem(INVALID, f"{invalid} because it is shorter than {PASSWORD_LEAST} characters.")
    elif most and len(password) > most:
        yield Problem(INVALID, f"{invalid} because it is longer than {most} characters.")
    elif not re.fullmatch(r"[!#-.0-?A-~]+", password):
        yield Problem(
            INVALID,
            f"{invalid}. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
        )


def _name(name: Any, parameter: str, most: int) -> Iterator[Problem]:
    if name and not (re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and (not most or len(name) <= most)):
        yield Problem(
            INVALID, f"{parameter} must begin with a letter and contain only alphanumeric characters."
        )


def _storage(parameters: Parameters, engine: str) -> Iterator[Problem]:
    for prefix, least, most in STORAGE_GIB:
        if engine.startswith(prefix):
            size = parameters.get("AllocatedStorage")
            if size is None:
                yield Problem(COMBINATION, "The parameter AllocatedStorage must be provided.")
            elif not least <= int(size) <= most:
                kind = parameters.get("StorageType") or "gp2"
                yield Problem(
                    COMBINATION,
                    f"Invalid storage size for engine name {engine} and storage type {kind}: {size}",
                )


def _references(parameters: Parameters) -> Iterator[Problem]:
    """Yield the groups that do not exist."""
    group = parameters.get("DBSubnetGroupName")
    if group and group not in rds._subnet_groups and group != "default":
        yield Problem("DBSubnetGroupNotFoundFault", f"DB subnet group '{group}' does not exist.", 404)
    ec2._ensure_defaults_initialized()
    for id_ in parameters.get("VpcSecurityGroupIds") or []:
        if id_ not in ec2._security_groups:
            yield Problem(INVALID, f"Invalid security group , groupId= {id_}, groupName=")


def _length(engine: str, column: int) -> int:
    return next((int(row[column]) for row in LENGTHS if engine.startswith(str(row[0]))), 0)


RULES: Mapping[str, Rule] = {
    "CopyDBClusterSnapshot": new_cluster_snapshot,
    "CopyDBSnapshot": new_snapshot,
    "CreateDBCluster": create_cluster,
    "CreateDBClusterSnapshot": new_cluster_snapshot,
    "CreateDBInstance": create_instance,
    "CreateDBSnapshot": new_snapshot,
    "CreateDBSubnetGroup": subnet_group,
    "ModifyDBCluster": modify_cluster,
    "ModifyDBInstance": modify_instance,
    "RestoreDBClusterFromSnapshot": restore_cluster,
    "RestoreDBInstanceFromDBSnapshot": restore_instance,
}
