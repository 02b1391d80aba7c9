"""Setting a pipeline up, or changing it: checked, staged, previewed."""

from dataclasses import dataclass
from datetime import datetime

from ops.aws import kms
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.stacks import StackSpec
from ops.plan import Plan
from ops.snapshots.pipeline.catalogue import find_database
from ops.snapshots.pipeline.model import Pipeline, check, stack_spec, uploads


@dataclass(frozen=True)
class Prepared:
    """The stack that is asked for, and the plan whose execution lets `deploy.read_preview` show it."""

    spec: StackSpec
    plan: Plan


def prepare(cloud: Cloud, place: Place, pipeline: Pipeline, now: datetime) -> Prepared:
    """Raises InputError for what cannot work; nothing is changed before the plan is executed."""
    database = find_database(cloud, place, pipeline.database)
    key = database.kms_key if database else ""
    default_key = bool(key) and kms.is_aws_managed(cloud, place, key)
    check(pipeline, database, default_key=default_key, now=now)
    spec = stack_spec(pipeline, place, deploy.staging_bucket(place.account.id, place.region))
    return Prepared(spec, deploy.plan_preview(cloud, spec, uploads(pipeline)))
