"""Create the Athena tables of a dataset in the AWS Glue Data Catalog."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ops.aws.athena.queries import AthenaTarget, GlueTable, list_tables
from ops.aws.calls import translated
from ops.aws.cloud import Cloud
from ops.errors import InputError
from ops.logs.services.athena_tables import LAYOUT, TYPE, AthenaTable
from ops.operations import Operation
from ops.plan import READY, Check, Plan, Readiness, Resource, Step

ACTIONS = ("glue:CreateTable",)


def plan_tables(cloud: Cloud, target: AthenaTarget, tables: Sequence[AthenaTable]) -> Plan:
    """Plan to create the tables that the database does not have yet; the plan can be without steps.

    A table whose name another one has gets a number. Raises InputError if there are no tables to create.
    """
    if not tables:
        raise InputError(
            "There are no Athena tables for this dataset.",
            field="address",
            hint="Search it with DuckDB.",
        )
    existing = list_tables(cloud, target)
    taken = {table.name for table in existing}
    steps: list[Step[object]] = []
    for table in tables:
        if any(_is_made(table, one) for one in existing):
            continue
        name, number = table.name, 1
        while name in taken:
            number += 1
            name = f"{table.name}_{number}"
        taken.add(name)
        steps.append(_step(cloud, target, replace(table, name=name)))
    return Plan(f"Create Athena tables in {target.database}", tuple(steps), Operation.CREATE_LOG_TABLES)


def _step(cloud: Cloud, target: AthenaTarget, table: AthenaTable) -> Step[object]:
    return Step(
        id=table.name,
        does=f"Create the table {table.name} of {table.location}",
        resource=Resource(
            "AWS::Glue::Table", f"{target.database}/{table.name}", target.account, target.region
        ),
        parameters={"database": target.database, "location": table.location},
        actions=ACTIONS,
        check=partial(_check, cloud, target, table),
        act=lambda say: _create(cloud, target, table),
    )


def _check(cloud: Cloud, target: AthenaTarget, table: AthenaTable) -> Check:
    same = next((one for one in list_tables(cloud, target) if one.name == table.name), None)
    if same is None:
        return READY
    if _is_made(table, same):
        return Check(Readiness.DONE)
    return Check(Readiness.CHANGED, "another table has this name now")


def _create(cloud: Cloud, target: AthenaTarget, table: AthenaTable) -> None:
    with translated(f"Creating the table {table.name} in the Glue database {target.database}"):
        glue = cloud.client("glue", target.account, target.region)
        glue.create_table(DatabaseName=target.database, TableInput=table.table_input())


def _is_made(table: AthenaTable, existing: GlueTable) -> bool:
    """Return whether the existing table reads the same layout of the same dataset, whatever its name."""
    parameters = dict(existing.parameters)
    same = all(parameters.get(name) == table.parameters[name] for name in (TYPE, LAYOUT))
    return same and existing.location.rstrip("/") == table.location.rstrip("/")
