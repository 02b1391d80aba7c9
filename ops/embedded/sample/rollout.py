"""A rollout that is under way: the engine, its roles, an alarm of the shop, and the example file's run."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.audit import Actor
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.deploy import Upload
from ops.aws.cloudformation.stacks import StackSpec
from ops.plan import Plan
from ops.rollouts import controller as engines
from ops.rollouts import runs

EXAMPLE = Path(__file__).parents[3] / "rollouts" / "welcome.toml"
ALARM = "shop-health"
QUICK_S = 1  # between two looks; nothing takes long here


def begin_rollout(cloud: Cloud, actor: Actor, carry_out: Callable[[Plan], None]) -> None:
    """Deploys the engine and starts the example, which then bakes its one box."""

    def deploy_stack(spec: StackSpec, uploads: tuple[Upload, ...] = ()) -> None:
        carry_out(deploy.plan_preview(cloud, spec, uploads))
        carry_out(deploy.plan_deploy(cloud, deploy.read_preview(cloud, spec)))

    deploy_stack(*engines.engine_spec(cloud, poll_seconds=QUICK_S, settle_seconds=QUICK_S))
    engine = engines.find(cloud)
    for account in cloud.accounts:
        deploy_stack(engines.target_spec(cloud, engine, account.id, (engines.ADMINISTRATOR,)))
    _make_alarm(cloud.client("cloudwatch"))
    document = runs.prepare(EXAMPLE, lambda kind, name: (), actor, datetime.now(UTC))
    carry_out(runs.plan_start(cloud, engine, document, ()))


def _make_alarm(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=ALARM,
        AlarmDescription="Faults of the shop",
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
