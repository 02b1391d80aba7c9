"""The price of what a proof creates, in US dollars per hour: Slipway's price tables, and the log stream's."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ops.aws.rds.databases import INSTANCE
from ops.prove.state import Owned
from ops.snapshots.pipeline.forecast import (
    HOURS_PER_MONTH,
    MINIMUM_BILLED,
    PRICES,
    STORAGE_GIB_MONTH,
    TASK_PER_HOUR,
    price_per_hour,
)
from ops.support_stacks.liveness import PER_KEY

INSTANCE_CLASS = "db.t4g.micro"
GIB = 20
# The database itself, and the temporary copy with the task that sanitizes it.
DATABASE = (price_per_hour(INSTANCE_CLASS, INSTANCE) or 0) + GIB * STORAGE_GIB_MONTH / HOURS_PER_MONTH
RUN = DATABASE + TASK_PER_HOUR
STREAM = 0.04  # a stream in on-demand mode, us-east-1: Amazon Kinesis Data Streams pricing
KEY = PER_KEY / HOURS_PER_MONTH
BASIS = f"{PRICES}; requests and transferred data cost less than $0.05 more"


def spent(resources: Iterable[Owned], now: datetime) -> float:
    """Return what the resources have cost until now, or until they were deleted."""
    return sum(
        resource.hourly * (_billed(resource, now) / timedelta(hours=1))
        for resource in resources
        if resource.hourly
    )


def per_hour(regions: int) -> float:
    """Return the price per hour while everything exists in this number of Regions."""
    return DATABASE + RUN + STREAM + regions * KEY


def _billed(resource: Owned, now: datetime) -> timedelta:
    return max((resource.deleted or now) - resource.recorded, MINIMUM_BILLED)
