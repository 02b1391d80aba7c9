"""The templates of Slipway's own stacks, as they are deployed."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ops.logs.export.deployment.stacks import central_body, member_body
from ops.own_stacks import APP, ROLES
from ops.rollouts.controller import controller_template, organization_template, target_template
from ops.snapshots.pipeline.model import template_body
from ops.templates.access.grants import DEPLOY, LOGS, ROLLOUTS, SNAPSHOTS, SUPPORT_STACKS, Job
from ops.templates.support_stacks import replication


@dataclass(frozen=True)
class OwnTemplate:
    """A template. `body` returns its text, which is computed once."""

    name: str
    job: Job
    body: Callable[[], str]


OWN_TEMPLATES = (
    OwnTemplate("snapshots", SNAPSHOTS, cache(template_body)),
    OwnTemplate("log export", LOGS, cache(central_body)),
    OwnTemplate("log export, other accounts and Regions", LOGS, cache(member_body)),
    OwnTemplate("replication buckets", SUPPORT_STACKS, cache(lambda: str(replication().to_json()))),
    OwnTemplate("rollout controller", ROLLOUTS, cache(controller_template)),
    OwnTemplate("rollout targets", ROLLOUTS, cache(target_template)),
    OwnTemplate("rollout targets of an organization", ROLLOUTS, cache(organization_template)),
    OwnTemplate("roles", DEPLOY, cache(lambda: str(ROLES.template().to_json()))),
    OwnTemplate("pages on Fargate", DEPLOY, cache(lambda: str(APP.template().to_json()))),
)


def compact(template: OwnTemplate) -> str:
    """Return the text without white space, as it can be sent in a request."""
    return json.dumps(json.loads(template.body()), separators=(",", ":"))


def description(template: OwnTemplate) -> str:
    """Return the description, which is also that of the stacks that are deployed from the template."""
    return str(json.loads(template.body())["Description"])


def required_parameters(template: OwnTemplate) -> tuple[str, ...]:
    """Return the names of the parameters without a default."""
    parameters = json.loads(template.body()).get("Parameters", {})
    return tuple(name for name, parameter in parameters.items() if "Default" not in parameter)


def resources(template: Mapping[str, Any], *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resources of these types: logical id and properties."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})
