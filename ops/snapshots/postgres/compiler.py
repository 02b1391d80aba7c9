"""Compiles a policy to SQL for PostgreSQL, which psql runs in the database.

In place, no row leaves the copy. A rebuild sends sanitized rows to a new server, which replaces the copy.

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

Of a rebuild:

    x.schema.sql             a placeholder: the schema of the copy is created in the new server, without
                             indexes and constraints
    x.carry.sql              run in the copy; the output is SQL and runs in the new server
    x.gen.carry.sql          the same, but the output runs in the copy, and its output in the new server
    x.stream.sql             run in the copy; each line of the output is a table: the SQL of the copy, of the
                             new server, and of a check, in Base64. Several tables are sent in parallel
    x.indexes.sql            a placeholder: indexes, constraints, and triggers are created in the new server

No script needs an extension, a superuser, or a function that outlives the session.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.postgres import inventory, owners, plan, proof, rebuild, rewrite, subset, treat, unique
from ops.snapshots.postgres.scan import scan


def compile_policy(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts, in order: every database is compared with the policy before any is treated."""
    parts = {"": policy, **policy.databases}
    return (
        *_prepare(policy, parts),
        *_in_each(parts, _treat),
        SqlScript("roles.gen.tell", inventory.lock_roles(policy)),
        *_in_each(parts, _verify),
    )


def compile_rebuild(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts that build a new database from the copy, in order, and prove the new one."""
    parts = {"": policy, **policy.databases}
    return (
        *_prepare(policy, parts),
        *_in_each(parts, _reduce),
        SqlScript("roles.gen.tell", inventory.lock_roles(policy)),
        SqlScript("roles.carry", rebuild.roles(), "postgres"),
        *_in_each(parts, _build),
        *(
            replace(script, server="new")
            for script in (*_in_each(parts, _verify), *_server(policy), *_in_each(parts, _same_schema))
        ),
    )


def _prepare(policy: Policy, parts: Mapping[str, Policy]) -> list[SqlScript]:
    return [
        *_server(policy)[:-1],
        *_in_each(parts, _compare),
        *_server(policy)[-1:],
        *(SqlScript("owners.gen", owners.join_owners(), name) for name in parts),
        *_in_each(parts, _try),
    ]


def _server(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("databases.check", proof.databases(policy)),
        SqlScript("unlisted.others.check", proof.unlisted_database(policy)),
        SqlScript("server.check", inventory.server(policy)),
    ]


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


def _before(policy: Policy) -> list[SqlScript]:
    return [
        *([SqlScript("before", policy.before)] if policy.before.strip() else []),
        SqlScript("inventory.check", inventory.inventory(policy, "comment")),
    ]


def _after(policy: Policy) -> list[SqlScript]:
    return [SqlScript("after", policy.after)] if policy.after.strip() else []


def _rows(policy: Policy) -> list[SqlScript]:
    has_row_treatments = any(table.rows != "keep" for table in policy.tables)
    return [
        *([SqlScript("rows.gen.tell", treat.rows(policy))] if has_row_treatments else []),
        *([SqlScript("subset.report", subset.subset(policy.subset))] if policy.subset else []),
    ]


_UNDO = SqlScript("undo.saved", "-- The output of undo.save runs here.\n")


def _treat(policy: Policy) -> list[SqlScript]:
    return [
        *_before(policy),
        SqlScript("undo.save", treat.undo(policy)),
        SqlScript("relax.gen", treat.relax(policy)),
        *_rows(policy),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("treat.gen.tell", treat.treat(policy)),
        _UNDO,
        *_after(policy),
        SqlScript("reset.gen", inventory.reset(policy)),
        SqlScript("refresh.gen", rewrite.refresh()),
        SqlScript("rewrite.gen.plain.report", rewrite.rewrite()),
        SqlScript("statistics.gen", rewrite.forget_statistics()),
    ]


def _reduce(policy: Policy) -> list[SqlScript]:
    """Remove rows and objects from the copy that the new database does not get."""
    undo, relax = SqlScript("undo.save", treat.undo(policy)), SqlScript("relax.gen", treat.relax(policy))
    rows = _rows(policy)
    return [
        *_before(policy),
        *([undo, relax, *rows, _UNDO] if rows else []),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("reset.gen", inventory.reset(policy)),
    ]


def _build(policy: Policy) -> list[SqlScript]:
    new = [*_after(policy), SqlScript("reset.gen", inventory.reset(policy))]
    return [
        SqlScript("tables.schema", "-- The schema of the copy is created here.\n"),
        SqlScript("rows.stream", rebuild.rows(policy)),
        SqlScript("sequences.gen.carry", rebuild.sequences()),
        SqlScript("constraints.indexes", "-- Indexes, constraints, and triggers are created here.\n"),
        SqlScript("owners.carry", rebuild.owners()),
        *(replace(script, server="new") for script in new),
        SqlScript("refresh.carry", rewrite.refresh()),
        SqlScript("analyze.gen", rebuild.analyze(), server="new"),
    ]


def _verify(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("statistics.check", rewrite.statistics(policy)),
        SqlScript("assert.gen.check", proof.assertions(policy)),
        SqlScript("keys.gen.check", proof.foreign_keys()),
        *([SqlScript("subset.check", subset.references(policy.subset))] if policy.subset else []),
        SqlScript("scan.gen.check", scan(policy)),
        SqlScript("inventory.report", inventory.inventory(policy)),
    ]


def _same_schema(policy: Policy) -> list[SqlScript]:
    return [SqlScript("drift.check", proof.drift(policy))]
