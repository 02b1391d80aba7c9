"""What a run is expected to take and to cost, and what nobody can tell."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ops.aws.rds.databases import CLUSTER, Database
from ops.snapshots.pipeline.forecast import forecast, money, price_an_hour

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


def test_the_parts_add_up() -> None:
    found = forecast(DATABASE, 60 * MINUTES, instance_class="", keep=3)
    parts = dict(found.parts)
    assert parts["instance"] == pytest.approx(0.159)
    assert parts["storage"] == pytest.approx(0.115 + 0.095)  # 730 GiB for an hour of 730
    assert parts["task"] == pytest.approx(0.25 * 0.04048 + 0.5 * 0.004445)
    assert found.cost == pytest.approx(sum(parts.values()))
    assert found.keeping_a_month == pytest.approx(730 * 3 * 0.095)
    assert "About $0.38 a run" in found.words and "us-east-1" in found.words


def test_a_short_run_is_billed_ten_minutes() -> None:
    quick, short = (forecast(DATABASE, n * MINUTES, instance_class="", keep=1) for n in (1, 10))
    assert quick.cost == short.cost
    assert quick.took == MINUTES


def test_what_nobody_can_tell_is_said() -> None:
    first = forecast(DATABASE, None, instance_class="", keep=1)
    assert first.cost is None and "no run has succeeded yet" in first.words
    odd = forecast(DATABASE, MINUTES, instance_class="db.x9.huge", keep=1)
    assert odd.cost is None and "db.x9.huge" in odd.words


def test_a_clusters_storage_is_left_out_because_its_size_is_not_known() -> None:
    cluster = replace(DATABASE, kind=CLUSTER, instance_class="db.r6g.2xlarge", size_gib=0)
    found = forecast(cluster, 60 * MINUTES, instance_class="", keep=1)
    assert dict(found.parts)["instance"] == pytest.approx(4 * 0.26)
    assert [what for what, _ in found.parts] == ["instance", "task"]
    assert found.keeping_a_month is None


PRICED = {
    "db.t4g.micro": 0.129 / 8,
    "db.r5.4xlarge": 8 * 0.25,
    "db.serverless": None,
    "db.m5.metal": None,
    "db.m5.axlarge": None,
    "": None,
}


@pytest.mark.parametrize("instance_class", PRICED)
def test_prices_follow_the_sizes(instance_class: str) -> None:
    assert price_an_hour(instance_class, "instance") == PRICED[instance_class]


def test_money_is_readable() -> None:
    assert [money(usd) for usd in (0.001, 0.014, 1234.5)] == ["less than a cent", "$0.01", "$1,234.50"]
