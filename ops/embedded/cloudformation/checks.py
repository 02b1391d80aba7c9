"""CloudFormation refuses templates and properties before it changes a resource.

A template that cannot work is refused in the request. Properties are validated before the deployment, which
fails an operation or a change set, and again before each resource is created or changed, when all values are
known.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, handlers, helpers, provisioners, stacks

from ops.embedded.cloudformation import properties, schemas, templates
from ops.embedded.cloudformation.operations import made_change_set
from ops.embedded.cloudformation.properties import Unknown
from ops.embedded.context import OverlayContext
from ops.embedded.limits import stacks as limits

SEAMS = (
    "ministack.services.cloudformation.changesets._evaluate_conditions",
    "ministack.services.cloudformation.changesets._resolve_parameters",
    "ministack.services.cloudformation.changesets.validate_template_support",
    "ministack.services.cloudformation.engine._intrinsic_references",
    "ministack.services.cloudformation.engine._resolve_refs",
    "ministack.services.cloudformation.handlers._ACTION_HANDLERS",
    "ministack.services.cloudformation.handlers._resolve_parameters",
    "ministack.services.cloudformation.handlers.validate_template_support",
    "ministack.services.cloudformation.provisioners._property_recreation",
    "ministack.services.cloudformation.provisioners._provision_resource",
    "ministack.services.cloudformation.provisioners._update_resource",
    "ministack.services.cloudformation.stacks._property_recreation",
    "ministack.services.cloudformation.stacks._provision_resource",
    "ministack.services.cloudformation.stacks._update_resource",
    "ministack.services.cloudformation.stacks._validation_errors",
)
FAILED = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot "
    "Early Validation errors, use the DescribeEvents API for detailed failure information."
)
_TYPE = re.compile(r"AWS::\w+::\w+")
_validating: ContextVar[bool] = ContextVar("validating", default=False)
_NOT_BEFORE = ("Fn::ImportValue", "Fn::Transform", "Fn::GetStackOutput")

Properties = dict[str, Any]
Record = dict[str, Any]


def install(context: OverlayContext) -> None:
    for module in (handlers, changesets):  # the emulator imports the functions by name
        module.validate_template_support = _with_templates(module.validate_template_support)
        module._resolve_parameters = _with_known_parameters(module._resolve_parameters)
    recreation = provisioners._property_recreation
    for module in (provisioners, stacks):
        module._property_recreation = lambda type_, name: (
            schemas.recreation(type_, name) or recreation(type_, name)
        )
    errors = stacks._validation_errors
    stacks._validation_errors = lambda *arguments, **more: [
        *errors(*arguments, **more),
        *_property_errors(*arguments[:7]),
    ]
    actions = handlers._ACTION_HANDLERS
    actions["CreateChangeSet"] = partial(_create_change_set, actions["CreateChangeSet"])
    actions["ValidateTemplate"] = partial(_validate_template, actions["ValidateTemplate"])
    actions["DescribeEvents"] = partial(_describe_events, actions["DescribeEvents"])
    _check_while_deploying()


def _check_while_deploying() -> None:
    provision, update = provisioners._provision_resource, provisioners._update_resource

    def provisioned(type_: str, logical_id: str, given: Properties, stack: str) -> Any:
        _require_valid(type_, logical_id, given)
        return provision(type_, logical_id, given, stack)

    def updated(type_: str, id_: str, old: Properties, new: Properties, *rest: Any, **more: Any) -> Any:
        if old != new:
            _require_valid(type_, id_, new)
        return update(type_, id_, old, new, *rest, **more)

    for module in (provisioners, stacks):
        module._provision_resource = provisioned
        module._update_resource = updated


def _require_valid(type_: str, name: str, given: Properties) -> None:
    """Raise ValueError, which fails the resource, for properties that its schema or a limit refuses."""
    if found := properties.findings(type_, given):
        raise ValueError(
            f"Properties validation failed for resource {name} with message:\n{properties.message(found)}"
        )
    for problem in limits.problems(type_, properties.without_tags_of_aws(given)):
        service = type_.split("::")[1]
        raise ValueError(
            f'Resource handler returned message: "{problem.message} (Service: {service}, Status Code: '
            f'{problem.status})" (HandlerErrorCode: InvalidRequest)'
        )


def _with_templates(original: Callable[..., None]) -> Callable[..., None]:
    def validated(template: Record, conditions: Mapping[str, bool], params: Any = None) -> None:
        if not template.get("Transform"):
            for message in templates.wrong(template, conditions):
                raise ValueError(message)
        try:
            original(template, conditions, params)
        except ValueError as error:
            # Of a type that the emulator cannot create, a template is valid all the same.
            types = set(_TYPE.findall(str(error)))
            if not _validating.get() or not types or any(schemas.of_type(type_) is None for type_ in types):
                raise

    return validated


def _validate_template(original: Callable[[Record], Any], request: Record) -> Any:
    token = _validating.set(True)
    try:
        return original(request)
    finally:
        _validating.reset(token)


def _with_known_parameters(original: Callable[..., Any]) -> Callable[..., Any]:
    def resolved(template: Record, given: list[dict[str, str]], *rest: Any) -> Any:
        known = template.get("Parameters") or {}
        unknown = [item["Key"] for item in given if item["Key"] not in known]
        if unknown:
            raise ValueError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        return original(template, given, *rest)

    return resolved


def _create_change_set(original: Callable[..., Any], request: Any) -> Any:
    """Fail a change set whose properties are invalid; it cannot be executed then."""
    response = original(request)
    change_set = made_change_set(response)
    if change_set and change_set["Status"] == "CREATE_COMPLETE" and not change_set["_disable_validation"]:
        template, parameters = change_set["_template"], change_set["_resolved_params"]
        conditions = changesets._evaluate_conditions(template, parameters)
        resources = template.get("Resources", {})
        where = (template.get("Mappings", {}), change_set["StackName"], change_set["StackId"])
        if found := list(_property_errors(resources, resources, parameters, conditions, *where)):
            change_set.update(Status="FAILED", ExecutionStatus="UNAVAILABLE", StatusReason=FAILED)
            cloudformation._stacks[change_set["StackName"]]["_operation_events"] = _events(change_set, found)
    return response


def _describe_events(original: Callable[..., Any], request: Any) -> Any:
    """Find the events of a change set with those of its stack, where the emulator keeps none."""
    if name := helpers._p(request, "ChangeSetName"):
        _, change_set = changesets._find_change_set(name, helpers._p(request, "StackName"))
        if change_set:
            operation = change_set["ChangeSetId"].rpartition("/")[2]
            rest = {key: value for key, value in request.items() if key != "ChangeSetName"}
            request = {**rest, "StackName": [change_set["StackId"]], "OperationId": [operation]}
    return original(request)


def _events(change_set: Record, found: list[tuple[str, str, str, str, str]]) -> list[Record]:
    return [
        stacks._operation_event(
            change_set["StackId"],
            change_set["ChangeSetId"].rpartition("/")[2],
            "VALIDATION_ERROR",
            "CREATE_CHANGESET",
            LogicalResourceId=logical_id,
            ResourceType=type_,
            ValidationFailureMode="FAIL",
            ValidationName=name,
            ValidationStatus="FAILED",
            ValidationStatusReason=reason,
            ValidationPath=path,
        )
        for logical_id, type_, name, path, reason in found
    ]


def _property_errors(
    resources: Mapping[str, Any],
    ordered: Any,
    parameters: Record,
    conditions: Mapping[str, bool],
    mappings: Record,
    stack_name: str,
    stack_id: str,
) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield (logical ID, type, validation, path, reason) of what is known to be wrong before a deployment."""

    def resolve(value: Any) -> Any:
        function, argument = next(iter(value.items()))
        if function == "Fn::If" and argument[0] in conditions:
            return _known(argument[1 if conditions[argument[0]] else 2], resolve)
        names = [name for name, _ in engine._intrinsic_references(value)]
        if function in _NOT_BEFORE or any(name in resources for name in names):
            return Unknown()
        try:
            return engine._resolve_refs(
                copy.deepcopy(value), {}, parameters, conditions, mappings, stack_name, stack_id
            )
        except Exception:  # it varies, and the deployment reports it
            return Unknown()

    for logical_id in ordered:
        resource = resources[logical_id]
        if not conditions.get(resource.get("Condition"), True):
            continue
        type_, given = resource.get("Type", ""), _known(resource.get("Properties") or {}, resolve)
        for path, reason in properties.findings(type_, given):
            where = f"/Resources/{logical_id}/Properties/{path}".rstrip("/")
            yield logical_id, type_, "PROPERTY_VALIDATION", where, f"#{'/' + path if path else ''}: {reason}"


def _known(value: Any, resolve: Callable[[Any], Any]) -> Any:
    """Return the value with its functions resolved, or Unknown for what is known at the deployment only."""
    if isinstance(value, list):
        return [item for item in (_known(item, resolve) for item in value) if item is not engine._NO_VALUE]
    if isinstance(value, str):
        return Unknown() if "{{resolve:" in value else value
    if not isinstance(value, dict):
        return value
    name = str(next(iter(value), ""))
    if len(value) == 1 and (name == "Ref" or name.startswith("Fn::")):
        return engine._NO_VALUE if value == {"Ref": "AWS::NoValue"} else resolve(value)
    members = {key: _known(item, resolve) for key, item in value.items()}
    return {key: item for key, item in members.items() if item is not engine._NO_VALUE}
