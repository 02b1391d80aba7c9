"""Compiles a policy to SQL for PostgreSQL, which psql runs in the database; no row leaves it.

The sanitizing task runs the scripts in order of name. The suffix of a name selects how:

    x.sql             run in one transaction
    x.plain.sql       run without a transaction
    x.gen.sql         run; the output is SQL and runs in one transaction: types come from the catalog
    x.gen.tell.sql    the same; each line that the generated SQL prints is a check of the report, as below
    x.save.sql        run; the output is SQL and is saved
    x.saved.sql       a placeholder: the saved SQL runs here, in one transaction
    x.check.sql       run; each line of the output is a check of the report, as JSON with "ok"
    x.gen.check.sql   both: the output is SQL and runs as a check

No script needs an extension, a superuser, or a function that outlives the session.
"""

from dataclasses import replace

from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import SqlScript
from ops.snapshots.postgres import proof, treat, unique

DEFAULT_DATABASE = "postgres"  # every server has this database, used or not


def compile_policy(policy: Policy) -> tuple[SqlScript, ...]:
    """Return the scripts, in order: every database is compared with the policy before any is treated."""
    parts = {"": policy, **policy.databases}
    comparison = [
        SqlScript("databases.check", proof.databases(policy)),
        *(
            []
            if DEFAULT_DATABASE in policy.databases
            else [SqlScript("own.check", proof.default_database(policy), DEFAULT_DATABASE)]
        ),
        *(SqlScript("drift.check", proof.drift(part), name) for name, part in parts.items()),
    ]
    treatment = [replace(script, database=name) for name, part in parts.items() for script in _treat(part)]
    verification = [
        replace(script, database=name) for name, part in parts.items() for script in _verify(part)
    ]
    return (*comparison, *treatment, *verification)


def _treat(policy: Policy) -> list[SqlScript]:
    has_row_treatments = any(table.rows != "keep" for table in policy.tables)
    return [
        *([SqlScript("before", policy.before)] if policy.before.strip() else []),
        SqlScript("undo.save", treat.undo()),
        SqlScript("relax.gen", treat.relax()),
        *([SqlScript("rows.gen", treat.rows(policy))] if has_row_treatments else []),
        SqlScript("space.gen.check", unique.space(policy)),
        SqlScript("treat.gen.tell", treat.treat(policy)),
        SqlScript("undo.saved", "-- The output of undo.save runs here.\n"),
        *([SqlScript("after", policy.after)] if policy.after.strip() else []),
        SqlScript("refresh.gen", treat.refresh()),
        SqlScript("vacuum.plain", treat.VACUUM),
        SqlScript("statistics.gen", treat.forget_statistics()),
    ]


def _verify(policy: Policy) -> list[SqlScript]:
    return [
        SqlScript("statistics.check", proof.statistics()),
        SqlScript("assert.gen.check", proof.assertions(policy)),
        SqlScript("keys.gen.check", proof.foreign_keys()),
        SqlScript("scan.gen.check", proof.scan(policy)),
    ]
