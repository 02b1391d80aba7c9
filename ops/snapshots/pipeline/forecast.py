"""Estimates the duration and cost of a run from the previous runs and the size of the database.

Prices are rounded list prices in US dollars: us-east-1, on demand, Single-AZ, as of 2025. Other regions cost
up to 50% more. The result is an order of magnitude, not the amount on the bill.
"""

from dataclasses import dataclass
from datetime import timedelta

from ops.aws.rds.databases import CLUSTER, Database
from ops.snapshots.compiler import IN_PLACE, REBUILD

PRICES = "list prices of us-east-1, 2025"
HOURS_PER_MONTH = 730
MINIMUM_BILLED = timedelta(minutes=10)  # per DB instance: Amazon RDS pricing
TASK_PER_HOUR = 0.25 * 0.04048 + 0.5 * 0.004445  # Fargate: 0.25 vCPU, 0.5 GB
STORAGE_GIB_MONTH = 0.115
SNAPSHOT_GIB_MONTH = 0.095

# US dollars per hour for the size `large`; other sizes scale proportionally.
_INSTANCES = {
    "t3": 0.145,
    "t4g": 0.129,
    "m5": 0.178,
    "m6g": 0.159,
    "m6i": 0.178,
    "m7g": 0.168,
    "r5": 0.25,
    "r6g": 0.225,
    "r6i": 0.25,
    "r7g": 0.239,
}
_AURORA = {"t3": 0.164, "t4g": 0.146, "r5": 0.29, "r6g": 0.26, "r6i": 0.29, "r7g": 0.276}
_SIZES = {"micro": 1 / 8, "small": 1 / 4, "medium": 1 / 2, "large": 1.0, "xlarge": 2.0}


@dataclass(frozen=True)
class Forecast:
    """The expected duration and cost of a run. Either can be None; `unknown` says why."""

    duration: timedelta | None
    cost: float | None
    parts: tuple[tuple[str, float], ...]
    storage_per_month: float | None
    unknown: str = ""

    @property
    def summary(self) -> str:
        """The cost in a sentence or two. Parts of less than one cent are not listed."""
        if self.cost is None:
            return self.unknown
        parts = ", ".join(f"{part} {dollars(usd)}" for part, usd in self.parts if usd >= 0.01)
        basis = f"{parts}; {PRICES}" if parts else PRICES
        storage = self.storage_per_month
        kept = "" if storage is None else f" Snapshot storage: up to {dollars(storage)}/month."
        return f"Estimated cost: {dollars(self.cost)} per run ({basis}).{kept}"


def dollars(usd: float) -> str:
    """Format an amount: `$0.02`, `less than $0.01`."""
    return f"${usd:,.2f}" if usd >= 0.01 else "less than $0.01"


def price_per_hour(instance_class: str, kind: str) -> float | None:
    """Return the price of an instance class in US dollars; None if it is not in the price table."""
    _, _, rest = instance_class.partition("db.")
    family, _, size = rest.partition(".")
    large = (_AURORA if kind == CLUSTER else _INSTANCES).get(family)
    factor = _SIZES.get(size)
    if factor is None and size.removesuffix("xlarge").isdigit():
        factor = 2.0 * int(size.removesuffix("xlarge"))
    return large * factor if large and factor else None


def forecast(
    database: Database, typical: timedelta | None, *, instance_class: str, keep: int, method: str = IN_PLACE
) -> Forecast:
    """Estimate a run from its `typical` duration. An empty `instance_class` is that of the source."""
    databases = 2 if method == REBUILD else 1
    chosen = instance_class or database.instance_class
    price = price_per_hour(chosen, database.kind)
    size = float(database.size_gib)
    kept = size * keep * SNAPSHOT_GIB_MONTH if size else None
    if typical is None:
        return Forecast(None, None, (), kept, "Cost estimate available after the first successful run.")
    if price is None:
        unknown = f"No cost estimate: {chosen or 'the instance class'} is not in the price table."
        return Forecast(typical, None, (), kept, unknown)
    hours = max(typical, MINIMUM_BILLED) / timedelta(hours=1)
    storage = size * (databases * STORAGE_GIB_MONTH + SNAPSHOT_GIB_MONTH) * hours / HOURS_PER_MONTH
    parts = (("instance", databases * price * hours), ("task", TASK_PER_HOUR * hours), ("storage", storage))
    shown = parts if size else parts[:2]  # RDS does not report the volume size of a cluster
    return Forecast(typical, sum(usd for _, usd in shown), shown, kept)
