"""Clients for the central account, and for target accounts with the target role assumed."""

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

# Of an assumed role; renewed after half of it. A role that assumes another one gets no more than an hour: IAM
# User Guide, "Roles terms and concepts", role chaining.
SESSION_S = 3600
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
_create_client: Any = boto3.client  # untyped: the Lambda runtime has no stubs
_lock = threading.Lock()
_clients: dict[tuple[str, ...], tuple[float, Any]] = {}


# The state machine retries and catches by these class names.


class NotReady(Exception):
    """The operation is not complete yet. Not an error: the state machine polls again."""


class Throttled(Exception):
    """AWS throttled a call through all retries; the state machine waits and retries."""


class Unreachable(Exception):
    """An account or region does not answer; the state machine waits and retries."""


class Denied(Exception):
    """A role lacks a permission. While deploying, the target fails; while rolling back, it is retried."""


class TargetFailed(Exception):
    """The target cannot be deployed or rolled back; the message is the reason."""


def central_client(service: str) -> Any:
    """Return a client for the controller's own account and region."""
    return _client(service, "", "")


def target_client(service: str, account: str, region: str) -> Any:
    """Return a client for a target's account and region, with the target role assumed."""
    return _client(service, account, region)


def patient_client(service: str, timeout_s: float) -> Any:
    """Return a client in the controller's own account whose calls are made once and may take that long."""
    config = _config.merge(Config(retries={"total_max_attempts": 1}, read_timeout=timeout_s))
    return _create_client(service, config=config)


def client_in_role(service: str, account: str, region: str, role: str, external_id: str) -> Any:
    """Return a client with a role of the target's account, assumed from the target role."""
    return _client(service, account, region, role, external_id)


def _client(service: str, account: str, region: str, role: str = "", external_id: str = "") -> Any:
    key = (service, account, region, role, external_id)
    with _lock:
        until, client = _clients.get(key, (0.0, None))
    if time.monotonic() < until:
        return client
    options: dict[str, Any] = {}
    if role:
        external = {"ExternalId": external_id} if external_id else {}
        options = _assume_role(target_client("sts", account, region), role, **external)
    elif account:
        target_role = f"arn:{os.environ['PARTITION']}:iam::{account}:role/{os.environ['TARGET_ROLE']}"
        options = _assume_role(central_client("sts"), target_role)
    client = _create_client(service, config=_config, **options, **({"region_name": region} if region else {}))
    with _lock:
        _clients[key] = (time.monotonic() + SESSION_S / 2, client)
    return client


def _assume_role(sts: Any, role: str, **more: str) -> dict[str, Any]:
    credentials = sts.assume_role(
        RoleArn=role, RoleSessionName="slipway-rollouts", DurationSeconds=SESSION_S, **more
    )["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raise AWS errors as the classes that the state machine retries by."""
    try:
        yield
    except ClientError as error:
        if error_code(error) in THROTTLED:
            raise Throttled(str(error)) from error
        if error_code(error) in DENIED:
            raise Denied(str(error)) from error
        raise
    except (HTTPClientError, BotoConnectionError) as error:
        raise Unreachable(str(error)) from error
    except BotoCoreError as error:
        raise TargetFailed(str(error)) from error
