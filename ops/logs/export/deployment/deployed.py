"""What stands of the export: its stacks in every place, known by their descriptions, not by their names."""

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
class Standing:
    """The export's stack in one place, and its template; or why the place could not be read."""

    place: Place
    stack: Stack | None = None
    template: Any = field(default=None, repr=False)
    error: SlipwayError | None = None

    @property
    def is_central(self) -> bool:
        return self.stack is not None and self.stack.description == CENTRAL_DESCRIPTION

    @property
    def name(self) -> str:
        """As people say where it is."""
        return name_of(self.place)


def name_of(place: Place) -> str:
    return f"{place.account.name} {place.region}"


def read_standing(cloud: Cloud, places: Iterable[Place]) -> list[Standing]:
    """What stands in these places, read at once; a place that cannot be read says why."""
    readings = cloud.read(lambda place: read_place(cloud, place), places)
    return [reading.value or Standing(reading.place, error=reading.error) for reading in readings]


def read_place(cloud: Cloud, place: Place) -> Standing:
    """What stands in one place. Raises what AWS answers."""
    ours = [export.stack for export in find_exports(cloud, place)]
    if not ours:
        return Standing(place)
    stack = next((each for each in ours if each.name == STACK), ours[0])
    return Standing(
        place, stack, cloudformation.read_template(cloud, place.account.id, place.region, stack.id)
    )


def find_central(standings: Sequence[Standing]) -> Standing | None:
    """The one that holds the bucket; None where none stands. Raises InputError for several."""
    found = [standing for standing in standings if standing.is_central]
    if len(found) > 1:
        raise InputError(
            f"There are several exports: {', '.join(each.name for each in found)}.",
            field="central",
            hint="Say which is meant: its account and region.",
        )
    return found[0] if found else None


def belongs(standing: Standing, central: Standing) -> bool:
    """Whether the logs of that place go to this central stack."""
    if standing.stack is None or central.stack is None or standing.is_central:
        return standing == central
    stack = standing.stack
    arn = (stack.outputs.get("LogDestination") or stack.parameters.get("LogDestination", "")).split(":")
    if len(arn) != 7:  # it failed before it had a destination
        return standing.place.account == central.place.account
    return (arn[4], arn[6]) == (central.place.account.id, central.stack.parameters.get("DestinationName"))
