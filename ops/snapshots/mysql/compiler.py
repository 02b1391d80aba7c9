"""Compiles a policy to SQL for MySQL 8 and MariaDB 10.6 and later, which their client runs.

For the names of the scripts see `ops.snapshots.postgres.compiler`. Every statement is committed separately: a
copy in which one failed is deleted. The RDS master user can run all of it, and no helper object remains.
"""

from ops.snapshots.mysql import inventory, plan, proof, treat, unique
from ops.snapshots.mysql.scan import scan
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript


def compile_policy(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts, in the order in which they run."""
    has_row_treatments = any(table.rows != "keep" for table in policy.tables)
    scripts = [
        SqlScript("drift.check", proof.drift(policy)),
        SqlScript("definers.check", proof.definers()),
        SqlScript("plan.check", plan.plan(policy)),
        SqlScript("constraints.gen.check", plan.constraints(policy)),
        *([SqlScript("before", policy.before)] if policy.before.strip() else []),
        SqlScript("inventory.check", inventory.inventory(policy)),
        SqlScript("undo.save", treat.undo()),
        SqlScript("relax.gen", treat.relax()),
        *([SqlScript("rows.gen", treat.rows_of(policy))] if has_row_treatments else []),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("treat.gen.tell", treat.treat(policy)),
        SqlScript("undo.saved", "-- The output of undo.save runs here.\n"),
        *([SqlScript("after", policy.after)] if policy.after.strip() else []),
        SqlScript("accounts.gen.tell", inventory.lock_accounts(policy)),
        SqlScript("rebuild.gen", treat.rebuild()),
        SqlScript("statistics.gen", treat.statistics()),
        SqlScript("logs.gen", treat.logs()),
        SqlScript("statistics.gen.check", proof.statistics()),
        SqlScript("assert.gen.check", proof.assertions(policy)),
        SqlScript("keys.gen.check", proof.foreign_keys()),
        SqlScript("scan.gen.check", scan(policy)),
        SqlScript("inventory.report", inventory.inventory(policy)),
    ]
    return tuple(scripts)
