"""An account's Regions: only the 17 that AWS enables by default; the emulator enables all others too."""

import json
from typing import Any

from ministack.services import account

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.services.account._DISPATCH",
    "ministack.services.account._OPT_IN_REQUIRED",
    "ministack.services.account._REGIONS_LIST",
)


def install(context: OverlayContext) -> None:
    account._DISPATCH["/listRegions"] = _list_regions


def _list_regions(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    statuses = request.get("RegionOptStatusContains")
    regions = [
        {"RegionName": name, "RegionOptStatus": status}
        for name in account._REGIONS_LIST
        for status in ["DISABLED" if name in account._OPT_IN_REQUIRED else "ENABLED_BY_DEFAULT"]
        if not statuses or status in statuses
    ]
    return 200, {"Content-Type": "application/json"}, json.dumps({"Regions": regions}).encode()
