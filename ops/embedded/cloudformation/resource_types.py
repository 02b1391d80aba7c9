"""CloudFormation: resource types that the emulator lacks, and a guard for buckets that are not empty."""

import json
import uuid
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation, cloudwatch_logs, ec2, ecs, s3, secretsmanager
from ministack.services.cloudformation import handlers, helpers, provisioners

from ops.embedded.accounts import HOME
from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.cloudformation.handlers._ACTION_HANDLERS",
    "ministack.services.cloudformation._stacks",
    "ministack.services.cloudformation.helpers._error",
    "ministack.services.cloudformation.helpers._p",
    "ministack.services.cloudformation.provisioners._NAME_SEED",
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
    "ministack.services.cloudformation.provisioners._STACK_TAG_PROPERTY",
    "ministack.services.cloudformation.provisioners._ec2_sg_permissions",
    "ministack.services.cloudformation.provisioners._physical_name",
    "ministack.services.cloudwatch_logs._destinations",
    "ministack.services.cloudwatch_logs._put_destination",
    "ministack.services.cloudwatch_logs._put_destination_policy",
    "ministack.services.ec2._security_groups",
    "ministack.services.cloudformation.provisioners._pascal_to_camel",
    "ministack.services.ecs._task_defs",
    "ministack.services.s3._bucket_has_versions",
    "ministack.services.s3._bucket_tags",
    "ministack.services.s3._buckets",
    "ministack.services.cloudformation.provisioners._sm_secret_string",
    "ministack.services.secretsmanager._get_random_password",
    "ministack.services.secretsmanager._resolve",
    "ministack.services.secretsmanager._secrets",
)

INTERRUPTED = {
    "CREATE_IN_PROGRESS": "ROLLBACK_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}

_GENERATION = (
    *("ExcludeLowercase", "ExcludeNumbers", "ExcludePunctuation", "ExcludeUppercase", "IncludeSpace"),
    "RequireEachIncludedType",
)

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]

_RULE_PERMISSIONS = {
    "AWS::EC2::SecurityGroupIngress": "IpPermissions",
    "AWS::EC2::SecurityGroupEgress": "IpPermissionsEgress",
}


def install(context: OverlayContext) -> None:
    describe = handlers._ACTION_HANDLERS["DescribeStacks"]
    handlers._ACTION_HANDLERS["DescribeStacks"] = lambda request: _describe_stacks(describe, request)
    resources = handlers._ACTION_HANDLERS["DescribeStackResources"]
    handlers._ACTION_HANDLERS["DescribeStackResources"] = lambda request: _describe_stack_resources(
        resources, request
    )
    provisioners._physical_name = _with_region_in_names(provisioners._physical_name)
    types = provisioners._RESOURCE_HANDLERS
    for kind, permissions in _RULE_PERMISSIONS.items():
        types[kind] = _rule_handlers(permissions)
    types["AWS::Logs::Destination"] = {
        "create": _create_destination,
        "update": lambda _id, _old, properties, stack: _create_destination("", properties, stack),
        "delete": _delete_destination,
    }
    provisioners._sm_secret_string = _secret_string
    types["AWS::SecretsManager::Secret"] = _secret_handlers(types["AWS::SecretsManager::Secret"])
    types["AWS::ECS::TaskDefinition"] = _task_definition_handlers(types["AWS::ECS::TaskDefinition"])
    types["AWS::Lambda::Function"] = _function_handlers(types["AWS::Lambda::Function"])
    types["AWS::Logs::LogGroup"] = _log_group_handlers(types["AWS::Logs::LogGroup"])
    provisioners._STACK_TAG_PROPERTY["AWS::S3::Bucket"] = ("Tags", "list")
    bucket = types["AWS::S3::Bucket"]
    types["AWS::S3::Bucket"] = {**_tag_bucket(bucket), "delete": _refuse_if_not_empty(bucket["delete"])}


def resume() -> None:
    """Mark operations that the last stop interrupted as failed, so that stacks can be updated or deleted."""
    for stack in cloudformation._stacks._data.values():
        if status := INTERRUPTED.get(stack["StackStatus"]):
            stack["StackStatus"] = status
            stack["StackStatusReason"] = "The embedded cloud stopped during the operation"


def _describe_stacks(describe: Any, request: Any) -> Any:
    """Show each template's description; the emulator sets it only without a change set."""
    for stack in cloudformation._stacks.values():
        stack["Description"] = stack["_template"].get("Description", "")
    return describe(request)


def _with_region_in_names(original: Any) -> Any:
    """Give the roles of one stack in two regions two names; the emulator gives both the same.

    Names in the home region do not change, so stacks of an earlier version find their resources.
    """

    def named(stack: str, logical_id: str, *, seeded: bool = True, **options: Any) -> Any:
        if (region := get_region()) == HOME:
            return original(stack, logical_id, seeded=seeded, **options)
        seed = provisioners._NAME_SEED.get() if seeded else ""
        token = provisioners._NAME_SEED.set(f"{region}{seed}")
        try:
            return original(stack, logical_id, **options)
        finally:
            provisioners._NAME_SEED.reset(token)

    return named


def _describe_stack_resources(describe: Any, request: Any) -> Any:
    """Find the stack by a physical ID too; the emulator requires a stack name."""
    physical_id = helpers._p(request, "PhysicalResourceId")
    if not physical_id:
        return describe(request)
    for name, stack in cloudformation._stacks.items():
        if any(item.get("PhysicalResourceId") == physical_id for item in stack["_resources"].values()):
            return describe({**request, "StackName": [name]})
    return helpers._error("ValidationError", f"Stack for {physical_id} does not exist")


