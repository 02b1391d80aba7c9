"""Compiles a policy to SQL scripts for its database engine."""

from ops.snapshots.mysql import compiler as mysql
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.postgres import compiler as postgres

_COMPILERS = {
    "postgres": postgres.compile_policy,
    "mysql": mysql.compile_policy,
    "mariadb": mysql.compile_policy,
}


def compile_policy(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts, in the order in which the sanitizing task runs them."""
    return _COMPILERS[policy.engine](policy)
