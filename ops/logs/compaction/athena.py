"""Compact with the export's Lambda function and Athena, for data too large for this machine."""

import json
from dataclasses import dataclass
from typing import Any

from ops.aws import lambdas
from ops.aws.cloud import Cloud, Place
from ops.aws.lambdas import FunctionFailed
from ops.errors import NotFound
from ops.logs.compaction.local import CompactionFailed, Hours
from ops.logs.export.installed import find_exports
from ops.logs.lake.layout import Location, LogFormat
from ops.plan import ReportProgress

ANSWER_S = 930  # a function runs 15 minutes at most


@dataclass(frozen=True)
class LambdaCompactor:
    """Compacts hours with the Lambda function of the export that owns the bucket."""

    cloud: Cloud
    place: Place
    function: str
    kinds = (LogFormat.JSON, LogFormat.RAW)  # the formats that the function reads
    actions = ("lambda:InvokeFunction",)

    def make(self, hours: Hours, say: ReportProgress) -> None:
        """Invoke the function until no hour is left. Raises CompactionFailed if it makes no progress."""
        noted: set[str] = set()
        while True:
            report = self._call(hours)
            say(f"Compacted hours: {report['hours']}, events: {report['events']:,}")
            for note in report["left"]:
                if note not in noted:
                    say(f"Not compacted: {note}")
                    noted.add(note)
            if not report["not_begun"]:
                return
            if not report["events"]:
                raise CompactionFailed(
                    f"The function had no time left for some hours: {report['not_begun']}.",
                    hint="Run the command again with a shorter range.",
                )

    def _call(self, hours: Hours) -> dict[str, Any]:
        partition = next(iter(hours))
        event = {
            "first": f"{min(hours).hour:%Y-%m-%dT%H}",
            "last": f"{max(hours).hour:%Y-%m-%dT%H}",
            "accounts": [partition.account],
            "regions": [partition.region],
        }
        try:
            report: dict[str, Any] = lambdas.invoke_patiently(
                self.cloud, self.place, self.function, event, ANSWER_S
            )
        except FunctionFailed as error:
            raise _failure(error) from error
        return report


def find_compactor(cloud: Cloud, location: Location) -> LambdaCompactor:
    """Find the function of the export that writes to the location. Raises NotFound."""
    account = cloud.account(location.account)
    place = Place(account, location.region or cloud.settings.home_region)
    for export in find_exports(cloud, place):
        function = export.stack.outputs.get("Compactor")
        if function and export.location and str(export.location) == str(location):
            return LambdaCompactor(cloud, place, function)
    raise NotFound(
        f"No log export with the JSON or Raw format writes to {location} and has a compactor function.",
        hint="Update the export with `slipway logs deploy`, or use --engine duckdb.",
    )


def _failure(error: FunctionFailed) -> CompactionFailed:
    """Return the error with the first failed hour and its reason, or with the function's own message."""
    hint = "Searches still read these hours from their source objects. Run the command again."
    try:
        failed = json.loads(str(error))["failed"]
        hour, reason = next(iter(failed.items()))
    except (ValueError, KeyError, StopIteration):
        return CompactionFailed(str(error), hint=hint)
    return CompactionFailed(f"Hours that failed: {len(failed)}. {hour}: {reason}", hint=hint)
