"""Regions of an account: the 17 that AWS enables by default; the emulator enables every other one as well."""

import json
from typing import Any

from ministack.services import account

from ops.embedded.context import Context

SEAMS = (
    "ministack.services.account._DISPATCH",
    "ministack.services.account._OPT_IN_REQUIRED",
    "ministack.services.account._REGIONS_LIST",
)


def install(context: Context) -> None:
    account._DISPATCH["/listRegions"] = _list_regions


def _list_regions(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    wanted = request.get("RegionOptStatusContains")
    regions = [
        {"RegionName": name, "RegionOptStatus": status}
        for name in account._REGIONS_LIST
        for status in ["DISABLED" if name in account._OPT_IN_REQUIRED else "ENABLED_BY_DEFAULT"]
        if not wanted or status in wanted
    ]
    return 200, {"Content-Type": "application/json"}, json.dumps({"Regions": regions}).encode()
