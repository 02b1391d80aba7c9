"""Snapshot pipelines in many accounts and regions: the parameters of each, and its staged scripts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.cli.context import Context
from ops.cli.snapshots.pipelines import default_subnets, read_policy
from ops.errors import InputError
from ops.operations import Operation
from ops.plan import Plan, nest
from ops.snapshots.pipeline.model import PipelineSettings
from ops.snapshots.pipeline.setup import PreparedPipeline, prepare_pipeline


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
    context.carry_out(_staging(context.cloud, prepared), dry_run=False, confirmed="")
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


def _staging(cloud: Cloud, prepared: Mapping[Place, PreparedPipeline]) -> Plan:
    steps = [
        step
        for place, pipeline in prepared.items()
        for step in nest(
            deploy.plan_staging(cloud, pipeline.spec, pipeline.uploads), f"{place.account.id}/{place.region}"
        )
    ]
    return Plan("Stage the scripts in every target", tuple(steps), Operation.PREPARE_STACK)
