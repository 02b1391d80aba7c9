"""Slipway's own stacks: the IAM roles that it assumes in each account, and its pages on Fargate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from troposphere import Template

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import StackSpec, read_stack
from ops.errors import InputError
from ops.templates.access import fargate, roles


@dataclass(frozen=True)
class OwnStack:
    name: str
    template: Callable[[], Template]


ROLES = OwnStack("slipway-access", roles)
APP = OwnStack("slipway-app", fargate)
STACKS = {"roles": ROLES, "app": APP}


def stack_spec(cloud: Cloud, own: OwnStack, place: Place, parameters: Mapping[str, str]) -> StackSpec:
    """Return the stack to deploy in `place`.

    A parameter that is not passed keeps its deployed value, or takes the template's default. Raises
    InputError if a parameter is unknown or missing.
    """
    template = own.template()
    declared = template.to_dict()["Parameters"]
    if unknown := [name for name in parameters if name not in declared]:
        raise InputError(
            f"{own.name} has no parameter {unknown[0]}.",
            field="set",
            hint=f"Use one of: {', '.join(declared)}.",
        )
    stack = read_stack(cloud, place.account.id, place.region, own.name)
    values = {**(stack.parameters if stack else {}), **parameters}
    if missing := [name for name in declared if name not in values and "Default" not in declared[name]]:
        described = "; ".join(f"{name}: {declared[name]['Description']}" for name in missing)
        raise InputError(
            f"{own.name} requires the parameters {', '.join(missing)}.",
            field="set",
            hint=f"Set each with NAME=VALUE. {described}.",
        )
    return StackSpec(
        name=own.name,
        template_body=template.to_json(),
        parameters={name: values[name] for name in declared if name in values},
        tags={},
        capabilities=("CAPABILITY_NAMED_IAM",),
        account=place.account.id,
        region=place.region,
    )
