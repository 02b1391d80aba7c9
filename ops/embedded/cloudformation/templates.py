"""What a template must have before a stack exists, in the words of CloudFormation.

References, conditions, functions, and names, of CreateStack, UpdateStack, CreateChangeSet, and
ValidateTemplate alike. A template with macros is checked after them, where the emulator applies them.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/template-anatomy.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services.cloudformation import engine

from ops.embedded.cloudformation import schemas

SEAMS = (
    "ministack.services.cloudformation.engine._extract_deps",
    "ministack.services.cloudformation.engine._intrinsic_references",
)

Template = Mapping[str, Any]

SECTIONS = frozenset(
    (
        *("AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Hooks", "Mappings"),
        *("Metadata", "Outputs", "Parameters", "Resources", "Rules", "Transform"),
    )
)
ATTRIBUTES = frozenset(
    (
        *("Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type"),
        *("UpdatePolicy", "UpdateReplacePolicy"),
    )
)
POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
FUNCTIONS = (
    *(
        "Fn::And",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::Equals",
        "Fn::FindInMap",
        "Fn::GetAtt",
        "Fn::GetAZs",
        "Fn::If",
    ),
    *("Fn::ImportValue", "Fn::Join", "Fn::Not", "Fn::Or", "Fn::Select", "Fn::Split", "Fn::Sub"),
    *("Fn::Transform", "Fn::Length", "Fn::ToJsonString", "Fn::GetStackOutput", "Fn::Contains"),
    *("Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"),
)
TYPES = re.compile(
    r"String|Number|List<(Number|String)>|CommaDelimitedList"
    r"|(List<)?AWS::(EC2|Route53|SSM)::[A-Za-z0-9:<>]+>?"
)
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")
_NOT_RESOURCES = ("Custom::", "AWS::CloudFormation::")


def wrong(template: Template, conditions: Mapping[str, bool]) -> Iterator[str]:
    """Yield what is wrong with the template, the worst first."""
    if unknown := sorted(set(template) - SECTIONS):
        yield f"Invalid template property or properties [{', '.join(unknown)}]"
    if str(template.get("AWSTemplateFormatVersion", "2010-09-09")) != "2010-09-09":
        yield "Template format error: unsupported value for AWSTemplateFormatVersion."
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        yield "Template format error: At least one Resources member must be defined."
        return
    yield from _names(template)
    for resource in resources.values():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            yield "Template format error: [/Resources] Every Resources object must contain a Type member."
            return
        yield from _attributes(resource)
    yield from _functions(template)
    yield from _references(template)
    yield from _attributes_read(template)
    if cycle := _cycle(resources, conditions):
        yield f"Circular dependency between resources: [{', '.join(cycle)}]"


def _names(template: Template) -> Iterator[str]:
    for section, noun in (("Parameters", "Parameter"), ("Resources", "Resource"), ("Outputs", "Output")):
        for name in template.get(section) or {}:
            if not _ALPHANUMERIC.fullmatch(str(name)):
                yield f"Template format error: {noun} name {name} is non alphanumeric."
    for definition in (template.get("Parameters") or {}).values():
        type_ = str(definition.get("Type", "")) if isinstance(definition, dict) else ""
        if not TYPES.fullmatch(type_):
            yield f"Template format error: Unrecognized parameter type: {type_}"


def _attributes(resource: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(set(resource) - ATTRIBUTES):
        if not name.startswith("Fn::"):
            yield f"Invalid template resource property '{name}'"
    for name in ("DeletionPolicy", "UpdateReplacePolicy"):
        policy = resource.get(name, POLICIES[0])
        if isinstance(policy, str) and policy not in POLICIES:
            yield f"Template format error: Unrecognized {name} {policy} for resource {resource['Type']}"


def _functions(template: Template) -> Iterator[str]:
    for section in ("Conditions", "Resources", "Outputs"):
        for name, argument in _called(template.get(section) or {}):
            if name not in FUNCTIONS and not name.startswith("Fn::ForEach::"):
                supported = ", ".join(sorted(FUNCTIONS[:16]))
                yield (
                    f"Template error: Encountered unsupported function: {name} Supported functions are: "
                    f"[{supported}]"
                )
            condition = argument[0] if name == "Fn::If" and isinstance(argument, list) and argument else None
            if isinstance(condition, str) and condition not in (template.get("Conditions") or {}):
                yield f"Template error: unresolved condition dependency {condition} in Fn::If"


def _called(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each function that is called, with its argument."""
    if isinstance(value, list):
        for item in value:
            yield from _called(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if isinstance(name, str) and name.startswith("Fn::"):
                yield name, item
            yield from _called(item)


def _references(template: Template) -> Iterator[str]:
    resources, parameters = template["Resources"], template.get("Parameters") or {}
    for section, holders in (("Resources", resources), ("Outputs", template.get("Outputs") or {})):
        missing = set()
        for holder in holders.values():
            if not isinstance(holder, dict):
                continue
            condition = holder.get("Condition")
            if isinstance(condition, str) and condition not in (template.get("Conditions") or {}):
                yield (
                    f"Template format error: Unresolved condition dependency {condition} in the {section} "
                    "block of the template"
                )
            for name, attribute in _referred(holder):
                known = name in resources or (not attribute and name in parameters)
                if not known and not name.startswith("AWS::"):
                    missing.add(name)
        if missing:
            yield (
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(missing))}] in "
                f"the {section} block of the template"
            )


def _referred(holder: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield from engine._intrinsic_references(holder.get("Properties", {}))
    yield from engine._intrinsic_references(holder.get("Value", ""))
    needed = holder.get("DependsOn", [])
    for name in [needed] if isinstance(needed, str) else needed:
        yield name, None


def _attributes_read(template: Template) -> Iterator[str]:
    """Yield attributes that the type of a resource does not have."""
    resources = template["Resources"]
    for section in ("Resources", "Outputs"):
        for name, attribute in engine._intrinsic_references(template.get(section) or {}):
            type_ = resources.get(name, {}).get("Type", "Custom::")
            schema = None if type_.startswith(_NOT_RESOURCES) else schemas.of_type(type_)
            if attribute and schema and attribute.partition(".")[0] not in schema["properties"]:
                yield (
                    f"Template error: resource {name} does not support attribute type {attribute} in "
                    "Fn::GetAtt"
                )


def _cycle(resources: Mapping[str, Any], conditions: Mapping[str, bool]) -> list[str]:
    """Return the resources that depend on each other, or on such resources."""
    active = {name for name, resource in resources.items() if conditions.get(resource.get("Condition"), True)}
    waiting = {name: engine._extract_deps(resources[name], active) for name in active}
    while ready := [name for name, needed in waiting.items() if not needed & waiting.keys()]:
        for name in ready:
            del waiting[name]
    return sorted(waiting)
