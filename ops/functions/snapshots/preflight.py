"""What a run needs, read and judged before anything is created."""

import hashlib
import os
import re
from datetime import datetime, timedelta

from ops.functions.snapshots.ground import (
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
from ops.functions.snapshots.kinds import CLUSTERS, INSTANCES, KINDS, Database, Kind, writer_of

SUPPORTED = {"instance": ("postgres", "mysql", "mariadb"), "cluster": ("aurora-postgresql", "aurora-mysql")}
LONGEST_RUN = timedelta(days=3)  # what is older than that is nobody's any more: for a reader of tags
MAXIMUM_SHARES = 20  # accounts a snapshot: Amazon RDS User Guide, "Sharing a DB snapshot"


def preflight(run: Record) -> Record:
    """Reads what the run needs and refuses what cannot work. `run`: name, started (ISO 8601)."""
    word, database = find_source()
    _check_shares(database)
    _check_options(database)
    _check_scripts()
    final = _final_id(run["started"], KINDS[word])
    if (taken := KINDS[word].snapshot(final)) and not is_ours(taken.tags, run["name"]):
        raise PreflightFailed(f"A snapshot named {final} exists already. Choose another name format.")
    name = database.raw.get("DBName") or database.raw.get("DatabaseName")
    return {
        "name": run["name"],
        "kind": word,
        "temporary": PREFIX + hashlib.sha256(run["name"].encode()).hexdigest()[:10],
        "final": final,
        "expires": f"{_moment(run['started']) + LONGEST_RUN:%Y-%m-%dT%H:%MZ}",
        "user": database.raw["MasterUsername"],
        "database": os.environ["DATABASE"] or name or _own_database(database.engine),
        "instance_class": os.environ["INSTANCE_CLASS"] or _class_of(database),
        "take_snapshot": os.environ["USE_LATEST_SNAPSHOT"] != "true",
    }


def _own_database(engine: str) -> str:
    """One that every server of the engine has."""
    return "postgres" if "postgres" in engine else "mysql"


def find_source() -> tuple[str, Database]:
    """The source and its kind. Refused by name: what cannot be copied, sanitized and shared."""
    instance, cluster = INSTANCES.database(SOURCE), CLUSTERS.database(SOURCE)
    if instance and cluster:
        raise PreflightFailed(f"{SOURCE} is the name of an instance and of a cluster: rename one of them.")
    if instance and (parent := instance.raw.get("DBClusterIdentifier")):
        raise PreflightFailed(f"{SOURCE} is a member of the cluster {parent}: make a pipeline for that.")
    database = instance or cluster
    if not database:
        raise PreflightFailed(f"There is no database {SOURCE} in this account and region.")
    word = "cluster" if cluster else "instance"
    if database.engine not in SUPPORTED[word]:
        what = (
            f"a Multi-AZ DB cluster of {database.engine}" if _is_multi_az(word, database) else database.engine
        )
        raise PreflightFailed(
            f"{SOURCE} runs {what}; a pipeline can sanitize "
            f"{', '.join(engine for engines in SUPPORTED.values() for engine in engines)} only."
        )
    if database.raw.get("EngineMode") == "serverless":
        raise PreflightFailed(f"{SOURCE} is Aurora Serverless v1, in which no instance can be made.")
    return word, database


def _is_multi_az(word: str, database: Database) -> bool:
    """Their snapshots cannot be shared: Amazon RDS User Guide, "Multi-AZ DB cluster limitations"."""
    return word == "cluster" and database.engine in ("postgres", "mysql")


def _class_of(database: Database) -> str:
    if wanted := database.raw.get("DBInstanceClass"):
        return str(wanted)
    if writer := writer_of(database.raw):
        return str(writer.raw["DBInstanceClass"])
    raise PreflightFailed(f"{SOURCE} has no instance to take the class from: give the pipeline one.")


def _check_shares(database: Database) -> None:
    if bad := [account for account in SHARE_WITH if not re.fullmatch(r"\d{12}", account)]:
        raise PreflightFailed(f"{bad[0]!r} is not an account id: it has 12 digits.")
    if len(SHARE_WITH) > MAXIMUM_SHARES:
        raise PreflightFailed(
            f"A snapshot is shared with {MAXIMUM_SHARES} accounts at most, not {len(SHARE_WITH)}."
        )
    key = KMS_KEY or database.key
    if SHARE_WITH and key and kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"] == "AWS":
        raise PreflightFailed(
            f"{SOURCE} would be encrypted with the account's default key: its snapshots cannot be shared. "
            "Give the pipeline a customer managed key, or share with none."
        )


def _check_options(database: Database) -> None:
    """Persistent and permanent options (TDE) can be neither shared nor taken off a copy."""
    for membership in database.raw.get("OptionGroupMemberships", []):
        name = membership["OptionGroupName"]
        if name.startswith("default:"):
            continue
        (group,) = rds.describe_option_groups(OptionGroupName=name)["OptionGroupsList"]
        if stay := [o["OptionName"] for o in group["Options"] if o.get("Persistent") or o.get("Permanent")]:
            raise PreflightFailed(
                f"{SOURCE} has the option {stay[0]} of the group {name}, which stays with every copy: "
                "its snapshots cannot be shared."
            )


def _check_scripts() -> None:
    bucket, prefix = os.environ["SCRIPT_BUCKET"], os.environ["SCRIPT_PREFIX"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix.rstrip("/") + "/").get("Contents", [])
    scripts = [item for item in listed if item["Key"].endswith(".sql")]
    if not scripts:
        raise PreflightFailed(
            f"There is no .sql script under s3://{bucket}/{prefix}: nothing would be sanitized."
        )
    if empty := [item["Key"] for item in scripts if item["Size"] == 0]:
        raise PreflightFailed(f"The script s3://{bucket}/{empty[0]} is empty.")


def _final_id(started: str, kind: Kind) -> str:
    moment = _moment(started)
    fields = {"database": SOURCE, "date": f"{moment:%Y%m%d}", "time": f"{moment:%H%M%S}"}
    name = re.sub(r"\{(\w+)\}", lambda m: fields.get(m[1], m[0]), os.environ["NAME_FORMAT"]).lower()
    if len(name) > kind.longest or not re.fullmatch(r"[a-z](-?[a-z0-9])*", name):
        raise PreflightFailed(
            f"The name format gives {name!r}, which is not a snapshot id: a letter first, then letters, "
            f"digits and single hyphens, {kind.longest} at most. "
            "It may hold {database}, {date} and {time}."
        )
    return name


def _moment(started: str) -> datetime:
    return datetime.fromisoformat(started.replace("Z", "+00:00"))
