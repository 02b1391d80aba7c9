"""Environment, clients, errors, and tags of the snapshot pipeline's Lambda function."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

Record = dict[str, Any]
Tags = list[dict[str, str]]

PIPELINE = os.environ["PIPELINE"]  # the stack name: value of the tag slipway:pipeline
PREFIX = os.environ["PREFIX"]  # of all temporary identifiers; the role cannot change other databases
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

# All retries of a call must end before the function times out: a later one would create a resource unnoticed.
_config = Config(retries={"mode": "adaptive", "max_attempts": 4}, connect_timeout=3, read_timeout=10)
_make: Any = boto3.client  # one type for all clients: the Lambda runtime has no stubs
rds, kms, s3, secrets, states, logs, sns = (
    _make(name, config=_config)
    for name in ("rds", "kms", "s3", "secretsmanager", "stepfunctions", "logs", "sns")
)


class NotReady(Exception):
    """The resource is not ready. The state machine polls: it retries on this error name."""


class Throttled(Exception):
    """AWS throttled a call and all its retries. The state machine backs off and retries."""


class PreflightFailed(Exception):
    """The run cannot succeed. Nothing was created."""


class ProofFailed(Exception):
    """Verification of the sanitized copy failed. No snapshot is taken."""


class ResourceFailed(Exception):
    """A temporary resource failed or belongs to another run."""


class ResourceMissing(Exception):
    """A temporary resource does not exist. The state machine retries a few times.

    RDS is eventually consistent: right after a resource was created, a read may not find it.
    """


def error_code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


@contextmanager
def throttling_named() -> Iterator[None]:
    """Raise the errors of throttled calls as the class that the state machine retries by."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in THROTTLED:
            raise Throttled(str(error)) from error
        raise


def create_once(create: Callable[[], object], find: Callable[[], dict[str, str] | None], run: Record) -> None:
    """Create a resource unless an earlier attempt of this run did. `find` returns its tags."""
    try:
        create()
    except ClientError as error:
        if "AlreadyExists" not in error_code(error):
            raise
        if not is_ours(find() or {}, run["name"]):
            raise ResourceFailed(
                f"{error_code(error)}: a resource with the same name does not belong to this run."
            ) from error


def temporary_tags(run: Record) -> Tags:
    tags = {
        "slipway:pipeline": PIPELINE,
        "slipway:run": run["name"],
        "slipway:temporary": "true",
        "slipway:expires": run["expires"],
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def recent_events(kind: str, name: str) -> str:
    """Return the newest RDS events of a database or snapshot: only they explain why it failed."""
    try:
        response = rds.describe_events(SourceType=kind, SourceIdentifier=name, Duration=EVENTS_MINUTES)
    except ClientError:
        return ""  # the failure itself is reported anyway
    return "".join(f" {event['Message']}" for event in response["Events"][-2:])


def tags_of(resource: Record) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("TagList", [])}


def is_ours(tags: dict[str, str], run_name: str) -> bool:
    return tags.get("slipway:pipeline") == PIPELINE and tags.get("slipway:run") == run_name
