"""The network of a Fargate task: what it reaches decides whether it starts, and what its programs reach.

Fargate may place a task in any of its subnets. The embedded cloud places it in the one that reaches least.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
"""

import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

from ministack.core.responses import get_region, new_uuid
from ministack.services import ecs

from ops.embedded.vpc import reach
from ops.embedded.vpc.reach import NetworkInterface
from ops.embedded.vpc.routes import INTERNET

SEAMS = ("ministack.services.ecs._tasks",)

Record = dict[str, Any]

UNREACHABLE_PORTS = "SLIPWAY_UNREACHABLE_PORTS"  # local ports of databases, separated by spaces
UNREACHABLE_SERVICES = "SLIPWAY_UNREACHABLE_SERVICES"  # names as botocore has them
_PROGRAM_SERVICES = ("s3",)  # what the programs that replace images call

_PRIVATE_REGISTRY = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
_DOCKER_HUB = "registry-1.docker.io"
_TIMEOUT = f"dial tcp {INTERNET}:443: i/o timeout"
_NO_SECRET = "ResourceInitializationError: unable to pull secrets or registry auth: "  # nosec B105: a message
_REGISTRY_AUTH = (
    "The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and "
    "Amazon ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded "
    "maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, "
    'Post "https://api.ecr.{region}.amazonaws.com/": {timeout}'
)
_SECRET = (
    "unable to retrieve secret from asm: There is a connection issue between the task and AWS Secrets "
    "Manager. Check your task network configuration. failed to fetch secret {arn} from secrets manager: "
    "operation error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , "
    "canceled, context deadline exceeded"
)
_PARAMETER = (
    "unable to retrieve secrets from ssm: The task cannot pull secrets from AWS Systems Manager. There is a "
    "connection issue between the task and AWS Systems Manager Parameter Store. Check your task network "
    "configuration. RequestCanceled: request context canceled caused by: context deadline exceeded"
)
_LOGGER = (
    "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch "
    "log group defined in the task definition. There is a connection issue between the task and Amazon "
    "CloudWatch. Check your network configuration. : signal: killed"
)
_PULL = "CannotPullContainerError: "
_NO_MANIFEST = (
    "pull image manifest has been retried 5 time(s): failed to resolve ref {image}: failed to do request: "
    'Head "https://{host}/v2/{repository}/manifests/{tag}": {timeout}'
)
_NO_LAYER = (
    "ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: failed to do request: "
    'Get "https://prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com/": {timeout}'
)

_networks: dict[str, Record] = {}  # awsvpcConfiguration by task
_known = threading.Lock()


def with_network(run_task: Callable[[Record], Any]) -> Callable[[Record], Any]:
    """Return RunTask that keeps the network configuration, which the emulator drops."""

    def run(request: Record) -> Any:
        with _known:  # the tasks' threads wait in `interfaces`
            before = set(ecs._tasks)
            response = run_task(request)
            network = (request.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
            for arn in set(ecs._tasks) - before:
                _networks[arn] = network
        return response

    return run


def interfaces(task: Record) -> list[NetworkInterface]:
    """Return the interface that a Fargate task would have in each of its subnets; none of other tasks."""
    with _known:
        network = _networks.pop(task["taskArn"], {})
    if task.get("launchType") != "FARGATE":
        return []
    return [
        NetworkInterface(
            name=task["taskArn"],
            subnet_id=subnet,
            security_groups=tuple(network.get("securityGroups") or ()),
            public_ip=network.get("assignPublicIp") == "ENABLED",
        )
        for subnet in network.get("subnets") or ()
    ]


def attach(task: Record, interface: NetworkInterface) -> None:
    """Describe the interface as DescribeTasks does."""
    details = {"subnetId": interface.subnet_id, "privateIPv4Address": interface.end.address}
    task["attachments"] = [
        {
            "id": new_uuid(),
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [{"name": name, "value": value} for name, value in details.items()],
        }
    ]


def problem(interface: NetworkInterface, definition: Record) -> str:
    """Return ECS's stopped reason if the task cannot start for want of a connection, otherwise empty."""
    containers = definition["containerDefinitions"]
    checks = (
        *(
            _secret(interface, secret["valueFrom"])
            for each in containers
            for secret in each.get("secrets", [])
        ),
        *(_image(interface, each["image"]) for each in containers),
        *(_logs(interface, each.get("logConfiguration") or {}) for each in containers),
    )
    return next(filter(None, checks), "")


def environment(candidates: Iterable[NetworkInterface]) -> dict[str, str]:
    """Return the variables that list what the programs of a task do not reach."""
    ports: set[int] = set()
    services: set[str] = set()
    for interface in candidates:
        ports |= set(reach.unreachable_databases(interface))
        services |= {name for name in _PROGRAM_SERVICES if not reach.service(interface, name)}
    found = {
        UNREACHABLE_PORTS: " ".join(map(str, sorted(ports))),
        UNREACHABLE_SERVICES: " ".join(sorted(services)),
    }
    return {name: value for name, value in found.items() if value}


def _secret(interface: NetworkInterface, value_from: str) -> str:
    region = value_from.split(":")[3] if value_from.startswith("arn:") else ""
    if ":secretsmanager:" in value_from:
        if not reach.service(interface, "secretsmanager", region):
            return _NO_SECRET + _SECRET.format(arn=":".join(value_from.split(":")[:7]))
    elif not reach.service(interface, "ssm", region):
        return _NO_SECRET + _PARAMETER
    return ""


def _image(interface: NetworkInterface, image: str) -> str:
    host, _, path = image.partition("/")
    if private := _PRIVATE_REGISTRY.fullmatch(host):
        return _private_image(interface, image, host, private[1])
    if not path or not re.search(r"[.:]|^localhost$", host):
        host, path = _DOCKER_HUB, image if path else f"library/{image}"
    return "" if reach.internet(interface) else _PULL + _manifest(image, host, path)


def _private_image(interface: NetworkInterface, image: str, host: str, region: str) -> str:
    """The layers of a private image are in Amazon S3.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
    """
    if not reach.service(interface, "ecr.api", region):
        return _NO_SECRET + _REGISTRY_AUTH.format(region=region, timeout=_TIMEOUT)
    if not reach.service(interface, "ecr.dkr", region):
        return _PULL + _manifest(image, host, image.partition("/")[2])
    if not reach.service(interface, "s3", region):
        return _PULL + _NO_LAYER.format(region=region, timeout=_TIMEOUT)
    return ""


def _manifest(image: str, host: str, path: str) -> str:
    name, _, digest = path.partition("@")
    repository, _, tag = name.partition(":")
    return _NO_MANIFEST.format(
        image=image, host=host, repository=repository, tag=digest or tag or "latest", timeout=_TIMEOUT
    )


def _logs(interface: NetworkInterface, configuration: Record) -> str:
    if configuration.get("logDriver") != "awslogs":
        return ""
    region = (configuration.get("options") or {}).get("awslogs-region") or get_region()
    return "" if reach.service(interface, "logs", region) else _LOGGER
