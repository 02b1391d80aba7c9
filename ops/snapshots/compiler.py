"""Compiles a policy to SQL scripts for its database engine."""

from ops.errors import InputError
from ops.snapshots.mysql import compiler as mysql
from ops.snapshots.policy.expressions import reads_table
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.postgres import compiler as postgres

# How a copy becomes sanitized: changed where it is, or built again on a new server.
IN_PLACE, REBUILD = METHODS = ("in place", "rebuild")

_COMPILERS = {
    "postgres": postgres.compile_policy,
    "mysql": mysql.compile_policy,
    "mariadb": mysql.compile_policy,
}
_REBUILDS = {
    "postgres": postgres.compile_rebuild,
    "mysql": mysql.compile_rebuild,
    "mariadb": mysql.compile_rebuild,
}


def compile_policy(policy: Policy, method: str = IN_PLACE) -> tuple[SqlScript, ...]:
    """Return the scripts, in the order in which the sanitizing task runs them.

    Raises InputError for a policy whose treatments would have other results in a rebuild.
    """
    if method == IN_PLACE:
        return _COMPILERS[policy.engine](policy)
    _check_rebuild(policy)
    return _REBUILDS[policy.engine](policy)


def _check_rebuild(policy: Policy) -> None:
    """Raise InputError for what a rebuild cannot do.

    In place, an expression that reads another table sees its new values; in a rebuild, the original ones.
    """
    for part in (policy, *policy.databases.values()):
        for table in part.tables:
            for column, treatment in table.treated.items():
                if treatment.kind == "sql" and reads_table(treatment.argument, policy.engine):
                    raise InputError(
                        f"The treatment of {table.full_name}.{column} reads another table, which a rebuild "
                        "cannot do: it would see original values.",
                        field="policy",
                        hint='Choose the method "in place", or an expression of the row.',
                    )
