"""Slipway's own stacks: its roles in an account, its pages on Fargate; deployed as any other stack is."""

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
OWN = {"roles": ROLES, "app": APP}


def spec_of(cloud: Cloud, own: OwnStack, place: Place, wanted: Mapping[str, str]) -> StackSpec:
    """The stack as it is wanted there. A parameter that is not named stays as it is deployed, or takes the
    template's default. Raises InputError where one is not known, or is missing."""
    template = own.template()
    declared = template.to_dict()["Parameters"]
    if unknown := [name for name in wanted if name not in declared]:
        raise InputError(
            f"{own.name} has no parameter {unknown[0]}.",
            field="set",
            hint=f"It has {', '.join(declared)}.",
        )
    stack = read_stack(cloud, place.account.id, place.region, own.name)
    given = {**(stack.parameters if stack else {}), **wanted}
    if missing := [name for name in declared if name not in given and "Default" not in declared[name]]:
        described = "; ".join(f"{name}: {declared[name]['Description']}" for name in missing)
        raise InputError(
            f"{own.name} needs {', '.join(missing)}.",
            field="set",
            hint=f"Name each with NAME=VALUE. {described}.",
        )
    return StackSpec(
        name=own.name,
        template_body=template.to_json(),
        parameters={name: given[name] for name in declared if name in given},
        tags={},
        capabilities=("CAPABILITY_NAMED_IAM",),
        account=place.account.id,
        region=place.region,
    )
