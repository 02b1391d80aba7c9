"""What a run will take and cost, before it is started: from the last runs and the database's size. Pure.

Prices are AWS's list prices of us-east-1 in US dollars, on demand, single-AZ, as of 2025, rounded; other
regions cost up to half as much again. They say what order of money it is, not what the bill will say.
"""

from dataclasses import dataclass
from datetime import timedelta

from ops.aws.rds.databases import CLUSTER, Database

PRICES = "list prices of us-east-1, 2025"
HOURS_A_MONTH = 730
SHORTEST = timedelta(minutes=10)  # that RDS bills for an instance: Amazon RDS pricing
TASK_AN_HOUR = 0.25 * 0.04048 + 0.5 * 0.004445  # Fargate: a quarter of a vCPU, half a GB
STORAGE_GIB_MONTH = 0.115
SNAPSHOT_GIB_MONTH = 0.095

# US dollars an hour of the size `large`; the other sizes are in proportion.
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
    """`took` and `cost` (of a run) are None where nobody can tell, `unknown` says why."""

    took: timedelta | None
    cost: float | None
    parts: tuple[tuple[str, float], ...]
    keeping_a_month: float | None
    unknown: str = ""

    @property
    def words(self) -> str:
        """In a sentence or two."""
        if self.cost is None:
            return f"Its cost cannot be told: {self.unknown}."
        parts = ", ".join(f"{what} {money(usd)}" for what, usd in self.parts)
        kept = (
            "" if self.keeping_a_month is None else f" Keeping: up to {money(self.keeping_a_month)} a month."
        )
        about = f"About {money(self.cost)}" if self.cost >= 0.01 else "Less than a cent"
        return f"{about} a run ({parts}; {PRICES}).{kept}"


def money(usd: float) -> str:
    """`$0.02`, `less than a cent`."""
    return f"${usd:,.2f}" if usd >= 0.01 else "less than a cent"


def price_an_hour(instance_class: str, kind: str) -> float | None:
    """US dollars; None for a class that the table does not have."""
    _, _, rest = instance_class.partition("db.")
    family, _, size = rest.partition(".")
    large = (_AURORA if kind == CLUSTER else _INSTANCES).get(family)
    factor = _SIZES.get(size)
    if factor is None and size.removesuffix("xlarge").isdigit():
        factor = 2.0 * int(size.removesuffix("xlarge"))
    return large * factor if large and factor else None


def forecast(database: Database, usual: timedelta | None, *, instance_class: str, keep: int) -> Forecast:
    """`usual` is what the last runs took; `instance_class` of the copy, empty for the source's."""
    chosen = instance_class or database.instance_class
    price = price_an_hour(chosen, database.kind)
    size = float(database.size_gib)
    kept = size * keep * SNAPSHOT_GIB_MONTH if size else None
    if usual is None:
        return Forecast(None, None, (), kept, "no run has succeeded yet, so its duration is not known")
    if price is None:
        return Forecast(usual, None, (), kept, f"the price of {chosen or 'its instance'} is not in our table")
    hours = max(usual, SHORTEST) / timedelta(hours=1)
    storage = size * (STORAGE_GIB_MONTH + SNAPSHOT_GIB_MONTH) * hours / HOURS_A_MONTH
    parts = (("instance", price * hours), ("task", TASK_AN_HOUR * hours), ("storage", storage))
    shown = parts if size else parts[:2]  # a cluster's volume: RDS does not tell its size
    return Forecast(usual, sum(usd for _, usd in shown), shown, kept)
