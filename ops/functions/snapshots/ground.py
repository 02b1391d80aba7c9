"""What the parts of the snapshot pipeline's handler stand on: its environment, clients, errors and tags."""

import os
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Record = dict[str, Any]
Tags = list[dict[str, str]]

PIPELINE = os.environ["PIPELINE"]  # the stack's name: value of the tag slipway:pipeline
PREFIX = os.environ["PREFIX"]  # of every temporary id; the role may touch no other database
SOURCE = os.environ["SOURCE"]
KMS_KEY = os.environ["KMS_KEY"]
SHARE_WITH = tuple(account for account in os.environ["SHARE_WITH"].split(",") if account)
EVENTS_MINUTES = 24 * 60
THROTTLED = (
    "RequestLimitExceeded",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)

# All tries of a call end within the function's own time: what runs on after it would create unseen.
_config = Config(retries={"mode": "adaptive", "max_attempts": 4}, connect_timeout=3, read_timeout=10)
_make: Any = boto3.client  # one type for all: the runtime has no stubs
rds, kms, s3, secrets, states, logs, sns = (
    _make(name, config=_config)
    for name in ("rds", "kms", "s3", "secretsmanager", "stepfunctions", "logs", "sns")
)


class NotReady(Exception):
    """Not an error: look again later. The state machine retries on this name."""


class Throttled(Exception):
    """AWS throttled a call through all retries; the state machine waits and retries."""


class PreflightFailed(Exception):
    """The run cannot work; nothing was created."""


class ProofFailed(Exception):
    """The sanitized copy is not proven clean: nothing is snapshotted."""


class ResourceFailed(Exception):
    """A temporary resource has failed, vanished, or is not this run's."""


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def once(create: Callable[[], object], find: Callable[[], dict[str, str] | None], run: Record) -> None:
    """Creates, or finds that an earlier try of this run has created it already. `find` gives its tags."""
    try:
        create()
    except ClientError as error:
        if "AlreadyExists" not in code_of(error):
            raise
        if not is_ours(find() or {}, run["name"]):
            raise ResourceFailed(
                f"{code_of(error)}: the name is taken by something that is not this run's."
            ) from error


def temporary_tags(run: Record) -> Tags:
    tags = {
        "slipway:pipeline": PIPELINE,
        "slipway:run": run["name"],
        "slipway:temporary": "true",
        "slipway:expires": run["expires"],
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def told_of(kind: str, name: str) -> str:
    """What RDS's newest events say of a database or snapshot: why it has failed stands nowhere else."""
    try:
        found = rds.describe_events(SourceType=kind, SourceIdentifier=name, Duration=EVENTS_MINUTES)
    except ClientError:
        return ""  # the failure itself is what must be told
    return "".join(f" {event['Message']}" for event in found["Events"][-2:])


def tags_of(thing: Record) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("TagList", [])}


def is_ours(tags: dict[str, str], name: str) -> bool:
    return tags.get("slipway:pipeline") == PIPELINE and tags.get("slipway:run") == name
