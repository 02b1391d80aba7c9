"""Database changes that the emulator lacks: renames, and passwords that RDS manages.

Source: Amazon RDS API Reference, ModifyDBInstance and ModifyDBCluster.
"""

import json
import secrets
import uuid
from typing import Any

from ministack.services import rds, secretsmanager

from ops.embedded.rds.common import Record, Request, Response, arn, error, parameter

SEAMS = (
    "ministack.services.rds._instance_xml",
    "ministack.services.secretsmanager.create_secret_in_process",
    "ministack.services.secretsmanager.delete_secret_in_process",
)

_SECRET = "MasterUserSecret"


def show_secrets() -> None:
    """Show the managed secret of an instance; the emulator shows only a cluster's."""
    xml = rds._instance_xml
    rds._instance_xml = lambda instance: xml(instance) + _secret_xml(instance)


def _secret_xml(instance: Record) -> str:
    secret = instance.get(_SECRET)
    if not secret:
        return ""
    members = "".join(f"<{name}>{value}</{name}>" for name, value in secret.items())
    return f"<MasterUserSecret>{members}</MasterUserSecret>"


def managed_password(record: Record, request: Request) -> str | Response:
    """Return the new password if the request lets RDS manage it, otherwise an empty string.

    The status of its secret is `creating` until `secret_is_active`.
    """
    if parameter(request, "ManageMasterUserPassword") != "true":
        return ""
    if parameter(request, "MasterUserPassword"):
        return error(
            "InvalidParameterCombination", "Specify MasterUserPassword or ManageMasterUserPassword, not both."
        )
    if record.get(_SECRET):
        return ""
    password = secrets.token_urlsafe(24)
    resource_type = "db" if "DBInstanceIdentifier" in record else "cluster"
    secret = json.dumps({"username": record["MasterUsername"], "password": password})
    secret_arn = secretsmanager.create_secret_in_process(f"rds!{resource_type}-{uuid.uuid4()}", secret)
    key = parameter(request, "MasterUserSecretKmsKeyId") or "alias/aws/secretsmanager"
    record[_SECRET] = {"SecretArn": secret_arn, "SecretStatus": "creating", "KmsKeyId": key}
    return password


def secret_is_active(record: Record) -> None:
    if record.get(_SECRET):
        record[_SECRET]["SecretStatus"] = "active"


def forget_secret(record: Record) -> None:
    """Delete the secret, as RDS does with the database."""
    if secret := record.pop(_SECRET, None):
        secretsmanager.delete_secret_in_process(secret["SecretArn"])


def rename(records: Any, record: Record, db: str, new: str) -> None:
    """Store the record under its new name; `db` is DBInstance or DBCluster."""
    resource_type = "db" if db == "DBInstance" else "cluster"
    old, old_arn = record[f"{db}Identifier"], record[f"{db}Arn"]
    record.update({f"{db}Identifier": new, f"{db}Arn": arn(resource_type, new)})
    rds._tags[record[f"{db}Arn"]] = rds._tags.pop(old_arn, [])
    records[new] = record
    del records[old]
    if db == "DBCluster":
        for member in rds._instances.values():
            if member.get("DBClusterIdentifier") == old:  # restored instances lack this key
                member.update(DBClusterIdentifier=new, _shared_cluster_id=new)


def check_rename(records: Any, request: Request, db: str) -> Response | None:
    new = parameter(request, f"New{db}Identifier")
    if not new or new not in records:
        return None
    taken = "DBInstanceAlreadyExists" if db == "DBInstance" else "DBClusterAlreadyExistsFault"
    return error(taken, f"{db} {new} already exists.")
