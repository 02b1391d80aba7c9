"""Computes what a role needs to deploy, change, and delete Slipway's own stacks.

The permissions follow from the types and the properties of a template's resources. `make golden` writes them
to `ops/templates/access/deploying.json`, from which the role's policies are made, together with the actions
that the roles in these stacks are allowed, which are their permissions boundary.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ops.embedded.authority.stacks import (
    NUMBERED,
    Operation,
    Permission,
    StackResource,
    name_property,
    needed,
)
from ops.templates.support_stacks import directory

TARGET = Path("ops/templates/access/deploying.json")
TEMPLATES = Path("tests/data/templates")
# The jobs, their templates as they are deployed, and what the names of their stacks begin with.
STACKS = {
    "snapshots": (("snapshots", "snapshots-*"),),
    "logs": (("logs", "log-export"), ("logs_member", "log-export")),
    "deploy": (("replication", "slipway-replication"),),
    # An administrator deploys the roles of targets: a target's service role has the policies of its users.
    "rollouts": (("rollouts-controller", "slipway-rollouts"),),
}
OPERATIONS: tuple[Operation, ...] = ("create", "update", "delete")
ACCOUNT = "000000000000"  # stands for the account in ARNs
REGION = "eu-west-1"  # stands for any region in names
TAGS = [{"Key": "slipway:job", "Value": "*"}]  # every stack has tags, which its resources get
CODE = "arn:aws:s3:::slipway-staging-*/*"  # functions' code, where Slipway uploads it
VARIABLE = re.compile(r"\$\{([^!}]+)\}")


def deploying() -> dict[str, list[dict[str, list[str]]]]:
    """Return the grants of each job: actions, and the resources that they are all needed on."""
    found = {job: list(_permissions(templates)) for job, templates in STACKS.items()}
    names = directory({REGION: ("", "")}).to_dict()
    found["deploy"] += permissions(names, "slipway-replication-directory")
    return {job: _merged(needs) for job, needs in found.items()}


def role_actions() -> list[str]:
    """Return every action that a role in these stacks is allowed."""
    names = [name for templates in STACKS.values() for name, _ in templates]
    resources = [json.loads((TEMPLATES / f"{name}.json").read_text())["Resources"] for name in names]
    roles = [part for each in resources for part in each.values() if part["Type"].startswith("AWS::IAM::")]
    return sorted(set(_allowed(roles)))


def _allowed(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("Effect") == "Allow" and "Principal" not in value:
            yield from [value["Action"]] if isinstance(value["Action"], str) else value["Action"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _allowed(item)


def content() -> str:
    return json.dumps({"grants": deploying(), "roles": role_actions()}, indent=1) + "\n"


def _permissions(templates: Iterable[tuple[str, str]]) -> Iterator[Permission]:
    for name, stack in templates:
        yield from permissions(json.loads((TEMPLATES / f"{name}.json").read_text()), stack)


def permissions(template: Mapping[str, Any], stack: str) -> Iterator[Permission]:
    """Yield what the template's resources need if all are made; what is not known is `*` in ARNs."""
    for resource in template["Resources"].values():
        properties = {**_resolved(resource.get("Properties", {}), template, stack), "Tags": TAGS}
        name = properties.get(name_property(resource["Type"])) or f"{stack}-*"
        known = StackResource(resource["Type"], str(name), properties, ACCOUNT, "*", unknown="*")
        for operation in OPERATIONS:
            for permission in needed(known, operation, {}):
                code = permission.action == "s3:GetObject"
                yield replace(permission, resource=CODE) if code else permission


def _resolved(value: Any, template: Mapping[str, Any], stack: str) -> Any:
    if isinstance(value, list):
        return [_resolved(item, template, stack) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return _reference(argument, template, stack)
        if function == "Fn::GetAtt":
            resource, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
            return _attribute(resource, attribute, template, stack)
        if function == "Fn::If":  # what is made in either case
            return _resolved(argument[1], template, stack)
        if function == "Fn::Sub":
            text = argument[0] if isinstance(argument, list) else argument
            return _substituted(text, template, stack)
        if function.startswith("Fn::"):
            return "*"
    return {name: _resolved(item, template, stack) for name, item in value.items()}


def _reference(name: str, template: Mapping[str, Any], stack: str) -> Any:
    if name == "AWS::NoValue":
        return None
    if name == "AWS::StackName":
        return stack
    if name == "AWS::AccountId":
        return ACCOUNT
    resource = template["Resources"].get(name)
    if resource and resource["Type"] not in NUMBERED:
        named = resource.get("Properties", {}).get(name_property(resource["Type"]))
        return _resolved(named, template, stack) if named else f"{stack}-*"
    return "*"


def _attribute(name: str, attribute: str, template: Mapping[str, Any], stack: str) -> str:
    reference = _reference(name, template, stack)
    if attribute != "Arn":
        return "*"
    kind = template["Resources"][name]["Type"]
    if kind == "AWS::IAM::Role":
        return f"arn:aws:iam::{ACCOUNT}:role/{reference}"
    if kind == "AWS::Lambda::Function":
        return f"arn:aws:lambda:*:{ACCOUNT}:function:{reference}"
    return "*"


def _substituted(text: str, template: Mapping[str, Any], stack: str) -> str:
    def value(match: Any) -> str:
        name, _, attribute = match[1].partition(".")
        if attribute:
            return _attribute(name, attribute, template, stack)
        return str(_reference(name, template, stack))

    return VARIABLE.sub(value, text)


def _merged(permissions: Iterable[Permission]) -> list[dict[str, list[str]]]:
    """Return the permissions with as few statements as possible: one for each set of resources."""
    resources: dict[str, set[str]] = {}
    for permission in permissions:
        resources.setdefault(permission.action, set()).add(_portable(permission.resource))
    by_resources: dict[tuple[str, ...], list[str]] = {}
    for action in sorted(resources):
        by_resources.setdefault(tuple(sorted(_fewest(resources[action]))), []).append(action)
    return [{"actions": actions, "resources": list(arns)} for arns, actions in sorted(by_resources.items())]


def _portable(arn: str) -> str:
    """Return the ARN for any partition, with the account of the role, for Fn::Sub."""
    portable = arn.replace("arn:aws:", "arn:${AWS::Partition}:", 1).replace(ACCOUNT, "${AWS::AccountId}")
    return portable.replace(REGION, "*")


def _fewest(arns: set[str]) -> set[str]:
    """Return the ARNs without those that another one includes."""
    return {arn for arn in arns if not any(other != arn and fnmatchcase(arn, other) for other in arns)}


if __name__ == "__main__":
    TARGET.write_text(content())
