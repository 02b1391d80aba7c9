"""A policy as SQL for PostgreSQL: plain statements that psql runs in the database; no row leaves it.

The scripts are named by what the sanitizing task does with them, in order of name:

    x.sql             run, in one transaction
    x.plain.sql       run without a transaction
    x.gen.sql         run; what it prints is SQL and runs, in one transaction: types come from the catalogue
    x.gen.tell.sql    the same; each line that this SQL prints is a check of the report, as below
    x.save.sql        run; what it prints is SQL and is kept
    x.saved.sql       a place: here runs what was kept, in one transaction
    x.check.sql       run; each line that it prints is one check of the report, as JSON with "ok"
    x.gen.check.sql   both: what it prints is run as a check

Nothing needs an extension, a superuser or a function that outlives the session.
"""

from dataclasses import replace

from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.scripts import Script
from ops.snapshots.postgres import proof, treat, unique

OWN = "postgres"  # a database that every server has, whether it is used or not


def compile_policy(policy: Policy) -> tuple[Script, ...]:
    """The scripts, in order: nothing is treated before every database has been compared."""
    parts = {"": policy, **policy.databases}
    compared = [
        Script("databases.check", proof.databases(policy)),
        *([] if OWN in policy.databases else [Script("own.check", proof.own_database(policy), OWN)]),
        *(Script("drift.check", proof.drift(part), name) for name, part in parts.items()),
    ]
    treated = [replace(each, database=name) for name, part in parts.items() for each in _treated(part)]
    proven = [replace(each, database=name) for name, part in parts.items() for each in _proven(part)]
    return (*compared, *treated, *proven)


def _treated(policy: Policy) -> list[Script]:
    emptied = any(table.rows != "keep" for table in policy.tables)
    return [
        *([Script("before", policy.before)] if policy.before.strip() else []),
        Script("undo.save", treat.undo()),
        Script("relax.gen", treat.relax()),
        *([Script("rows.gen", treat.rows(policy))] if emptied else []),
        Script("space.gen.check", unique.space(policy)),
        Script("treat.gen.tell", treat.treat(policy)),
        Script("undo.saved", "-- What undo.save has printed runs here.\n"),
        *([Script("after", policy.after)] if policy.after.strip() else []),
        Script("refresh.gen", treat.refresh()),
        Script("vacuum.plain", treat.VACUUM),
        Script("statistics.gen", treat.forget_statistics()),
    ]


def _proven(policy: Policy) -> list[Script]:
    return [
        Script("statistics.check", proof.statistics()),
        Script("assert.gen.check", proof.assertions(policy)),
        Script("keys.gen.check", proof.foreign_keys()),
        Script("scan.gen.check", proof.scan(policy)),
    ]
