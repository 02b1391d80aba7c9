"""Compiles a policy to SQL for MySQL 8 and MariaDB 10.6 and later, which their client runs.

For the names of the scripts see `ops.snapshots.postgres.compiler`. Every statement is committed separately: a
copy in which one failed is deleted. The RDS master user can run all of it, and no helper object remains.
"""

from dataclasses import replace

from ops.snapshots.mysql import inventory, plan, proof, rebuild, subset, treat, unique
from ops.snapshots.mysql.scan import scan
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript


def compile_policy(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts, in the order in which they run."""
    return (
        *_compare(policy),
        _UNDO,
        _RELAX,
        *_rows(policy),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("treat.gen.tell", treat.treat(policy)),
        _UNDONE,
        *_after(policy),
        SqlScript("accounts.gen.tell", inventory.lock_accounts(policy)),
        SqlScript("rebuild.gen", treat.rebuild()),
        SqlScript("statistics.gen", treat.statistics()),
        SqlScript("logs.gen", treat.logs()),
        *_verify(policy),
    )


def compile_rebuild(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts that build a new database from the copy, in order, and prove the new one."""
    rows = _rows(policy)
    of_new = [*_after(policy), *_verify(policy), SqlScript("drift.check", proof.drift(policy))]
    return (
        *_compare(policy),
        *([_UNDO, _RELAX, *rows, _UNDONE] if rows else []),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("tables.schema", "-- The tables of the copy are created here.\n"),
        SqlScript("draw.gen", rebuild.draw(policy)),
        SqlScript("rows.stream", rebuild.rows(policy)),
        SqlScript("triggers.indexes", "-- Triggers and events are created here.\n"),
        *(replace(script, server="new") for script in of_new),
    )


_UNDO, _RELAX = SqlScript("undo.save", treat.undo()), SqlScript("relax.gen", treat.relax())
_UNDONE = SqlScript("undo.saved", "-- The output of undo.save runs here.\n")


def _compare(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("drift.check", proof.drift(policy)),
        SqlScript("definers.check", proof.definers()),
        SqlScript("plan.check", plan.plan(policy)),
        SqlScript("constraints.gen.check", plan.constraints(policy)),
        *([SqlScript("before", policy.before)] if policy.before.strip() else []),
        SqlScript("inventory.check", inventory.inventory(policy)),
    ]


def _rows(policy: Policy) -> list[SqlScript]:
    has_row_treatments = any(table.rows != "keep" for table in policy.tables)
    return [
        *([SqlScript("rows.gen.tell", treat.rows_of(policy))] if has_row_treatments else []),
        *([SqlScript("subset.gen.tell", subset.subset(policy.subset))] if policy.subset else []),
    ]


def _after(policy: Policy) -> list[SqlScript]:
    return [SqlScript("after", policy.after)] if policy.after.strip() else []


def _verify(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("statistics.gen.check", proof.statistics()),
        SqlScript("assert.gen.check", proof.assertions(policy)),
        SqlScript("keys.gen.check", proof.foreign_keys()),
        *([SqlScript("subset.gen.check", subset.references(policy.subset))] if policy.subset else []),
        SqlScript("scan.gen.check", scan(policy)),
        SqlScript("inventory.report", inventory.inventory(policy)),
    ]
