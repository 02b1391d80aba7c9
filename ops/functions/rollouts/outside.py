"""The values outside a stack that it refers to: read before a rollout, and compared after its rollback.

Of an SSM parameter, version and value are kept; of a secure one the version, of a secret the id of its
current version: never a value.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.functions.rollouts.aws import error_code, target_client
from ops.functions.rollouts.recorded import RecordedStack
from ops.functions.rollouts.references import reference, ssm_parameter
from ops.rollouts.rules.model import RolloutTarget

Record = dict[str, Any]

CURRENT = "AWSCURRENT"


def read_values(target: RolloutTarget, names: Iterable[str]) -> dict[str, Record]:
    """Return what can be known of each value; of one that cannot be read, nothing but the error."""
    return {name: _read(target, name) for name in names}


def _read(target: RolloutTarget, name: str) -> Record:
    found = reference(name)
    if not found:
        return {}
    service, key = found
    try:
        if service == "secretsmanager":
            secret = target_client(service, target.account, target.region).describe_secret(SecretId=key)
            versions = secret.get("VersionIdsToStages", {})
            return {"version": next((id_ for id_, stages in versions.items() if CURRENT in stages), "")}
        parameter = target_client("ssm", target.account, target.region).get_parameter(Name=key)["Parameter"]
    except ClientError as error:
        return {"error": error_code(error)}
    except BotoCoreError as error:
        return {"error": type(error).__name__}
    version = {"version": str(parameter["Version"])}
    return version if parameter["Type"] == "SecureString" else {**version, "value": parameter["Value"]}


def moved_values(before: RecordedStack, now: RecordedStack, values: dict[str, Record]) -> Iterator[str]:
    """Yield the values that are not verified to be those of the record, each with the reason."""
    for name in before.outside:
        if key := ssm_parameter(name):
            if before.resolved.get(key) != now.resolved.get(key) or key not in before.resolved:
                yield f"{name}, changed since"
            continue
        then, current = (before.values or {}).get(name, {}), values.get(name, {})
        if not then or not current:
            yield f"{name}, not comparable"
        elif "error" in then or "error" in current:
            yield f"{name}, not read: {current.get('error') or then['error']}"
        elif then["version"] != current["version"] and then.get("value", "") != current.get("value", None):
            yield f"{name}, changed since: version {then['version']} → {current['version']}"
