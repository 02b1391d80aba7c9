"""Changes of databases that the emulator lacks: another name, and a password that RDS manages itself.

Source: Amazon RDS API Reference, ModifyDBInstance and ModifyDBCluster.
"""

import json
import secrets
import uuid
from typing import Any

from ministack.services import rds, secretsmanager

from ops.embedded.rds.common import Answer, Record, Request, arn, error, parameter

SEAMS = (
    "ministack.services.rds._instance_xml",
    "ministack.services.secretsmanager.create_secret_in_process",
    "ministack.services.secretsmanager.delete_secret_in_process",
)

_SECRET = "MasterUserSecret"


def show_secrets() -> None:
    """An instance's description names its secret; a cluster's does so in the emulator."""
    xml = rds._instance_xml
    rds._instance_xml = lambda instance: xml(instance) + _secret_xml(instance)


def _secret_xml(instance: Record) -> str:
    secret = instance.get(_SECRET)
    if not secret:
        return ""
    members = "".join(f"<{name}>{value}</{name}>" for name, value in secret.items())
    return f"<MasterUserSecret>{members}</MasterUserSecret>"


def managed_password(record: Record, request: Request) -> str | Answer:
    """The new password, when the request lets RDS manage it; else empty. Its secret is still being made."""
    if parameter(request, "ManageMasterUserPassword") != "true":
        return ""
    if parameter(request, "MasterUserPassword"):
        return error("InvalidParameterCombination", "Give MasterUserPassword or let RDS manage it, not both.")
    if record.get(_SECRET):
        return ""
    password = secrets.token_urlsafe(24)
    kind = "db" if "DBInstanceIdentifier" in record else "cluster"
    held = json.dumps({"username": record["MasterUsername"], "password": password})
    made = secretsmanager.create_secret_in_process(f"rds!{kind}-{uuid.uuid4()}", held)
    key = parameter(request, "MasterUserSecretKmsKeyId") or "alias/aws/secretsmanager"
    record[_SECRET] = {"SecretArn": made, "SecretStatus": "creating", "KmsKeyId": key}
    return password


def secret_is_active(record: Record) -> None:
    if record.get(_SECRET):
        record[_SECRET]["SecretStatus"] = "active"


def forget_secret(record: Record) -> None:
    """RDS deletes it with the database."""
    if secret := record.pop(_SECRET, None):
        secretsmanager.delete_secret_in_process(secret["SecretArn"])


def rename(records: Any, record: Record, db: str, new: str) -> None:
    """Files the record under its new name; `db` is DBInstance or DBCluster."""
    kind = "db" if db == "DBInstance" else "cluster"
    old, old_arn = record[f"{db}Identifier"], record[f"{db}Arn"]
    record.update({f"{db}Identifier": new, f"{db}Arn": arn(kind, new)})
    rds._tags[record[f"{db}Arn"]] = rds._tags.pop(old_arn, [])
    records[new] = record
    del records[old]
    if db == "DBCluster":
        for member in rds._instances.values():
            if member.get("DBClusterIdentifier") == old:  # a restored instance has none
                member.update(DBClusterIdentifier=new, _shared_cluster_id=new)


def check_rename(records: Any, request: Request, db: str) -> Answer | None:
    new = parameter(request, f"New{db}Identifier")
    if not new or new not in records:
        return None
    taken = "DBInstanceAlreadyExists" if db == "DBInstance" else "DBClusterAlreadyExistsFault"
    return error(taken, f"{db} {new} already exists.")
