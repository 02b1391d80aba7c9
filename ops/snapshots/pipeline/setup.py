"""Sets up or changes a pipeline: validates the settings and prepares a change set."""

from dataclasses import dataclass, replace
from datetime import datetime

from ops.aws import kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.plan import Plan
from ops.snapshots.pipeline.catalog import find_database
from ops.snapshots.pipeline.model import PipelineSettings, check_pipeline, stack_spec, uploads


@dataclass(frozen=True)
class PreparedPipeline:
    """A validated stack with its scripts, and the plan that creates its change set."""

    spec: StackSpec
    uploads: tuple[Upload, ...]
    plan: Plan


def prepare_pipeline(
    cloud: Cloud, place: Place, pipeline: PipelineSettings, now: datetime
) -> PreparedPipeline:
    """Validate the settings and plan the change set. Changes nothing. Raises InputError."""
    database = find_database(cloud, place, pipeline.database)
    key = database.kms_key if database else ""
    default_key = bool(key) and kms.is_aws_managed(cloud, place, key)
    check_pipeline(pipeline, database, default_key=default_key, now=now)
    pipeline = replace(pipeline, source_key="" if default_key else key)
    spec = stack_spec(pipeline, place, deploy.staging_bucket(place.account.id, place.region))
    scripts = uploads(pipeline)
    return PreparedPipeline(spec, scripts, deploy.plan_preview(cloud, spec, scripts))
