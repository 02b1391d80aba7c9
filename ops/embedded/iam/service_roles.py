"""What a service does under a role that it was given: refused when the role does not trust it or may not.

CloudWatch Logs writes to a stream with one, Firehose reads, calls its processor and writes to S3 with others.
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


class Refused(Exception):
    """The role lacks a permission or does not trust the service; the message is AWS's."""


def demand(
    role_arn: str,
    service: str,
    needs: Iterable[tuple[str, str]],
    *,
    region: str,
    source_arn: str = "",
) -> None:
    """Raises Refused unless `service` (as `logs`) may do each (action, resource ARN) under the role."""
    if role_arn.count(":") < 5:
        raise Refused(f"{role_arn or 'No role'} is not the ARN of a role.")
    with request_scope(role_arn.split(":")[4], region):
        if not _trusts(role_arn, service, region, source_arn):
            raise Refused(f"{role_arn} does not exist or does not let {service}.amazonaws.com assume it.")
        pin_request_origin("127.0.0.1", True)  # a service calls over TLS, which bucket policies demand
        session = identity.assume(role_arn, SESSION)
        for action, resource in needs:
            if message := identity.denial(session, action, resource):
                raise Refused(message)


def _trusts(role_arn: str, service: str, region: str, source_arn: str) -> bool:
    names = (f"{service}.amazonaws.com", f"{service}.{region}.amazonaws.com")
    return any(identity.trusts(role_arn, name, source_arn=source_arn) for name in names)
