"""The sample's rollout: the controller, its roles, an alarm of the shop, and a run of the example file.

The run is started apart from the rest: a stopped cloud ends its executions, so that a saved folder from which
clouds start has everything but the run.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.audit import Actor
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.plan import Plan
from ops.rollouts import controller as controllers
from ops.rollouts import runs
from ops.rollouts.prepare import prepare_run

EXAMPLE = Path(__file__).parents[3] / "rollouts" / "welcome.toml"
ALARM = "shop-health"
POLL_S = 1  # operations are fast on the embedded cloud


def deploy_controller(cloud: Cloud, carry_out: Callable[[Plan], None]) -> None:
    """Deploy the controller and its roles, and create the alarm."""

    def deploy_stack(spec: StackSpec, uploads: tuple[Upload, ...] = ()) -> None:
        carry_out(deploy.plan_preview(cloud, spec, uploads))
        carry_out(deploy.plan_deploy(cloud, read_preview(cloud, spec)))

    deploy_stack(*controllers.controller_spec(cloud, poll_seconds=POLL_S, settle_seconds=POLL_S))
    controller = controllers.find_controller(cloud)
    for account in cloud.accounts:
        deploy_stack(
            controllers.target_spec(cloud, controller, account.id, (controllers.ADMINISTRATOR_ACCESS,))
        )
    _create_alarm(cloud.client("cloudwatch"))


def start_rollout(cloud: Cloud, actor: Actor, carry_out: Callable[[Plan], None]) -> None:
    """Start the example, which then bakes its one-box stage."""
    controller = controllers.find_controller(cloud)
    document = prepare_run(EXAMPLE, lambda kind, name: (), actor, datetime.now(UTC))
    carry_out(runs.plan_start(cloud, controller, document))


def _create_alarm(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM,
        AlarmDescription="Faults in the shop",
        Namespace="Shop",
        MetricName="Faults",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="no faults")
