"""Compiles a policy to SQL for PostgreSQL, which psql runs in the database; no row leaves it.

The sanitizing task runs the scripts in order of name. The suffix of a name selects how:

    x.sql                    run in one transaction
    x.plain.sql              run without a transaction
    x.gen.sql                run; the output is SQL and runs in one transaction: types come from the catalog
    x.report.sql             run in one transaction; each line that it prints is a check, as below
    x.gen.tell.sql           both: the output is SQL and runs like that
    x.gen.plain.report.sql   the same without a transaction
    x.save.sql               run; the output is SQL and is saved
    x.saved.sql              a placeholder: the saved SQL runs here, in one transaction
    x.check.sql              run; each line of the output is a check of the report, as JSON with "ok"
    x.gen.check.sql          both: the output is SQL and runs as a check
    x.others.check.sql       a check that runs in every database of the server

No script needs an extension, a superuser, or a function that outlives the session.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.postgres import inventory, owners, plan, proof, rewrite, treat, unique
from ops.snapshots.postgres.scan import scan


def compile_policy(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts, in order: every database is compared with the policy before any is treated."""
    parts = {"": policy, **policy.databases}
    checks = [
        SqlScript("databases.check", proof.databases(policy)),
        SqlScript("unlisted.others.check", proof.unlisted_database(policy)),
        *_in_each(parts, _compare),
        SqlScript("server.check", inventory.server(policy)),
    ]
    prepared = [SqlScript("owners.gen", owners.join_owners(), name) for name in parts]
    return (
        *checks,
        *prepared,
        *_in_each(parts, _try),
        *_in_each(parts, _treat),
        SqlScript("roles.gen.tell", inventory.lock_roles(policy)),
        *_in_each(parts, _verify),
    )


def _in_each(
    parts: Mapping[str, Policy], scripts: Callable[[Policy], Iterable[SqlScript]]
) -> list[SqlScript]:
    return [replace(script, database=name) for name, part in parts.items() for script in scripts(part)]


def _compare(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("drift.check", proof.drift(policy)),
        SqlScript("owners.check", owners.owners()),
        SqlScript("plan.check", plan.plan(policy)),
    ]


def _try(policy: Policy) -> list[SqlScript]:
    return [SqlScript("constraints.gen.check", plan.constraints(policy))]


def _treat(policy: Policy) -> list[SqlScript]:
    has_row_treatments = any(table.rows != "keep" for table in policy.tables)
    return [
        *([SqlScript("before", policy.before)] if policy.before.strip() else []),
        SqlScript("inventory.check", inventory.inventory(policy, "comment")),
        SqlScript("undo.save", treat.undo(policy)),
        SqlScript("relax.gen", treat.relax(policy)),
        *([SqlScript("rows.gen", treat.rows(policy))] if has_row_treatments else []),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("treat.gen.tell", treat.treat(policy)),
        SqlScript("undo.saved", "-- The output of undo.save runs here.\n"),
        *([SqlScript("after", policy.after)] if policy.after.strip() else []),
        SqlScript("reset.gen", inventory.reset(policy)),
        SqlScript("refresh.gen", rewrite.refresh()),
        SqlScript("rewrite.gen.plain.report", rewrite.rewrite()),
        SqlScript("statistics.gen", rewrite.forget_statistics()),
    ]


def _verify(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("statistics.check", rewrite.statistics(policy)),
        SqlScript("assert.gen.check", proof.assertions(policy)),
        SqlScript("keys.gen.check", proof.foreign_keys()),
        SqlScript("scan.gen.check", scan(policy)),
        SqlScript("inventory.report", inventory.inventory(policy)),
    ]
