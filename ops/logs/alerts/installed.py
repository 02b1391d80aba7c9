"""The function that judges the alerts of a dataset, and the topics that it can notify."""

from dataclasses import dataclass

from ops.aws.cloud import Cloud, Place
from ops.errors import InputError, NotFound
from ops.logs.export.installed import find_exports
from ops.logs.lake.layout import Location


@dataclass(frozen=True)
class AlertFunction:
    """The function of the export that writes to a location. The first topic is the default.

    `database` has the tables that it queries.
    """

    place: Place
    name: str
    database: str
    topics: tuple[str, ...]

    def topic(self, chosen: str) -> str:
        """Return the topic to notify. Raises InputError if the function has none, or not this one."""
        if not chosen and self.topics:
            return self.topics[0]
        if chosen in self.topics:
            return chosen
        raise InputError(
            f"The export does not allow notices to {chosen}."
            if chosen
            else "The export has no topic to notify.",
            field="topic",
            hint="Deploy the export with its ARN in the parameter AlertTopics, or with a notification email.",
        )


def find_function(cloud: Cloud, location: Location) -> AlertFunction:
    """Find the function of the export that writes to the location. Raises NotFound."""
    account = cloud.account(location.account)
    place = Place(account, location.region or cloud.settings.home_region)
    for export in find_exports(cloud, place):
        stack = export.stack
        if not export.location or str(export.location) != str(location):
            continue
        if name := stack.outputs.get("Alerts"):
            named = stack.parameters.get("AlertTopics", "").split(",")
            topics = [stack.outputs.get("AlertTopic", ""), *named]
            allowed = tuple(dict.fromkeys(filter(None, topics)))
            return AlertFunction(place, name, stack.outputs["Database"], allowed)
        raise NotFound(
            f"The log export {stack.name} has no function for alerts yet.",
            hint="Update the export on the Log export page, or with `slipway logs deploy`.",
        )
    raise NotFound(
        f"No log export writes to {location}.",
        hint="Alerts need the export's function: deploy the log export, or choose a dataset that it writes.",
    )
