"""The export's stacks as they are deployed, recognized by their descriptions, not by their names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import Stack
from ops.errors import InputError, SlipwayError
from ops.logs.export.deployment.stacks import STACK
from ops.logs.export.installed import find_exports
from ops.templates.logs import CENTRAL_DESCRIPTION


@dataclass(frozen=True)
class ExportDeployment:
    """The export's stack in one account and region and its template, or the error that prevented reading."""

    place: Place
    stack: Stack | None = None
    template: Any = field(default=None, repr=False)
    error: SlipwayError | None = None

    @property
    def is_central(self) -> bool:
        return self.stack is not None and self.stack.description == CENTRAL_DESCRIPTION

    @property
    def name(self) -> str:
        return place_name(self.place)


def place_name(place: Place) -> str:
    """Return how an account and region are shown."""
    return f"{place.account.name} {place.region}"


def read_deployments(cloud: Cloud, places: Iterable[Place]) -> list[ExportDeployment]:
    """Read the export's stack in each account and region, in parallel; errors are part of the result."""
    readings = cloud.read(lambda place: read_place(cloud, place), places)
    return [reading.value or ExportDeployment(reading.place, error=reading.error) for reading in readings]


def read_place(cloud: Cloud, place: Place) -> ExportDeployment:
    """Read the export's stack in one account and region. Raises the error that AWS returns."""
    stacks = [export.stack for export in find_exports(cloud, place)]
    if not stacks:
        return ExportDeployment(place)
    stack = next((candidate for candidate in stacks if candidate.name == STACK), stacks[0])
    return ExportDeployment(
        place, stack, cloudformation.read_template(cloud, place.account.id, place.region, stack.id)
    )


def find_central(deployments: Sequence[ExportDeployment]) -> ExportDeployment | None:
    """Return the central stack, or None. Raises InputError if there are several."""
    central = [deployment for deployment in deployments if deployment.is_central]
    if len(central) > 1:
        raise InputError(
            f"There are several exports: {', '.join(deployment.name for deployment in central)}.",
            field="central",
            hint="Choose one by the account and region of its central stack.",
        )
    return central[0] if central else None


def belongs_to(deployment: ExportDeployment, central: ExportDeployment) -> bool:
    """Whether the deployment sends its logs to this central stack."""
    if deployment.stack is None or central.stack is None or deployment.is_central:
        return deployment == central
    stack = deployment.stack
    arn = (stack.outputs.get("LogDestination") or stack.parameters.get("LogDestination", "")).split(":")
    if len(arn) != 7:  # its creation failed before it had a destination
        return deployment.place.account == central.place.account
    return (arn[4], arn[6]) == (central.place.account.id, central.stack.parameters.get("DestinationName"))
