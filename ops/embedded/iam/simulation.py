"""The policy simulator: the principal must exist, and boundary, context, and the deciding policies count.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.iam_evaluator import EvalContext, ParsedStatement
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.iam._IAM_HANDLERS",
    "ministack.services.iam._error",
    "ministack.services.iam._p",
    "ministack.services.iam._roles",
    "ministack.services.iam._users",
    "ministack.services.iam._xml",
    "ministack.core.iam_evaluator._first_match",
    "ministack.core.iam_evaluator._gather_role_policies",
    "ministack.core.iam_evaluator._gather_user_policies",
    "ministack.core.iam_evaluator._permissions_boundary",
)

Request = Mapping[str, Any]
Layers = list[list[ParsedStatement]]
DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}


def install(context: OverlayContext) -> None:
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = _simulate


def _simulate(request: Request) -> Any:
    principal = str(iam._p(request, "PolicySourceArn"))
    kind, _, path = principal.split(":", 5)[-1].partition("/")
    stores = {"role": iam._roles, "user": iam._users}
    if kind not in stores:
        return iam._error(400, "InvalidInput", f"Invalid Entity Arn: {escape(principal)}", ns="iam")
    name, account = path.rsplit("/", 1)[-1], get_account_id()
    record = stores[kind].get(name)
    if record is None or record["Arn"] != principal:
        message = f"Entity with arn {escape(principal)} does not exist."
        return iam._error(404, "NoSuchEntity", message, ns="iam")
    gather = iam_evaluator._gather_role_policies if kind == "role" else iam_evaluator._gather_user_policies
    policies = gather(name, account)
    limits = iam_evaluator._permissions_boundary(stores[kind], name, account)
    keys = dict(_context(request))
    resources = list(_members(request, "ResourceArns.member")) or ["*"]
    results = "".join(
        _result(
            EvalContext(
                principal_arn=principal,
                principal_type="AssumedRole" if kind == "role" else "User",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=get_region(),
                service_context=keys,
            ),
            policies,
            limits,
        )
        for action in _members(request, "ActionNames.member")
        for resource in resources
    )
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>",
        ns="iam",
    )


def _result(request: EvalContext, policies: Layers, limits: Sequence[Layers]) -> str:
    decision = DECISIONS[iam_evaluator.evaluate(request, policies, *limits).decision]
    boundary = ""
    if limits:
        allowed = all(iam_evaluator.evaluate(request, layer).decision == "Allow" for layer in limits)
        boundary = (
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
            f"{str(allowed).lower()}"
            "</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>"
        )
    return (
        f"<member><EvalActionName>{escape(request.action)}</EvalActionName>"
        f"<EvalResourceName>{escape(request.resource_arn)}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/>"
        f"{boundary}</member>"
    )


def _context(request: Request) -> Iterator[tuple[str, Any]]:
    """Yield condition keys in the form of the evaluator; a key with one value has it alone."""
    number = 1
    while name := iam._p(request, f"ContextEntries.member.{number}.ContextKeyName"):
        values = list(_members(request, f"ContextEntries.member.{number}.ContextKeyValues.member"))
        yield str(name).lower(), values[0] if len(values) == 1 else values
        number += 1


def _members(request: Request, prefix: str) -> Iterator[str]:
    number = 1
    while value := iam._p(request, f"{prefix}.{number}"):
        yield str(value)
        number += 1
