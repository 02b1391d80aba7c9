"""Estimate a query's data, time, and cost on each engine, and choose an engine. Pure."""

from dataclasses import dataclass

from ops.logs.lake.layout import Listing

# Orders of magnitude, from this project's benchmarks (docs/log-explorer.md) on two cores.
FETCH_BYTES_S = 60e6  # from S3 with 16 connections
FRESH_BYTES_S = 40e6  # gzip read, parsed, and searched
COMPACTED_BYTES_S = 150e6  # Parquet searched
OBJECT_S = 0.003  # per object, several in parallel
# Athena takes seconds to queue, plan, and start a query; then it reads with many machines.
ATHENA_START_S = 3.0
ATHENA_BYTES_S = 1e9
ATHENA_OBJECT_S = 0.002
# https://aws.amazon.com/athena/pricing/ : dollars per TB scanned (most regions), at least 10 MB per query.
ATHENA_DOLLARS_TB = 5.0
ATHENA_LEAST_BYTES = 10 * 2**20
PATIENCE_S = 30.0  # up to this, choose DuckDB even if Athena might be faster: it costs nothing


@dataclass(frozen=True)
class Cost:
    """What a query reads and costs on one engine, estimated or measured."""

    objects: int
    size_bytes: int
    seconds: float
    dollars: float


@dataclass(frozen=True)
class Estimate:
    """The cost on each engine; `chosen` is the engine for `auto`, and `why` the reason."""

    duckdb: Cost
    athena: Cost | None
    chosen: str
    why: str

    @property
    def cost(self) -> Cost:
        """The cost on the chosen engine."""
        return self.athena if self.chosen == "athena" and self.athena else self.duckdb


def choose(local: Cost, remote: Cost | None, *, engine: str = "auto", limit_bytes: int = 0) -> Estimate:
    """Choose an engine from the costs on DuckDB and on Athena, which is None if it is not available.

    `limit_bytes` is the data limit of Athena's workgroup, 0 for none.
    """
    if engine != "auto":
        return Estimate(local, remote, engine, "selected manually")
    chosen, why = _choose(local, remote, limit_bytes)
    return Estimate(local, remote, chosen, why)


def athena_dollars(scanned_bytes: int) -> float:
    """Return the price of an Athena query that scanned this much."""
    return max(scanned_bytes, ATHENA_LEAST_BYTES) / 1e12 * ATHENA_DOLLARS_TB


def duckdb_cost(listing: Listing) -> Cost:
    """Estimate a query over the listing on this machine."""
    reading = listing.fresh_bytes / FRESH_BYTES_S + listing.compacted_bytes / COMPACTED_BYTES_S
    seconds = listing.size_bytes / FETCH_BYTES_S + reading + listing.objects * OBJECT_S
    return Cost(listing.objects, listing.size_bytes, seconds, 0.0)


def athena_cost(listing: Listing) -> Cost:
    """Estimate the same on Athena, which reads the source objects, whether they are compacted or not."""
    size = listing.fresh_bytes + sum(part.source_bytes for part in listing.parts)
    objects = len(listing.fresh) + listing.covered
    seconds = ATHENA_START_S + size / ATHENA_BYTES_S + objects * ATHENA_OBJECT_S
    return Cost(objects, size, seconds, athena_dollars(size))


def _choose(local: Cost, remote: Cost | None, limit_bytes: int) -> tuple[str, str]:
    if remote is None:
        return "duckdb", "no Athena workgroup is available for these logs"
    if local.seconds <= PATIENCE_S:
        return "duckdb", f"about {_seconds(local.seconds)} on this machine, free of charge"
    if limit_bytes and remote.size_bytes > limit_bytes:
        return "duckdb", "the query exceeds the data limit of the Athena workgroup"
    if remote.seconds >= local.seconds:
        return "duckdb", f"about {_seconds(local.seconds)} on this machine; Athena would not be faster"
    return "athena", (
        f"about {_seconds(remote.seconds)} and ${remote.dollars:.2f}; "
        f"this machine would take {_seconds(local.seconds)}"
    )


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
