"""What needs attention: the most urgent first, one note for one cause, and nothing claimed of the unread."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import Stack
from ops.aws.cloudwatch.alarms import Alarm
from ops.aws.readings import Reading
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.errors import NotAllowed, Unreachable
from ops.logs.export.health import ExportHealth, ExportPipeline, ExportStage
from ops.logs.export.installed import Export
from ops.rollouts.runs import RunSummary
from ops.settings import Account
from ops.snapshots.pipeline.catalog import DeployedPipeline, Leftover
from ops.status.attention import Job, Urgency, attention
from ops.status.facts import PipelineFacts, PlaceFacts, RolloutFacts, Status
from ops.support_stacks.liveness import UsageState, assess_usage
from tests.ops.support_stacks import samples

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HERE = Place(Account("production", "111111111111", ""), "eu-west-1")
THERE = Place(Account("production", "111111111111", ""), "us-east-1")
READ = Reading(HERE, PlaceFacts(1, (), ()))
UNREACHED = Unreachable("The embedded cloud does not answer.", hint="Start it.")
DENIED = NotAllowed("Access denied.", hint="Add rds:DescribeDBInstances.")


def quiet() -> Status:
    graph = assess_usage(samples.inventory(buckets=(), aliases=(), stacks=()), samples.NOW)
    return Status(NOW, (READ,), Reading(HERE, RolloutFacts(False)), (Reading(HERE, ()),), graph)


def stack(status: str = "CREATE_COMPLETE") -> Stack:
    return Stack("shop-snapshots", "arn", status, "", "", {}, {"SourceDatabase": "shop"}, {}, NOW, None)


def run(name: str, rollout: str, status: str) -> RunSummary:
    return RunSummary(name, rollout, status, NOW, None, "ada")


def with_rollouts(*runs: RunSummary, **facts: Any) -> Status:
    return replace(quiet(), rollouts=Reading(HERE, RolloutFacts(True, runs, **facts)))


def with_pipeline(facts: PipelineFacts, *leftovers: Leftover) -> Status:
    return replace(quiet(), places=(Reading(HERE, PlaceFacts(1, (facts,), leftovers)),))


def with_export(health: ExportHealth, *alarms: Alarm, notes: tuple[str, ...] = ()) -> Status:
    stage = ExportStage("Delivery", "delivery", health, "3 objects failed", "bytes")
    pipeline = ExportPipeline(Export(HERE, stack(), central=True), NOW, (stage,), alarms, notes)
    return replace(quiet(), exports=(Reading(HERE, (pipeline,)),))


def execution(status: str) -> ExecutionSummary:
    return ExecutionSummary("refresh-1", "arn", status, NOW, None)


def texts(status: Status) -> str:
    return "\n".join(note.text for note in attention(status))


def test_nothing_needs_attention_if_all_is_well() -> None:
    assert attention(quiet()) == [] and not quiet().incomplete
    assert attention(with_rollouts(run("a-1", "a", "DONE"), run("a-2", "a", "RUNNING"))) == []


def test_failed_runs_and_stacks_and_what_a_run_left_behind() -> None:
    facts = PipelineFacts(DeployedPipeline(HERE, stack("UPDATE_ROLLBACK_FAILED")), (execution("FAILED"),))
    copy = Leftover("AWS::RDS::DBInstance", "shop-copy", "shop-snapshots", "refresh-1", None)
    notes = attention(with_pipeline(facts, copy))
    assert [note.urgency for note in notes] == [Urgency.FAILURE] * 3
    assert "The last run of shop in production, eu-west-1 failed: refresh-1." in notes[1].text
    assert notes[1].link["database"] == "shop" and notes[1].link["run"] == "refresh-1"
    assert "shop-copy behind" in notes[2].text and "production data" in notes[2].text


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING", "ABORTED"])
def test_other_runs_need_none(status: str) -> None:
    assert (
        attention(with_pipeline(PipelineFacts(DeployedPipeline(HERE, stack()), (execution(status),)))) == []
    )


def test_rollouts_that_stopped_halfway_and_the_last_that_was_rolled_back() -> None:
    runs = [
        run("a-3", "a", "DONE"),
        run("a-2", "a", "ROLLED_BACK"),  # succeeded since
        run("b-1", "b", "ROLLED_BACK"),
        run("d-1", "d", "STUCK"),
    ]
    notes = attention(with_rollouts(*runs))
    assert [(note.urgency, note.link["run"]) for note in notes] == [
        (Urgency.FAILURE, "d-1"),
        (Urgency.WAITING, "b-1"),
    ]


def test_paused_and_frozen_rollouts_wait_for_somebody() -> None:
    paused: Any = SimpleNamespace(summary=run("a-1", "a", "RUNNING"), paused="lunch")
    shown = texts(with_rollouts(running=(paused,), frozen="Black Friday"))
    assert "The rollout a-1 is paused: lunch." in shown and "frozen: Black Friday." in shown


def test_alarms_and_failing_stages_of_the_log_export() -> None:
    alarm = Alarm("a", "ALARM", "Events arrive late", "", NOW)
    assert "Events arrive late" in texts(with_export(ExportHealth.FAILING, alarm))
    assert len(attention(with_export(ExportHealth.FAILING, alarm))) == 1  # the alarm is about the stage
    assert "Delivery: 3 objects failed" in texts(with_export(ExportHealth.FAILING))
    assert attention(with_export(ExportHealth.DELAYED)) == []


def test_orphaned_resources_come_last_with_their_cost() -> None:
    graph = assess_usage(samples.inventory(), samples.NOW)
    assert graph.with_state(UsageState.ORPHANED)
    status = replace(with_rollouts(run("b-1", "b", "ROLLED_BACK")), support=graph)
    last = attention(status)[-1]
    assert last.job is Job.SUPPORT_STACKS and last.urgency is Urgency.COST
    assert "orphaned" in last.text and "/month" in last.text


def test_what_was_not_read_is_a_note_and_makes_the_status_incomplete() -> None:
    denied = replace(quiet(), places=(READ, Reading(THERE, error=DENIED)))
    assert texts(denied) == "Cannot read production, us-east-1: Access denied."
    assert denied.incomplete
    for partly in (
        replace(quiet(), rollouts=Reading(HERE, error=DENIED)),
        replace(quiet(), exports=(Reading(HERE, error=DENIED),)),
        with_export(ExportHealth.HEALTHY, notes=("Cannot read metrics: denied",)),
    ):
        assert partly.incomplete and [note.urgency for note in attention(partly)] == [Urgency.UNREAD]
    assert replace(quiet(), support=None).incomplete


def test_an_outage_is_one_note() -> None:
    down = Status(
        NOW,
        (Reading(HERE, error=UNREACHED), Reading(THERE, error=UNREACHED)),
        Reading(HERE, error=UNREACHED),
        (Reading(HERE, error=UNREACHED), Reading(THERE, error=UNREACHED)),
    )
    assert down.outage is UNREACHED
    (note,) = attention(down)
    assert note.text == "Cannot read 2 regions: The embedded cloud does not answer." and note.job is None
    assert replace(down, places=(READ,)).outage is None  # something answered


def test_one_cause_in_several_regions_is_one_note() -> None:
    both = replace(quiet(), places=(Reading(HERE, error=DENIED), Reading(THERE, error=DENIED)))
    assert texts(both) == "Cannot read 2 regions: Access denied."
