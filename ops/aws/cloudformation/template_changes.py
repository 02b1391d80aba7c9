"""The changes of a deployment as far as the templates show them: what a dry run reads, which may not write.

Only a change set shows which resources CloudFormation replaces and which a condition leaves out, but creating
one is a write.
"""

import json
from collections.abc import Mapping
from typing import Any

from ops.aws.cloud import Cloud
from ops.aws.cloudformation.stacks import Change, StackSpec, read_stack, read_template
from ops.errors import Conflict

CAVEAT = (
    "Read from the templates, because creating a change set is a write. CloudFormation decides which "
    "resources it replaces, and which a condition leaves out."
)


def read_template_changes(cloud: Cloud, spec: StackSpec) -> tuple[Change, ...]:
    """Return what the spec would change, compared with the deployed template and parameters. Only reads.

    A modified resource may be replaced: its `replacement` is Conditional. Raises Conflict if the deployed
    template is not JSON.
    """
    stack = read_stack(cloud, spec.account, spec.region, spec.name)
    if stack is None or stack.status == "REVIEW_IN_PROGRESS":
        return template_changes({}, spec, {})
    before = read_template(cloud, spec.account, spec.region, stack.id)
    if not isinstance(before, Mapping):
        raise Conflict(
            f"Cannot compare {spec.name}: its deployed template is not JSON.",
            hint="Deploy without --dry-run to see a change set; it is executed only after the preview.",
        )
    return template_changes(before, spec, stack.parameters)


def template_changes(
    before: Mapping[str, Any], spec: StackSpec, parameters: Mapping[str, str]
) -> tuple[Change, ...]:
    """Return the changes of resources from the template `before`, deployed with `parameters`. Pure."""
    after = json.loads(spec.template_body)
    old, new = before.get("Resources", {}), after["Resources"]
    changed = {name for name, value in spec.parameters.items() if parameters.get(name, "") != value}
    changed |= {
        name
        for section in ("Conditions", "Mappings")
        for name, value in after.get(section, {}).items()
        if before.get(section, {}).get(name) != value or _mentions(value, changed)
    }
    changes = [_change("Add", name, body) for name, body in new.items() if name not in old]
    changes += [
        _change("Modify", name, body, "Conditional")
        for name, body in new.items()
        if name in old and (old[name] != body or _mentions(body, changed))
    ]
    return (*changes, *(_change("Remove", name, body) for name, body in old.items() if name not in new))


def _change(action: str, name: str, body: Mapping[str, Any], replacement: str = "") -> Change:
    return Change(action, name, body["Type"], "", replacement, ())


def _mentions(body: Any, names: set[str]) -> bool:
    """Whether the body refers to one of the names: Ref, Condition, Fn::If, Fn::FindInMap, or Fn::Sub."""
    if isinstance(body, str):
        return body in names or any(f"${{{name}}}" in body for name in names)
    if isinstance(body, Mapping):
        return any(_mentions(value, names) for value in body.values())
    return isinstance(body, list) and any(_mentions(value, names) for value in body)
