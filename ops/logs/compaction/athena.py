"""Compaction by the export's own function and Athena, for hours that this machine does not hold."""

import json
from dataclasses import dataclass
from typing import Any

from ops.aws import lambdas
from ops.aws.cloud import Cloud, Place
from ops.aws.lambdas import FunctionFailed
from ops.errors import NotFound
from ops.logs.compaction.local import CompactionFailed, Hours
from ops.logs.export.installed import find_exports
from ops.logs.lake.layout import Kind, Location
from ops.plan import ReportProgress

ANSWER_S = 930  # a function runs 15 minutes at most


@dataclass(frozen=True)
class InAws:
    """The function of the export whose bucket holds the hours."""

    cloud: Cloud
    place: Place
    function: str
    kinds = (Kind.JSON, Kind.RAW)  # what it reads
    actions = ("lambda:InvokeFunction",)

    def make(self, hours: Hours, say: ReportProgress) -> None:
        """Calls it again as long as it gets on. Raises CompactionFailed."""
        left: set[str] = set()
        while True:
            report = self._call(hours)
            say(f"{report['events']:,} events of {report['hours']} hours")
            for note in report["left"]:
                if note not in left:
                    say(f"Left as it is: {note}")
                    left.add(note)
            if not report["not_begun"]:
                return
            if not report["events"]:
                raise CompactionFailed(
                    f"{report['not_begun']} hours found no time.", hint="Run it again, with a shorter range."
                )

    def _call(self, hours: Hours) -> dict[str, Any]:
        one = next(iter(hours))
        event = {
            "first": f"{min(hours).hour:%Y-%m-%dT%H}",
            "last": f"{max(hours).hour:%Y-%m-%dT%H}",
            "accounts": [one.account],
            "regions": [one.region],
        }
        try:
            report: dict[str, Any] = lambdas.invoke_patiently(
                self.cloud, self.place, self.function, event, ANSWER_S
            )
        except FunctionFailed as error:
            raise _told(error) from error
        return report


def find_compactor(cloud: Cloud, location: Location) -> InAws:
    """The one whose export writes to the location. Raises NotFound."""
    account = cloud.account(location.account)
    place = Place(account, location.region or cloud.settings.home_region)
    for export in find_exports(cloud, place):
        function = export.stack.outputs.get("Compactor")
        if function and export.location and str(export.location) == str(location):
            return InAws(cloud, place, function)
    raise NotFound(
        f"No export that writes JSON lines or Raw to {location} has a function that compacts.",
        hint="Update the export with `python -m ops logs deploy`, or compact with --engine duckdb.",
    )


def _told(error: FunctionFailed) -> CompactionFailed:
    """The first hour that failed, and why; what else it raised as it is."""
    hint = "The hours are read from their sources as before. Run it again."
    try:
        failed = json.loads(str(error))["failed"]
        hour, reason = next(iter(failed.items()))
    except (ValueError, KeyError, StopIteration):
        return CompactionFailed(str(error), hint=hint)
    return CompactionFailed(f"{len(failed)} hours failed; {hour}: {reason}", hint=hint)
