"""CloudFormation: resource types that the emulator lacks, and a bucket that is not empty stays."""

import json
import uuid
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation, cloudwatch_logs, ec2, ecs, s3, secretsmanager
from ministack.services.cloudformation import handlers, helpers, provisioners

from ops.embedded.accounts import HOME
from ops.embedded.context import Context

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

Properties = dict[str, Any]
Created = tuple[str, dict[str, str]]

_RULES = {
    "AWS::EC2::SecurityGroupIngress": "IpPermissions",
    "AWS::EC2::SecurityGroupEgress": "IpPermissionsEgress",
}


def install(context: Context) -> None:
    describe = handlers._ACTION_HANDLERS["DescribeStacks"]
    handlers._ACTION_HANDLERS["DescribeStacks"] = lambda request: _describe(describe, request)
    resources = handlers._ACTION_HANDLERS["DescribeStackResources"]
    handlers._ACTION_HANDLERS["DescribeStackResources"] = lambda request: _resources(resources, request)
    provisioners._physical_name = _named_by_region(provisioners._physical_name)
    types = provisioners._RESOURCE_HANDLERS
    for kind, permissions in _RULES.items():
        types[kind] = _rule_handlers(permissions)
    types["AWS::Logs::Destination"] = {
        "create": _create_destination,
        "update": lambda _id, _old, properties, stack: _create_destination("", properties, stack),
        "delete": _delete_destination,
    }
    types["AWS::SecretsManager::Secret"] = _secret_by_arn(types["AWS::SecretsManager::Secret"])
    types["AWS::ECS::TaskDefinition"] = _task_definition(types["AWS::ECS::TaskDefinition"])
    provisioners._STACK_TAG_PROPERTY["AWS::S3::Bucket"] = ("Tags", "list")
    bucket = types["AWS::S3::Bucket"]
    types["AWS::S3::Bucket"] = {**_tagged_bucket(bucket), "delete": _guarded(bucket["delete"])}


def resume() -> None:
    """What was under way when the cloud ended is so no longer: it can be deleted, or updated again."""
    for stack in cloudformation._stacks._data.values():
        if status := INTERRUPTED.get(stack["StackStatus"]):
            stack["StackStatus"] = status
            stack["StackStatusReason"] = "The cloud was stopped meanwhile"


def _describe(describe: Any, request: Any) -> Any:
    """A stack bears its template's description; the emulator sets it only where no change set was used."""
    for stack in cloudformation._stacks.values():
        stack["Description"] = stack["_template"].get("Description", "")
    return describe(request)


def _named_by_region(original: Any) -> Any:
    """The same stack in two regions has roles of two names; the emulator's take each other's place.

    Names at home stay as they are: what was deployed by an earlier version finds its resources again.
    """

    def named(stack: str, logical_id: str, *, seeded: bool = True, **more: Any) -> Any:
        if (region := get_region()) == HOME:
            return original(stack, logical_id, seeded=seeded, **more)
        seed = provisioners._NAME_SEED.get() if seeded else ""
        token = provisioners._NAME_SEED.set(f"{region}{seed}")
        try:
            return original(stack, logical_id, **more)
        finally:
            provisioners._NAME_SEED.reset(token)

    return named


def _resources(describe: Any, request: Any) -> Any:
    """Of the stack that holds a physical id; the emulator wants a stack's name."""
    wanted = helpers._p(request, "PhysicalResourceId")
    if not wanted:
        return describe(request)
    for name, stack in cloudformation._stacks.items():
        if any(item.get("PhysicalResourceId") == wanted for item in stack["_resources"].values()):
            return describe({**request, "StackName": [name]})
    return helpers._error("ValidationError", f"Stack for {wanted} does not exist")


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
            group[permissions] = [each for each in group[permissions] if each != rule]

    return {"create": create, "delete": delete}


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


def _secret_by_arn(emulated: Any) -> dict[str, Any]:
    """Ref of a secret is its ARN; the emulator gives its name, which no policy matches."""

    def arn(made: Created) -> Created:
        return secretsmanager._secrets[made[0]]["ARN"], made[1]

    def name(physical_id: str) -> str:
        return str(secretsmanager._resolve(physical_id)[0])

    return {
        **emulated,
        "create": lambda *arguments: arn(emulated["create"](*arguments)),
        "update": lambda id_, *arguments: arn(emulated["update"](name(id_), *arguments)),
        "delete": lambda id_, properties: emulated["delete"](name(id_), properties),
    }


def _task_definition(emulated: Any) -> dict[str, Any]:
    """Everything in the API's form; the emulator leaves what lies deeper in the template's."""

    def mended(made: Created) -> Created:
        definition = ecs._task_defs[made[0].rsplit("/", 1)[-1]]
        for part in ("containerDefinitions", "volumes"):
            definition[part] = provisioners._pascal_to_camel(definition[part])
        return made

    return {
        **emulated,
        "create": lambda *arguments: mended(emulated["create"](*arguments)),
        "update": lambda *arguments: mended(emulated["update"](*arguments)),
    }


def _tagged_bucket(emulated: Any) -> dict[str, Any]:
    """A bucket bears the template's tags and CloudFormation's own; the emulator drops both."""

    def tagged(made: Created, properties: Properties) -> Created:
        s3._bucket_tags[made[0]] = {tag["Key"]: tag["Value"] for tag in properties.get("Tags") or []}
        return made

    return {
        **emulated,
        "create": lambda id_, properties, stack: tagged(
            emulated["create"](id_, properties, stack), properties
        ),
        "update": lambda id_, old, new, stack: tagged(emulated["update"](id_, old, new, stack), new),
    }


def _guarded(delete: Any) -> Any:
    """The emulator deletes a bucket with all that is in it; AWS refuses while anything is left."""

    def guarded(physical_id: str, properties: Properties) -> None:
        bucket = s3._buckets.get(physical_id)
        if bucket and (bucket["objects"] or s3._bucket_has_versions(physical_id)):
            raise ValueError("The bucket you tried to delete is not empty")
        delete(physical_id, properties)

    return guarded
