"""IAM's documents and names: principals must exist, policies and names have limits.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html for sizes, botocore's
model of IAM for the length and the pattern of each parameter.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from ministack import app
from ministack.services import iam
from ministack.services.cloudformation import provisioners

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.app.AUTH",
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
    "ministack.services.iam._IAM_HANDLERS",
    "ministack.services.iam._error",
    "ministack.services.iam._group_inline_policies",
    "ministack.services.iam._p",
    "ministack.services.iam._roles",
    "ministack.services.iam._user_inline_policies",
    "ministack.services.iam._users",
)

ROLE_SIZE, USER_SIZE, GROUP_SIZE, MANAGED_SIZE, TRUST_SIZE = 10_240, 2_048, 5_120, 6_144, 2_048
_CHANGES = ("Attach", "Create", "Put", "Tag", "Update")
_IDENTITY = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(?:.*/)?([^/]+)")

Problem = tuple[str, str]  # error code and message


def install(context: OverlayContext) -> None:
    if not app.AUTH:
        return
    for action, handle in iam._IAM_HANDLERS.items():
        if action.startswith(_CHANGES):
            iam._IAM_HANDLERS[action] = _checked(action, handle)
    provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"] |= _role_handlers(
        provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    )


def _role_handlers(role: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    create, update = role["create"], role["update"]

    def create_valid(logical_id: str, properties: Mapping[str, Any], *rest: Any, **more: Any) -> Any:
        _require_valid(properties)
        return create(logical_id, properties, *rest, **more)

    def update_valid(id_: str, old: Any, properties: Mapping[str, Any], *rest: Any, **more: Any) -> Any:
        _require_valid(properties)
        return update(id_, old, properties, *rest, **more)

    return {"create": create_valid, "update": update_valid}


def _checked(action: str, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(request: Any) -> Any:
        for code, message in _problems(action, request):
            return iam._error(400 if code != "LimitExceeded" else 409, code, message, ns="iam")
        return handle(request)

    return checked


def _problems(action: str, request: Any) -> Iterator[Problem]:
    yield from _shape_problems(action, request)
    document = iam._p(request, "AssumeRolePolicyDocument") or iam._p(request, "PolicyDocument") or ""
    if action in ("CreateRole", "UpdateAssumeRolePolicy"):
        yield from _trust_problems(document)
    elif action in ("CreatePolicy", "CreatePolicyVersion"):
        if _size(document) > MANAGED_SIZE:
            yield "LimitExceeded", f"Cannot exceed quota for PolicySize: {MANAGED_SIZE}"
    elif action in _INLINE:
        kind, limit, policies = _INLINE[action]
        owner = iam._p(request, f"{kind.title()}Name")
        kept = {**policies(owner), iam._p(request, "PolicyName"): document}
        if sum(map(_size, kept.values())) > limit:
            yield "LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {kind} {owner}"


_INLINE: dict[str, tuple[str, int, Callable[[str], Mapping[str, Any]]]] = {
    "PutRolePolicy": ("role", ROLE_SIZE, lambda name: (iam._roles.get(name) or {}).get("InlinePolicies", {})),
    "PutUserPolicy": ("user", USER_SIZE, lambda name: iam._user_inline_policies.get(name) or {}),
    "PutGroupPolicy": ("group", GROUP_SIZE, lambda name: iam._group_inline_policies.get(name) or {}),
}


def _trust_problems(document: Any) -> Iterator[Problem]:
    if _size(document) > TRUST_SIZE:
        yield "LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}"
    for principal in _principals(document):
        if (match := _IDENTITY.fullmatch(principal)) and not _exists(*match.groups()):
            yield "MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{principal}"'


def _principals(document: Any) -> Iterator[str]:
    try:
        policy = json.loads(document) if isinstance(document, str) else document
        statements = policy["Statement"]
    except (ValueError, KeyError, TypeError):
        return  # the emulator rejects it
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        arns = principal.get("AWS", []) if isinstance(principal, dict) else []
        yield from [arns] if isinstance(arns, str) else arns


def _exists(account: str, kind: str, name: str) -> bool:
    records = iam._roles if kind == "role" else iam._users
    return records.get_scoped(account, None, name) is not None


def _size(document: Any) -> int:
    """Return the number of characters that IAM counts: all but white space."""
    text = document if isinstance(document, str) else json.dumps(document)
    return len("".join(text.split()))


def _require_valid(properties: Mapping[str, Any]) -> None:
    """Raise ValueError for a role of a stack that IAM would reject."""
    policies = [policy.get("PolicyDocument", {}) for policy in properties.get("Policies", [])]
    for _, message in _trust_problems(properties.get("AssumeRolePolicyDocument", {})):
        raise ValueError(message)
    if sum(map(_size, policies)) > ROLE_SIZE:
        name = properties.get("RoleName", "")
        raise ValueError(f"Maximum policy size of {ROLE_SIZE} bytes exceeded for role {name}".rstrip())


def _shape_problems(action: str, request: Any) -> Iterator[Problem]:
    for name, (longest, pattern) in _shapes(action).items():
        value = iam._p(request, name)
        if not value:
            continue
        broken = ""
        if longest and len(value) > longest:
            broken = f"have length less than or equal to {longest}"
        elif pattern and not re.fullmatch(pattern, value):
            broken = f"satisfy regular expression pattern: {pattern}"
        if broken:
            where = f"{name[:1].lower()}{name[1:]}"
            yield (
                "ValidationError",
                f"1 validation error detected: Value at '{where}' failed to satisfy constraint: "
                f"Member must {broken}",
            )


@cache
def _shapes(action: str) -> dict[str, tuple[int, str]]:
    """Return the maximum length and the pattern of each text parameter; 0 and "" if it has none."""
    operation = _model().operation_model(action)
    shapes = {}
    for name, shape in operation.input_shape.members.items() if operation.input_shape else ():
        if shape.type_name == "string":
            shapes[name] = (int(shape.metadata.get("max", 0)), _compilable(shape.metadata.get("pattern", "")))
    return shapes


@cache
def _model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("iam", "service-2"), "iam")


def _compilable(pattern: str) -> str:
    """Return the pattern, which is Java's, if it means something in Python."""
    try:
        re.compile(pattern)
    except re.error:
        return ""
    return pattern
