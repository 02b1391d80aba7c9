"""A policy as SQL for MySQL 8 and MariaDB 10.6 and later: plain statements that their client runs.

The scripts are named as `ops.snapshots.postgres.compiler` says. A statement is committed by itself: a copy in
which one failed is thrown away. Nothing needs more than RDS's master user, and nothing made for it stays.
"""

from ops.snapshots.mysql import proof, treat, unique
from ops.snapshots.mysql.scan import scan
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import Script


def compile_policy(policy: Policy) -> tuple[Script, ...]:
    """The scripts, in the order in which they run."""
    emptied = any(table.rows != "keep" for table in policy.tables)
    scripts = [
        Script("drift.check", proof.drift(policy)),
        Script("definers.check", proof.definers()),
        *([Script("before", policy.before)] if policy.before.strip() else []),
        Script("undo.save", treat.undo()),
        Script("relax.gen", treat.relax()),
        *([Script("rows.gen", treat.rows_of(policy))] if emptied else []),
        Script("space.gen.check", unique.space(policy)),
        Script("treat.gen.tell", treat.treat(policy)),
        Script("undo.saved", "-- What undo.save has printed runs here.\n"),
        *([Script("after", policy.after)] if policy.after.strip() else []),
        Script("rebuild.gen", treat.rebuild()),
        Script("statistics.gen", treat.statistics()),
        Script("logs.gen", treat.logs()),
        Script("statistics.gen.check", proof.statistics()),
        Script("assert.gen.check", proof.assertions(policy)),
        Script("keys.gen.check", proof.foreign_keys()),
        Script("scan.gen.check", scan(policy)),
    ]
    return tuple(scripts)
