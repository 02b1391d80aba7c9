"""Checks what a service does with a role that was passed to it: the trust policy and the permissions.

CloudWatch Logs writes to a stream with one role; Firehose reads, calls its processor, and writes to S3 with
others.
"""

from collections.abc import Iterable

from ministack.core.iam_evaluator import pin_request_origin
from ministack.core.responses import request_scope

from ops.embedded.iam import identity

SESSION = "embedded"
SEAMS = (
    "ministack.core.iam_evaluator.pin_request_origin",
    "ministack.core.responses.request_scope",
)


class ServiceRoleDenied(Exception):
    """The role lacks a permission or does not trust the service; the message is AWS's."""


def require_permissions(
    role_arn: str,
    service: str,
    permissions: Iterable[tuple[str, str]],
    *,
    region: str,
    source_arn: str = "",
) -> None:
    """Raise ServiceRoleDenied unless `service`, such as `logs`, may perform each (action, resource ARN)."""
    if role_arn.count(":") < 5:
        raise ServiceRoleDenied(f"{role_arn or 'An empty string'} is not the ARN of a role.")
    with request_scope(role_arn.split(":")[4], region):
        if not trusts(role_arn, service, region=region, source_arn=source_arn):
            raise ServiceRoleDenied(f"{role_arn} does not exist or does not trust {service}.amazonaws.com.")
        pin_request_origin("127.0.0.1", True)  # services call over TLS, which bucket policies may require
        session = identity.assume(role_arn, SESSION)
        for action, resource in permissions:
            if message := identity.denial_message(session, action, resource):
                raise ServiceRoleDenied(message)


def trusts(role_arn: str, service: str, *, region: str, source_arn: str = "") -> bool:
    """Return whether the role trusts the service, such as `logs`, under its global or its regional name."""
    names = (f"{service}.amazonaws.com", f"{service}.{region}.amazonaws.com")
    return any(identity.trusts(role_arn, name, source_arn=source_arn) for name in names)
