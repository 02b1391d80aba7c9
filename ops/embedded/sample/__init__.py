"""The sample data of a new embedded cloud.

seed            seeds a new cloud with everything below
seed_logs       log groups with the events of one day
seed_exported   the same logs in the form of an export
seed_pipelines  CDK pipelines and their support stacks
live_logs       new log events while the cloud runs
shop            the shop's database: trade, people, traces, source
logs            the sample's log groups: log_lines, incident
pipelines       the sample's pipelines
rollout         the sample's rollout
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources

from ops.embedded.sample.shop import shop_sql


@dataclass(frozen=True)
class SampleDatabase:
    """A database instance to create, the SQL that fills it, and the policy that sanitizes a copy of it.

    `sql` yields parts of a script for `psql -f`, to run as `master_user` on `db_name`.
    """

    identifier: str
    engine: str
    db_name: str
    master_user: str
    sql: Callable[[], Iterator[str]]
    policy: str


def production_databases() -> tuple[SampleDatabase, ...]:
    """Return the databases of the production account in its home region."""
    policy = resources.files(__name__).joinpath("shop_policy.toml").read_text(encoding="utf-8")
    return (SampleDatabase("shop-production", "postgres", "shop", "shop_admin", shop_sql, policy),)
