"""Which engine *auto* selects, and the reason."""

from datetime import UTC, datetime

import pytest

from ops.logs.lake.layout import Listing, Location, LogFormat, LogObject, Part, Partition, Scope
from ops.logs.search.estimate import Estimate, athena_cost, athena_dollars, choose, duckdb_cost

HOUR = datetime(2026, 11, 24, 10, tzinfo=UTC)
SCOPE = Scope(HOUR, HOUR.replace(hour=11))
PLACE = Partition(HOUR, "111111111111", "eu-west-1")


def listing(fresh: int = 0, compacted: int = 0, source: int = 0) -> Listing:
    objects = (LogObject("json/a.gz", fresh, "e", LogFormat.JSON, PLACE),) if fresh else ()
    parts = (Part("compacted/a.parquet", compacted, 10, source, PLACE, LogFormat.JSON),) if compacted else ()
    return Listing(Location("logs"), SCOPE, parts, objects, covered=len(parts))


def estimate(read: Listing, *, athena: bool, engine: str = "auto", limit_bytes: int = 0) -> Estimate:
    remote = athena_cost(read) if athena else None
    return choose(duckdb_cost(read), remote, engine=engine, limit_bytes=limit_bytes)


def test_small_queries_run_on_duckdb_free_of_charge() -> None:
    found = estimate(listing(fresh=10**7), athena=True)
    assert (found.chosen, found.cost.dollars) == ("duckdb", 0.0)
    assert "free" in found.why
    assert found.duckdb.objects == 1


def test_large_queries_run_on_athena_with_their_price() -> None:
    found = estimate(listing(fresh=2 * 10**11), athena=True)
    assert found.chosen == "athena"
    assert found.cost.dollars == pytest.approx(1.0)
    assert "$1.00" in found.why


def test_without_athena_duckdb_is_chosen_with_the_reason() -> None:
    found = estimate(listing(fresh=10**12), athena=False)
    assert (found.chosen, found.athena) == ("duckdb", None)
    assert "no Athena" in found.why


def test_the_data_limit_of_the_workgroup_is_respected() -> None:
    assert estimate(listing(fresh=2 * 10**11), athena=True, limit_bytes=10**11).chosen == "duckdb"


def test_athena_reads_the_sources_of_compacted_hours() -> None:
    found = estimate(listing(compacted=10**6, source=10**9), athena=True)
    assert found.athena and found.athena.size_bytes == 10**9
    assert found.duckdb.size_bytes == 10**6


def test_a_manual_choice_is_kept() -> None:
    assert estimate(listing(fresh=10**12), athena=True, engine="duckdb").chosen == "duckdb"


def test_a_query_costs_at_least_ten_megabytes() -> None:
    assert athena_dollars(1) == athena_dollars(10 * 2**20) > 0