def _rule_handlers(permissions: str) -> dict[str, Any]:
    def create(_logical_id: str, properties: Properties, _stack: str) -> Created:
        group = ec2._security_groups.get(properties["GroupId"])
        if group is None:
            raise ValueError(f"The security group '{properties['GroupId']}' does not exist")
        group[permissions] += provisioners._ec2_sg_permissions([properties])
        return f"sgr-{uuid.uuid4().hex[:17]}", {}

    def delete(_physical_id: str, properties: Properties) -> None:
        if group := ec2._security_groups.get(properties.get("GroupId")):
            (rule,) = provisioners._ec2_sg_permissions([properties])
            group[permissions] = [existing for existing in group[permissions] if existing != rule]

    return {"create": create, "delete": delete}


def _function_handlers(emulated: dict[str, Any]) -> dict[str, Any]:
    """Convert the values of environment variables to texts, as CloudFormation does."""
    create, update = emulated["create"], emulated["update"]

    def texts(properties: Properties) -> Properties:
        environment = properties.get("Environment") or {}
        variables = {name: _text(value) for name, value in (environment.get("Variables") or {}).items()}
        return {**properties, "Environment": {**environment, "Variables": variables}}

    return {
        **emulated,
        "create": lambda logical_id, new, *rest: create(logical_id, texts(new), *rest),
        "update": lambda physical_id, old, new, *rest: update(physical_id, texts(old), texts(new), *rest),
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_destination(_logical_id: str, properties: Properties, _stack: str) -> Created:
    name = properties["DestinationName"]
    status, _, body = cloudwatch_logs._put_destination(
        {"destinationName": name, "targetArn": properties["TargetArn"], "roleArn": properties["RoleArn"]}
    )
    if status != 200:
        raise ValueError(json.loads(body)["message"])
    if policy := properties.get("DestinationPolicy"):
        cloudwatch_logs._put_destination_policy({"destinationName": name, "accessPolicy": policy})
    return name, {"Arn": f"arn:aws:logs:{get_region()}:{get_account_id()}:destination:{name}"}


def _delete_destination(physical_id: str, _properties: Properties) -> None:
    cloudwatch_logs._destinations.pop(physical_id, None)


def _secret_string(properties: Properties) -> str:
    """Generate a secret as GenerateSecretString says; the emulator knows its ExcludeCharacters only."""
    generate = properties.get("GenerateSecretString")
    if properties.get("SecretString") or not generate:
        return str(properties.get("SecretString", ""))
    options: Properties = {"PasswordLength": int(generate.get("PasswordLength", 32))}
    options["ExcludeCharacters"] = generate.get("ExcludeCharacters", "")
    for name in _GENERATION:
        options[name] = str(generate.get(name, name == _GENERATION[-1])).lower() == "true"
    status, _, body = secretsmanager._get_random_password(options)
    if status != 200:
        raise ValueError(json.loads(body)["message"])
    password = str(json.loads(body)["RandomPassword"])
    if template := generate.get("SecretStringTemplate"):
        return json.dumps({**json.loads(template), generate["GenerateStringKey"]: password})
    return password


def _secret_handlers(emulated: Any) -> dict[str, Any]:
    """Return a secret's ARN for Ref; the emulator returns its name, which matches no policy."""

    def arn(created: Created) -> Created:
        return secretsmanager._secrets[created[0]]["ARN"], created[1]

    def name(physical_id: str) -> str:
        return str(secretsmanager._resolve(physical_id)[0])

    return {
        **emulated,
        "create": lambda *arguments: arn(emulated["create"](*arguments)),
        "update": lambda id_, *arguments: arn(emulated["update"](name(id_), *arguments)),
        "delete": lambda id_, properties: emulated["delete"](name(id_), properties),
    }


def _log_group_handlers(emulated: Any) -> dict[str, Any]:
    """Name a log group without a name as AWS does: after the stack and the resource, not by a path."""

    def named(properties: Properties, name: str) -> Properties:
        return {"LogGroupName": name, **properties}

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        name = provisioners._physical_name(stack, logical_id)
        return emulated["create"](logical_id, named(properties, name), stack)

    def update(id_: str, old: Properties, new: Properties, *rest: Any) -> Any:
        return emulated["update"](id_, named(old, id_), named(new, id_), *rest)

    return {**emulated, "create": create, "update": update}


def _task_definition_handlers(emulated: Any) -> dict[str, Any]:
    """Convert all keys to the API's form; the emulator leaves nested keys as in the template."""

    def with_api_keys(created: Created) -> Created:
        definition = ecs._task_defs[created[0].rsplit("/", 1)[-1]]
        for part in ("containerDefinitions", "volumes"):
            definition[part] = provisioners._pascal_to_camel(definition[part])
        return created

    return {
        **emulated,
        "create": lambda *arguments: with_api_keys(emulated["create"](*arguments)),
        "update": lambda *arguments: with_api_keys(emulated["update"](*arguments)),
    }


def _tag_bucket(emulated: Any) -> dict[str, Any]:
    """Set the template's tags and CloudFormation's own on a bucket; the emulator drops both."""

    def tagged(created: Created, properties: Properties) -> Created:
        s3._bucket_tags[created[0]] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
        return created

    return {
        **emulated,
        "create": lambda id_, properties, stack: tagged(
            emulated["create"](id_, properties, stack), properties
        ),
        "update": lambda id_, old, new, stack: tagged(emulated["update"](id_, old, new, stack), new),
    }


def _refuse_if_not_empty(delete: Any) -> Any:
    """Refuse to delete a bucket with objects, as AWS does; the emulator deletes the objects too."""

    def guarded(physical_id: str, properties: Properties) -> None:
        bucket = s3._buckets.get(physical_id)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(physical_id)):
            raise ValueError("The bucket you tried to delete is not empty")
        delete(physical_id, properties)

    return guarded
