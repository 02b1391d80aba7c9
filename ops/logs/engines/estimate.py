"""What a query would read, take and cost on each engine, before it runs; which to choose, and why. Pure."""

from dataclasses import dataclass

from ops.logs.lake.layout import Listing

# Seconds are estimates of magnitude, from this project's benchmarks (docs/log-explorer.md) on two cores.
FETCH_BYTES_S = 60e6  # from S3 with 16 connections
FRESH_BYTES_S = 40e6  # gzip read, parsed and searched
COMPACTED_BYTES_S = 150e6  # Parquet searched
OBJECT_S = 0.003  # per object, several at once
# Athena: queueing, planning and starting take seconds; then it reads with many machines.
ATHENA_START_S = 3.0
ATHENA_BYTES_S = 1e9
ATHENA_OBJECT_S = 0.002
# https://aws.amazon.com/athena/pricing/ : dollars a TB scanned (most regions), at least 10 MB a query.
ATHENA_DOLLARS_TB = 5.0
ATHENA_LEAST_BYTES = 10 * 2**20
PATIENCE_S = 30.0  # up to here DuckDB is chosen even where Athena might be quicker: it costs nothing


@dataclass(frozen=True)
class Cost:
    """Of one query on one engine."""

    objects: int
    size_bytes: int
    seconds: float
    dollars: float


@dataclass(frozen=True)
class Estimate:
    """`chosen` is the engine that *auto* takes, `why` says so in words."""

    duckdb: Cost
    athena: Cost | None
    chosen: str
    why: str

    @property
    def cost(self) -> Cost:
        """Of the chosen engine."""
        return self.athena if self.chosen == "athena" and self.athena else self.duckdb


def estimate(
    listing: Listing, *, athena: bool, wanted: str = "auto", cached_bytes: int = 0, limit_bytes: int = 0
) -> Estimate:
    """`athena` says whether there is one to ask; `limit_bytes` is its work group's, 0 for none."""
    local = _duckdb(listing, cached_bytes)
    remote = _athena(listing) if athena else None
    if wanted != "auto":
        return Estimate(local, remote, wanted, "it was chosen by hand")
    chosen, why = _choose(local, remote, limit_bytes)
    return Estimate(local, remote, chosen, why)


def athena_dollars(scanned_bytes: int) -> float:
    """What Athena charges for a query that has scanned so much."""
    return max(scanned_bytes, ATHENA_LEAST_BYTES) / 1e12 * ATHENA_DOLLARS_TB


def _duckdb(listing: Listing, cached_bytes: int) -> Cost:
    fetched = max(0, listing.size_bytes - cached_bytes)
    reading = listing.fresh_bytes / FRESH_BYTES_S + listing.compacted_bytes / COMPACTED_BYTES_S
    seconds = fetched / FETCH_BYTES_S + reading + listing.objects * OBJECT_S
    return Cost(listing.objects, listing.size_bytes, seconds, 0.0)


def _athena(listing: Listing) -> Cost:
    """Athena reads the objects as they were delivered, compacted or not."""
    size = listing.fresh_bytes + sum(part.source_bytes for part in listing.parts)
    objects = len(listing.fresh) + listing.covered
    seconds = ATHENA_START_S + size / ATHENA_BYTES_S + objects * ATHENA_OBJECT_S
    return Cost(objects, size, seconds, athena_dollars(size))


def _choose(local: Cost, remote: Cost | None, limit_bytes: int) -> tuple[str, str]:
    if remote is None:
        return "duckdb", "no Athena work group is deployed for these logs"
    if local.seconds <= PATIENCE_S:
        return "duckdb", f"about {_seconds(local.seconds)} on this machine, and free"
    if limit_bytes and remote.size_bytes > limit_bytes:
        return "duckdb", "Athena's work group does not allow to scan as much"
    if remote.seconds >= local.seconds:
        return "duckdb", f"about {_seconds(local.seconds)} on this machine; Athena would not be quicker"
    return "athena", (
        f"about {_seconds(remote.seconds)} and ${remote.dollars:.2f}, "
        f"where this machine would need {_seconds(local.seconds)}"
    )


def _seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
