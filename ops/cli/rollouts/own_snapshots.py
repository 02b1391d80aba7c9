"""Snapshot pipelines in many places: each place's parameters, and its scripts staged there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.cli.snapshots import default_subnets, read_policy
from ops.errors import InputError
from ops.operations import Operation
from ops.plan import Plan, Step
from ops.snapshots.pipeline.model import Pipeline
from ops.snapshots.pipeline.setup import Prepared, prepare

STAGES = ("bucket", "upload")  # the steps of a preparation that change no stack


def per_place(
    context: Context, policy: Path, given: Mapping[str, str], places: Sequence[Place]
) -> dict[Place, Mapping[str, str]]:
    """The parameters of each place's pipeline; what is given counts. Raises InputError for what cannot work.

    Stages the scripts, which a pipeline reads from the bucket of its own account and region.
    """
    if "SourceDatabase" not in given:
        raise InputError(
            "Which database is not said.", field="parameter", hint="Add --parameter SourceDatabase=NAME."
        )
    text = read_policy(policy)
    prepared = {place: _prepare(context, place, text, given["SourceDatabase"]) for place in places}
    context.carry_out(_staging(prepared), dry_run=False, confirmed="")
    return {place: {**found.spec.parameters, **given} for place, found in prepared.items()}


def _prepare(context: Context, place: Place, policy: str, database: str) -> Prepared:
    where = f"{place.account.name}, {place.region}"
    try:
        first, second = default_subnets(context.cloud, place)
    except InputError as error:
        hint = "Draft without --policy, and write VpcId, SubnetA and SubnetB into an [[override]]."
        raise InputError(f"{where}: {error}", field=error.field, hint=hint) from error
    pipeline = Pipeline(database, policy, first.vpc, (first.id, second.id))
    try:
        return prepare(context.cloud, place, pipeline, datetime.now(UTC))
    except InputError as error:
        raise InputError(f"{where}: {error}", field=error.field, hint=error.hint) from error


def _staging(prepared: Mapping[Place, Prepared]) -> Plan:
    steps = [
        _of(step, place)
        for place, found in prepared.items()
        for step in found.plan.steps
        if step.id in STAGES
    ]
    return Plan("Stage the scripts in every target", tuple(steps), Operation.PREPARE_STACK)


def _of(step: Step, place: Place) -> Step:
    """The step under a name of its own."""
    mark = f" {place.account.id}/{place.region}"
    return replace(
        step, id=step.id + mark, does=step.does + mark, needs=tuple(need + mark for need in step.needs)
    )
