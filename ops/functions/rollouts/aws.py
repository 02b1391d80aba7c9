"""Clients of the central account, and of target accounts through the target role."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

SESSION_S = 3600  # of an assumed role; renewed well before
THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "SlowDown",
)
DENIED = ("AccessDenied", "AccessDeniedException")

_config = Config(
    retries={"mode": "adaptive", "max_attempts": 6},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=32,
    user_agent_extra="slipway-rollouts",
)
_make: Any = boto3.client  # one type for all: the runtime has no stubs
_lock = threading.Lock()
_clients: dict[tuple[str, str, str], tuple[float, Any]] = {}


class NotReady(Exception):
    """Not an error: look again later. The state machine retries on this name."""


class Throttled(Exception):
    """AWS throttled a call through all retries; the state machine waits and retries."""


class Unreachable(Exception):
    """An account or region does not answer; the state machine waits and retries."""


class Denied(Exception):
    """A role may not do it: forward, the target has failed; on the way back it is tried again for a while."""


class TargetFailed(Exception):
    """The target cannot be deployed; says why."""


def here(service: str) -> Any:
    """A client of the account and region that the engine lives in."""
    return _client(service, "", "")


def there(service: str, account: str, region: str) -> Any:
    """A client in the target account's region, by the target role."""
    return _client(service, account, region)


def _client(service: str, account: str, region: str) -> Any:
    key = (service, account, region)
    with _lock:
        until, client = _clients.get(key, (0.0, None))
    if time.monotonic() < until:
        return client
    more = _assumed(account) | {"region_name": region} if account else {}
    client = _make(service, config=_config, **more)
    with _lock:
        _clients[key] = (time.monotonic() + SESSION_S / 2, client)
    return client


def _assumed(account: str) -> dict[str, Any]:
    role = f"arn:{os.environ['PARTITION']}:iam::{account}:role/{os.environ['TARGET_ROLE']}"
    made = here("sts").assume_role(
        RoleArn=role, RoleSessionName="slipway-rollouts", DurationSeconds=SESSION_S
    )["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def by_name() -> Iterator[None]:
    """Errors of the way to AWS get the names by which the state machine retries, or does not."""
    try:
        yield
    except ClientError as error:
        if code(error) in THROTTLED:
            raise Throttled(str(error)) from error
        if code(error) in DENIED:
            raise Denied(str(error)) from error
        raise
    except (HTTPClientError, BotoConnectionError) as error:
        raise Unreachable(str(error)) from error
    except BotoCoreError as error:
        raise TargetFailed(str(error)) from error
