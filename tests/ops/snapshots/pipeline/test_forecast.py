"""The estimated duration and cost of a run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ops.aws.rds.databases import CLUSTER, Database
from ops.snapshots.compiler import REBUILD
from ops.snapshots.pipeline.forecast import dollars, forecast, price_per_hour

MINUTES = timedelta(minutes=1)
DATABASE = Database(
    id="prod",
    arn="arn",
    engine="postgres",
    version="18",
    status="available",
    instance_class="db.m6g.large",
    size_gib=730,
    kms_key="",
    cluster="",
    name="app",
)


def test_the_cost_is_the_sum_of_its_parts() -> None:
    found = forecast(DATABASE, 60 * MINUTES, instance_class="", keep=3)
    parts = dict(found.parts)
    assert parts["instance"] == pytest.approx(0.159)
    assert parts["storage"] == pytest.approx(0.115 + 0.095)  # 730 GiB for an hour of 730
    assert parts["task"] == pytest.approx(0.25 * 0.04048 + 0.5 * 0.004445)
    assert found.cost == pytest.approx(sum(parts.values()))
    assert found.storage_per_month == pytest.approx(730 * 3 * 0.095)
    assert "Estimated cost: $0.38 per run" in found.summary and "us-east-1" in found.summary


def test_a_rebuild_has_two_databases() -> None:
    found = forecast(DATABASE, 60 * MINUTES, instance_class="", keep=3, method=REBUILD)
    parts = dict(found.parts)
    assert parts["instance"] == pytest.approx(2 * 0.159)
    assert parts["storage"] == pytest.approx(2 * 0.115 + 0.095)


def test_a_short_run_is_billed_ten_minutes() -> None:
    quick, short = (forecast(DATABASE, n * MINUTES, instance_class="", keep=1) for n in (1, 10))
    assert quick.cost == short.cost
    assert quick.duration == MINUTES


def test_an_unknown_cost_has_a_reason() -> None:
    first = forecast(DATABASE, None, instance_class="", keep=1)
    assert first.cost is None and first.summary == "Cost estimate available after the first successful run."
    odd = forecast(DATABASE, MINUTES, instance_class="db.x9.huge", keep=1)
    assert odd.cost is None and "db.x9.huge" in odd.summary


def test_the_storage_of_a_cluster_is_not_included() -> None:
    cluster = replace(DATABASE, kind=CLUSTER, instance_class="db.r6g.2xlarge", size_gib=0)
    found = forecast(cluster, 60 * MINUTES, instance_class="", keep=1)
    assert dict(found.parts)["instance"] == pytest.approx(4 * 0.26)
    assert [part for part, _ in found.parts] == ["instance", "task"]
    assert found.storage_per_month is None


PRICED = {
    "db.t4g.micro": 0.129 / 8,
    "db.r5.4xlarge": 8 * 0.25,
    "db.serverless": None,
    "db.m5.metal": None,
    "db.m5.axlarge": None,
    "": None,
}


@pytest.mark.parametrize("instance_class", PRICED)
def test_prices_scale_with_the_size(instance_class: str) -> None:
    assert price_per_hour(instance_class, "instance") == PRICED[instance_class]


def test_amounts_are_formatted() -> None:
    assert [dollars(usd) for usd in (0.001, 0.014, 1234.5)] == ["less than $0.01", "$0.01", "$1,234.50"]
