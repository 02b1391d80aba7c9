"""A policy as scripts in the SQL of its engine."""

from ops.snapshots import mysql, postgres
from ops.snapshots.policy import Policy
from ops.snapshots.scripts import Script

_COMPILERS = {
    "postgres": postgres.compile_policy,
    "mysql": mysql.compile_policy,
    "mariadb": mysql.compile_policy,
}


def compile_policy(policy: Policy) -> tuple[Script, ...]:
    """The scripts, in the order in which the sanitizing task runs them."""
    return _COMPILERS[policy.engine](policy)
