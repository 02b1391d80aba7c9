"""The checks at the start of a run, before anything is created."""

import hashlib
import os
import re
from datetime import datetime, timedelta

from ops.functions.snapshots.common import (
    KMS_KEY,
    PREFIX,
    SHARE_WITH,
    SOURCE,
    PreflightFailed,
    Record,
    is_ours,
    kms,
    rds,
    s3,
)
from ops.functions.snapshots.kinds import (
    CLUSTERS,
    INSTANCES,
    KINDS,
    DatabaseDescription,
    DatabaseKind,
    writer_of,
)

SUPPORTED = {"instance": ("postgres", "mysql", "mariadb"), "cluster": ("aurora-postgresql", "aurora-mysql")}
LONGEST_RUN = timedelta(days=3)  # for the tag slipway:expires: older temporary resources are leftovers
MAXIMUM_SHARES = 20  # accounts per snapshot: Amazon RDS User Guide, "Sharing a DB snapshot"


def preflight(run: Record) -> Record:
    """Check everything that the run needs, and return the run. Input: name, started (ISO 8601)."""
    kind, database = find_source()
    _check_shares(database)
    _check_options(database)
    _check_scripts()
    rebuild = os.environ["METHOD"] == "rebuild"
    if rebuild and kind == "cluster":
        raise PreflightFailed(
            f'{SOURCE} is a cluster, which cannot be rebuilt yet. Choose the method "in place".'
        )
    final = _final_id(run["started"], KINDS[kind])
    if (existing := KINDS[kind].snapshot(final)) and not is_ours(existing.tags, run["name"]):
        raise PreflightFailed(f"A snapshot named {final} already exists. Choose another name format.")
    name = database.raw.get("DBName") or database.raw.get("DatabaseName")
    temporary = PREFIX + hashlib.sha256(run["name"].encode()).hexdigest()[:10]
    return {
        "name": run["name"],
        "kind": kind,
        "temporary": temporary,
        "rebuild": rebuild,
        "new": f"{temporary}-new",
        "new_host": "",
        "new_port": "",
        "final": final,
        "expires": f"{_moment(run['started']) + LONGEST_RUN:%Y-%m-%dT%H:%MZ}",
        "user": database.raw["MasterUsername"],
        "database": os.environ["DATABASE"] or name or _default_database(database.engine),
        "instance_class": os.environ["INSTANCE_CLASS"] or _class_of(database),
        "take_snapshot": os.environ["USE_LATEST_SNAPSHOT"] != "true",
    }


def _default_database(engine: str) -> str:
    """Return the name of a database that every server of the engine has."""
    return "postgres" if "postgres" in engine else "mysql"


def find_source() -> tuple[str, DatabaseDescription]:
    """Return the source and its kind. Raises PreflightFailed if it is not supported."""
    instance, cluster = INSTANCES.database(SOURCE), CLUSTERS.database(SOURCE)
    if instance and cluster:
        raise PreflightFailed(
            f"{SOURCE} is the name of both a DB instance and a cluster. Rename one of them."
        )
    if instance and (parent := instance.raw.get("DBClusterIdentifier")):
        raise PreflightFailed(
            f"{SOURCE} is an instance of the cluster {parent}. Set up a pipeline for the cluster."
        )
    database = instance or cluster
    if not database:
        raise PreflightFailed(f"The database {SOURCE} does not exist in this account and region.")
    kind = "cluster" if cluster else "instance"
    if database.engine not in SUPPORTED[kind]:
        engine = (
            f"a Multi-AZ DB cluster of {database.engine}" if _is_multi_az(kind, database) else database.engine
        )
        raise PreflightFailed(
            f"{SOURCE} runs {engine}, which is not supported. Supported engines: "
            f"{', '.join(name for engines in SUPPORTED.values() for name in engines)}."
        )
    if database.raw.get("EngineMode") == "serverless":
        raise PreflightFailed(
            f"{SOURCE} is an Aurora Serverless v1 cluster, in which no instance can be created."
        )
    return kind, database


def _is_multi_az(kind: str, database: DatabaseDescription) -> bool:
    """Snapshots of Multi-AZ DB clusters cannot be shared: Amazon RDS User Guide, their limitations."""
    return kind == "cluster" and database.engine in ("postgres", "mysql")


def _class_of(database: DatabaseDescription) -> str:
    if instance_class := database.raw.get("DBInstanceClass"):
        return str(instance_class)
    if writer := writer_of(database.raw):
        return str(writer.raw["DBInstanceClass"])
    raise PreflightFailed(f"{SOURCE} has no writer instance. Specify an instance class in the pipeline.")


def _check_shares(database: DatabaseDescription) -> None:
    if bad := [account for account in SHARE_WITH if not re.fullmatch(r"\d{12}", account)]:
        raise PreflightFailed(f"{bad[0]!r} is not an account ID. An account ID has 12 digits.")
    if len(SHARE_WITH) > MAXIMUM_SHARES:
        raise PreflightFailed(
            f"A snapshot can be shared with at most {MAXIMUM_SHARES} accounts, not {len(SHARE_WITH)}."
        )
    key = KMS_KEY or database.key
    if SHARE_WITH and key and kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"] == "AWS":
        raise PreflightFailed(
            f"The snapshot of {SOURCE} would be encrypted with the account's default key, "
            "so it cannot be shared. "
            "Specify a customer managed key, or do not share the snapshot."
        )


def _check_options(database: DatabaseDescription) -> None:
    """Persistent and permanent options (TDE) cannot be shared, and cannot be removed from a copy."""
    for membership in database.raw.get("OptionGroupMemberships", []):
        name = membership["OptionGroupName"]
        if name.startswith("default:"):
            continue
        (group,) = rds.describe_option_groups(OptionGroupName=name)["OptionGroupsList"]
        if lasting := [
            o["OptionName"] for o in group["Options"] if o.get("Persistent") or o.get("Permanent")
        ]:
            raise PreflightFailed(
                f"{SOURCE} has the persistent or permanent option {lasting[0]} (option group {name}): "
                "its snapshots cannot be shared."
            )


def _check_scripts() -> None:
    bucket, prefix = os.environ["SCRIPT_BUCKET"], os.environ["SCRIPT_PREFIX"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.rstrip("/") + "/")
    objects = [item for page in pages for item in page.get("Contents", [])]
    scripts = [item for item in objects if item["Key"].endswith(".sql")]
    if not scripts:
        raise PreflightFailed(
            f"There are no .sql scripts in s3://{bucket}/{prefix}: nothing would be sanitized."
        )
    if empty := [item["Key"] for item in scripts if item["Size"] == 0]:
        raise PreflightFailed(f"The script s3://{bucket}/{empty[0]} is empty.")


def _final_id(started: str, kind: DatabaseKind) -> str:
    moment = _moment(started)
    fields = {"database": SOURCE, "date": f"{moment:%Y%m%d}", "time": f"{moment:%H%M%S}"}
    name = re.sub(r"\{(\w+)\}", lambda m: fields.get(m[1], m[0]), os.environ["NAME_FORMAT"]).lower()
    if len(name) > kind.longest or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise PreflightFailed(
            f"The name format produces {name!r}, which is not a valid snapshot identifier. "
            "Start with a letter; use letters, digits, and single hyphens, "
            f"at most {kind.longest} characters. "
            "Available fields: {database}, {date}, {time}."
        )
    return name


def _moment(started: str) -> datetime:
    return datetime.fromisoformat(started.replace("Z", "+00:00"))
