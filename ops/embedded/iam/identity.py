"""Roles that the emulated services assume, and what those roles may do.

The emulator checks only calls that arrive over HTTP. What its services do on their own (a state machine
starts a task, a task reads its secret) is checked here with the same evaluator if IAM is enforced.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, sts

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.app.AUTH",
    "ministack.core.iam_evaluator.enforce",
    "ministack.core.iam_evaluator.evaluate_trust_policy",
    "ministack.core.iam_evaluator._service_principal_matches",
    "ministack.core.iam_evaluator._resolve_condition_key",
    "ministack.app.pin_request_origin",
    "ministack.core.iam_actions.identity_denial_message",
    "ministack.services.sts.register_session",
    "ministack.services.iam._roles",
)


class Refused(Exception):
    """A request is refused for something besides its own action; the message is the service's."""

    def __init__(self, service: str, code: str, message: str) -> None:
        super().__init__(message)
        self.service = service
        self.code = code


@dataclass(frozen=True)
class RoleSession:
    """Credentials of an assumed role, in the form that a container or a function gets."""

    arn: str
    access_key_id: str
    secret_access_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


def install(context: OverlayContext) -> None:
    """Treat loopback traffic as encrypted: bucket policies that require TLS are meant for networks."""
    pin = app.pin_request_origin
    app.pin_request_origin = lambda source_ip, _secure: pin(source_ip, True)
    resolve = iam_evaluator._resolve_condition_key
    iam_evaluator._resolve_condition_key = lambda key, request: _role_of(resolve(key, request), key)


def _role_of(principal: Any, key: str) -> Any:
    """Return the role's ARN for aws:PrincipalArn of an assumed role; the emulator uses the session's."""
    if key.lower() == "aws:principalarn" and isinstance(principal, str) and ":assumed-role/" in principal:
        account, role = principal.split(":")[4], principal.split("/")[1]
        return f"arn:aws:iam::{account}:role/{role}"
    return principal


def assume(role_arn: str, session_name: str) -> RoleSession:
    """Return a session of the role; the same role and name get the same session."""
    digest = hashlib.sha256(f"{role_arn} {session_name}".encode()).hexdigest()
    role_name = role_arn.rsplit("/", 1)[-1]
    account = role_arn.split(":")[4]
    session = RoleSession(
        arn=f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name[:64]}",
        access_key_id=f"ASIA{digest[:16].upper()}",
        secret_access_key=digest[16:56],
        session_token=hashlib.sha256(digest.encode()).hexdigest(),
    )
    sts.register_session(
        session.access_key_id,
        {
            "Arn": session.arn,
            "UserId": f"{role_name}:{session_name[:64]}",
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
        },
    )
    return session


def trusts(role_arn: str, service: str, *, source_arn: str = "") -> bool:
    """Return whether the role exists and trusts the service, such as `ecs-tasks.amazonaws.com`.

    `source_arn` is the resource on whose behalf the service acts; without it, the account is the source.
    """
    if not app.AUTH:
        return True
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    if role is None:
        return False
    account = get_account_id()
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:root",
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=get_region(),
        service_context={**_source_context(source_arn, account), **_external_id(service, account)},
    )
    statements = [
        statement
        for statement in _statements(role["AssumeRolePolicyDocument"])
        # The emulator's trust evaluator does not compare the services' names.
        if iam_evaluator._service_principal_matches(statement.get("Principal"), service)
    ]
    policy = {"Statement": statements}
    return bool(iam_evaluator.evaluate_trust_policy(policy, request.principal_arn, request))


def _source_context(arn: str, account: str) -> dict[str, str]:
    if arn.count(":") < 5:  # the resource does not exist yet, or is not known
        return {"aws:sourceaccount": account}
    return {"aws:sourcearn": arn, "aws:sourceaccount": arn.split(":")[4] or account}


def _external_id(service: str, account: str) -> dict[str, str]:
    """Firehose is the one service that sends an external ID: the account's.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
    """
    return {"sts:externalid": account} if service == "firehose.amazonaws.com" else {}


def _statements(policy: Any) -> list[dict[str, Any]]:
    document = json.loads(policy) if isinstance(policy, str) else policy
    statements = document.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def denial_message(
    session: RoleSession, action: str, resource: str, service_context: Mapping[str, Any] | None = None
) -> str | None:
    """Return AWS's message if the session may not perform `action` on `resource`, otherwise None."""
    return denial_of(session.access_key_id, action, resource, service_context)


def denial_of(
    access_key: str, action: str, resource: str, service_context: Mapping[str, Any] | None = None
) -> str | None:
    """Return AWS's message if the key's principal may not perform `action` on `resource`, otherwise None."""
    if not app.AUTH:
        return None
    try:
        denied = iam_evaluator.enforce(
            access_key,
            action,
            action.split(":")[0],
            get_region(),
            resource_arn=resource,
            service_context=dict(service_context or {}),
        )
    except Refused as refused:
        return str(refused)
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    explicit = denied.decision == "Deny"
    return str(iam_actions.identity_denial_message(action, denied.principal_arn, resource, explicit))
