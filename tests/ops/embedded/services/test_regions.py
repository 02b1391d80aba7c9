"""Regions on the embedded cloud: those of a new AWS account."""

from typing import Any

from tests.ops.embedded.overlay import client


def test_a_new_account_has_the_17_default_regions(embedded: Any) -> None:
    accounts = client(embedded, "account")
    enabled = accounts.list_regions(RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"])["Regions"]
    assert len(enabled) == 17
    assert {"us-east-1", "eu-west-1", "ap-southeast-2", "sa-east-1"} <= {
        item["RegionName"] for item in enabled
    }
    status = {item["RegionName"]: item["RegionOptStatus"] for item in accounts.list_regions()["Regions"]}
    assert status["af-south-1"] == "DISABLED"
