"""Saves services with many events faster: without a deep copy, and in one call of the C JSON encoder.

The emulator copies every event, then encodes with Python's slow path: at 200,000 events that takes longer
than the interval between two saves.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import cloudwatch, cloudwatch_logs, firehose, kinesis

from ops.embedded import state_files
from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.app._get_module",
    "ministack.app._load_persisted_state",
    "ministack.app._state_map",
    "ministack.core.persistence.save_state",
    "ministack.core.persistence._state_format_version",
    "ministack.core.persistence._json_default",
    "ministack.services.cloudwatch.get_state",
    "ministack.services.cloudwatch_logs.get_state",
    "ministack.services.kinesis.get_state",
    "ministack.services.firehose.get_state",
)
State = dict[str, Any]

_HELD: dict[Any, tuple[str, ...]] = {
    cloudwatch_logs: (
        "log_groups",
        "destinations",
        "resource_policies",
        "log_group_policies",
        "metric_filters",
        "queries",
        "delivery_sources",
        "delivery_destinations",
        "deliveries",
    ),
    kinesis: ("streams", "consumers", "resource_policies"),
    cloudwatch: (
        "metrics",
        "alarms",
        "composite_alarms",
        "composite_triggers",
        "alarm_history",
        "dashboards",
        "resource_tags",
    ),
}


def install(context: OverlayContext) -> None:
    persistence.save_state = _save
    app._load_persisted_state = _load_all
    for module, names in _HELD.items():
        module.get_state = partial(_state, module, names)
    firehose.get_state = lambda: {"_streams": firehose._streams, "_dest_counter": firehose._dest_counter}


def _state(module: Any, names: tuple[str, ...]) -> State:
    return {name: getattr(module, f"_{name}") for name in names}


def _save(service: str, data: State) -> None:
    folder = Path(persistence.STATE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    document = {"__ministack_format__": persistence._state_format_version(service), "payload": data}
    state_files.write(folder / f"{service}.json", json.dumps(document, default=_plain))


def _load_all() -> None:
    """Load the state of every service. One that cannot be loaded ends the start: empty, it would be saved."""
    for service, module in app._state_map.items():
        if state := persistence.load_state(service):
            app._get_module(module).load_persisted_state(state)


def _plain(value: Any) -> Any:
    """Return the emulator's JSON form from a snapshot: other threads write at the same time."""
    if isinstance(value, AccountRegionScopedDict):
        items = {f"{a}\0{region}\0{key!r}": item for (a, region, key), item in list(value._data.items())}
        return {"__account_region_scoped__": True, "data": items}
    if isinstance(value, AccountScopedDict):
        scoped = {f"{account}\0{key!r}": item for (account, key), item in list(value._data.items())}
        return {"__scoped__": True, "data": scoped}
    return persistence._json_default(value)
