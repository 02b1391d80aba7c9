"""IAM: the grammar of policies, and how many policies a role has.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services import iam

from ops.embedded.limits.problems import Parameters, Problem, Rule

SEAMS = ("ministack.services.iam._policies", "ministack.services.iam._roles")

MALFORMED = "MalformedPolicyDocument"
SYNTAX = "Syntax errors in policy."
POLICIES_PER_ROLE = 10
VERSIONS = ("2008-10-17", "2012-10-17")
_ELEMENTS = frozenset(
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition".split()
)
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_RESOURCE = re.compile(r"\*|arn:[^:]+:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)
_SID = re.compile(r"[0-9A-Za-z]*")
_OPERATOR = re.compile(
    r"(ForAnyValue:|ForAllValues:)?"
    r"(String(Not)?(Equals(IgnoreCase)?|Like)|Numeric((Not)?Equals|(Less|Greater)Than(Equals)?)|Arn(Not)?(Equals|Like)"
    r"|Date((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress)(IfExists)?|Null",
    re.IGNORECASE,
)


def identity_policy(parameters: Parameters) -> Iterator[Problem]:
    """Yield what is wrong with a policy of a role, a user, or a group, or with a managed one."""
    for message in wrong(parameters.get("PolicyDocument") or "", of_identity=True):
        yield Problem(MALFORMED, message)


def trust_policy(parameters: Parameters) -> Iterator[Problem]:
    document = parameters.get("AssumeRolePolicyDocument") or parameters.get("PolicyDocument") or ""
    for message in wrong(document, of_identity=False):
        yield Problem(MALFORMED, message)


def wrong(document: Any, *, of_identity: bool) -> Iterator[str]:
    """Yield what is wrong with a document: text, or the object of a template."""
    try:
        policy = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        policy = None
    statements = policy.get("Statement") if isinstance(policy, Mapping) else None
    statements = [statements] if isinstance(statements, Mapping) else statements
    if not statements or not isinstance(statements, list) or not _is_known(policy, statements):
        yield SYNTAX
        return
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(sids) > len(set(sids)):
        yield "Statement IDs (SID) in a single policy must be unique."
    for statement in statements:
        yield from _statement(statement)
        yield from _of_identity(statement) if of_identity else _of_trust(statement)


def _is_known(policy: Mapping[str, Any], statements: list[Any]) -> bool:
    """Whether the document has no element that the grammar lacks."""
    return (
        set(policy) <= {"Version", "Id", "Statement"}
        and str(policy.get("Version", VERSIONS[0])) in VERSIONS
        and all(
            isinstance(statement, Mapping)
            and set(statement) <= _ELEMENTS
            and statement.get("Effect") in ("Allow", "Deny")
            and isinstance(statement.get("Condition", {}), Mapping)
            for statement in statements
        )
    )


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    if not _SID.fullmatch(str(statement.get("Sid", ""))):
        yield (
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
            "expression [0-9A-Za-z]*"
        )
    actions = [*_list(statement.get("Action")), *_list(statement.get("NotAction"))]
    if not actions:
        yield "Policy statement must contain actions."
    if not all(_ACTION.fullmatch(str(action)) for action in actions):
        yield "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    for operator in statement.get("Condition", {}):
        if not _OPERATOR.fullmatch(operator):
            yield f"Invalid Condition type : {operator}."


def _of_identity(statement: Mapping[str, Any]) -> Iterator[str]:
    if "Principal" in statement or "NotPrincipal" in statement:
        yield "Policy document should not specify a principal."
    resources = [*_list(statement.get("Resource")), *_list(statement.get("NotResource"))]
    if not resources:
        yield "Policy statement must contain resources."
    for resource in resources:
        if isinstance(resource, str) and not _RESOURCE.fullmatch(resource):
            yield f'Resource {resource} must be in ARN format or "*".'


def _of_trust(statement: Mapping[str, Any]) -> Iterator[str]:
    for name in ("Resource", "NotResource"):
        if name in statement:
            yield f"Has prohibited field {name}"
    if "Principal" not in statement and "NotPrincipal" not in statement:
        yield "Missing required field Principal"
    if not all(str(action).startswith("sts:") for action in _list(statement.get("Action"))):
        yield "AssumeRole policy may only specify STS AssumeRole actions."


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def attach(parameters: Parameters) -> Iterator[Problem]:
    policy, role = str(parameters.get("PolicyArn")), iam._roles.get(parameters.get("RoleName", "")) or {}
    attached = role.get("AttachedPolicies") or []
    if not policy.startswith("arn:aws:iam::aws:") and policy not in iam._policies:
        yield Problem("NoSuchEntity", f"Policy {policy} does not exist or is not attachable.", 404)
    elif policy not in attached and len(attached) >= POLICIES_PER_ROLE:
        yield Problem("LimitExceeded", f"Cannot exceed quota for PoliciesPerRole: {POLICIES_PER_ROLE}", 409)


RULES: Mapping[str, Rule] = {
    "AttachRolePolicy": attach,
    "CreatePolicy": identity_policy,
    "CreatePolicyVersion": identity_policy,
    "CreateRole": trust_policy,
    "PutGroupPolicy": identity_policy,
    "PutRolePolicy": identity_policy,
    "PutUserPolicy": identity_policy,
    "UpdateAssumeRolePolicy": trust_policy,
}
