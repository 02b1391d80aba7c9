"""Tags of log groups in the tagging API, which the emulator supports for other services only."""

from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, tagging

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.cloudwatch_logs._log_groups",
    "ministack.services.tagging._COLLECTORS",
    "ministack.services.tagging._matches_type_filters",
)


def install(context: OverlayContext) -> None:
    tagging._COLLECTORS["logs"] = _collect
    emulated = tagging._matches_type_filters

    def matches(arn: str, filters: list[str]) -> bool:
        """Match the resource type: the emulator splits at a slash, but log group names contain slashes."""
        is_log_group = arn.startswith("arn:aws:logs:")
        return bool(emulated(arn.replace("/", "-") if is_log_group else arn, filters))

    tagging._matches_type_filters = matches


def _collect() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    head = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:"
    for name, group in list(cloudwatch_logs._log_groups.items()):
        yield head + name, [{"Key": key, "Value": value} for key, value in (group.get("tags") or {}).items()]
