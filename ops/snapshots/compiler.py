"""A policy as scripts in the SQL of its engine."""

from ops.snapshots.mysql import compiler as mysql
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import Script
from ops.snapshots.postgres import compiler as postgres

_COMPILERS = {
    "postgres": postgres.compile_policy,
    "mysql": mysql.compile_policy,
    "mariadb": mysql.compile_policy,
}


def compile_policy(policy: Policy) -> tuple[Script, ...]:
    """The scripts, in the order in which the sanitizing task runs them."""
    return _COMPILERS[policy.engine](policy)
