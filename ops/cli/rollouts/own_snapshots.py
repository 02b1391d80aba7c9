"""Snapshot pipelines in many accounts and regions: the parameters of each, and its staged scripts."""

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
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.setup import PreparedPipeline, prepare_pipeline

STAGING_STEPS = ("bucket", "upload")  # the steps of a preparation that change no stack


def parameters_by_place(
    context: Context, policy: Path, given: Mapping[str, str], places: Sequence[Place]
) -> dict[Place, Mapping[str, str]]:
    """Return the pipeline parameters for each place. Given parameters take precedence. Raises InputError.

    Also stages the scripts, which a pipeline reads from the bucket of its own account and region.
    """
    if "SourceDatabase" not in given:
        raise InputError(
            "The parameter SourceDatabase is missing.",
            field="parameter",
            hint="Add --parameter SourceDatabase=NAME.",
        )
    text = read_policy(policy)
    prepared = {place: _prepare(context, place, text, given["SourceDatabase"]) for place in places}
    context.carry_out(_staging(prepared), dry_run=False, confirmed="")
    return {place: {**pipeline.spec.parameters, **given} for place, pipeline in prepared.items()}


def _prepare(context: Context, place: Place, policy: str, database: str) -> PreparedPipeline:
    where = f"{place.account.name}, {place.region}"
    try:
        first, second = default_subnets(context.cloud, place)
    except InputError as error:
        hint = "Draft without --policy, and set VpcId, SubnetA, and SubnetB in an [[override]]."
        raise InputError(f"{where}: {error}", field=error.field, hint=hint) from error
    pipeline = PipelineSettings(database, policy, first.vpc, (first.id, second.id))
    try:
        return prepare_pipeline(context.cloud, place, pipeline, datetime.now(UTC))
    except InputError as error:
        raise InputError(f"{where}: {error}", field=error.field, hint=error.hint) from error


def _staging(prepared: Mapping[Place, PreparedPipeline]) -> Plan:
    steps = [
        _for_place(step, place)
        for place, pipeline in prepared.items()
        for step in pipeline.plan.steps
        if step.id in STAGING_STEPS
    ]
    return Plan("Stage the scripts in every target", tuple(steps), Operation.PREPARE_STACK)


def _for_place(step: Step, place: Place) -> Step:
    """Make the step's id and description unique by place."""
    suffix = f" {place.account.id}/{place.region}"
    return replace(
        step,
        id=step.id + suffix,
        does=step.does + suffix,
        needs=tuple(need + suffix for need in step.needs),
    )
