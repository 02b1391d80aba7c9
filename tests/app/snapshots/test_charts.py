"""The charts of a pipeline, as Vega-Lite specifications."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from app.shared.statuses import STEPS
from app.snapshots.charts import durations, timeline
from ops.aws.stepfunctions.executions import ExecutionSummary
from ops.aws.stepfunctions.history import Execution, StepState

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW = START + timedelta(seconds=100)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def chart(*steps: StepState) -> dict[str, Any]:
    execution = Execution("arn:run", "run", "RUNNING", START, None, "", "", "{}", "", steps)
    drawn: dict[str, Any] = timeline(execution, NOW).to_dict()
    return drawn


def rows(*steps: StepState) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart(*steps)["data"]["values"]
    return found


def test_a_bar_spans_a_step_and_has_its_seconds() -> None:
    assert rows(StepState("Make", "Task", "succeeded", started=at(1), ended=at(13.5))) == [
        {
            "Step": "Make",
            "Status": "Succeeded",
            "Started": "2026-11-23T12:00:01.000Z",
            "Ended": "2026-11-23T12:00:13.500Z",
            "Seconds": 12.5,
        }
    ]


def test_a_step_in_progress_extends_to_now() -> None:
    (row,) = rows(StepState("Make", "Task", "running", started=at(40)))
    assert (row["Ended"], row["Seconds"]) == ("2026-11-23T12:01:40.000Z", 60.0)


def test_bars_are_in_order_and_only_for_started_steps() -> None:
    found = rows(
        StepState("Late", "Task", "running", started=at(20)),
        StepState("Never", "Task", "pending"),
        StepState("Not taken", "Task", "skipped"),
        StepState("Early", "Task", "succeeded", started=at(0), ended=at(20)),
    )
    assert [row["Step"] for row in found] == ["Early", "Late"]
    assert chart()["encoding"]["y"]["sort"] is None  # the browser keeps that order


def test_times_are_converted_to_utc() -> None:
    there = timezone(timedelta(hours=2))
    (row,) = rows(StepState("A", "Pass", "succeeded", started=at(0).astimezone(there), ended=at(1)))
    assert row["Started"] == "2026-11-23T12:00:00.000Z"
    assert chart()["encoding"]["x"]["scale"] == {"type": "utc"}


def test_a_clock_that_is_behind_gives_no_negative_duration() -> None:
    (row,) = rows(StepState("A", "Task", "running", started=NOW + timedelta(seconds=3)))
    assert (row["Seconds"], row["Ended"]) == (0.0, row["Started"])


def test_colors_are_those_of_the_statuses_that_occur() -> None:
    encoding = chart(
        StepState("A", "Task", "failed", started=at(0), ended=at(1)),
        StepState("B", "Task", "running", started=at(1)),
    )["encoding"]
    expected = {
        "domain": ["In progress", "Failed"],
        "range": [STEPS["running"].background, STEPS["failed"].background],
    }
    assert encoding["color"]["scale"] == expected
    assert encoding["stroke"]["scale"] == expected  # what makes an instant visible


def test_the_tooltip_names_step_status_and_seconds() -> None:
    drawn = chart(StepState("A", "Task", "running", started=at(1)))
    assert [item["field"] for item in drawn["encoding"]["tooltip"]] == ["Step", "Status", "Seconds"]
    assert drawn["mark"]["type"] == "bar"


def test_a_run_without_steps_is_an_empty_chart() -> None:
    assert rows() == []


def test_durations_are_those_of_ended_runs_oldest_first() -> None:
    summaries = [
        ExecutionSummary("third", "arn", "RUNNING", at(200), None),
        ExecutionSummary("second", "arn", "FAILED", at(100), at(130)),
        ExecutionSummary("first", "arn", "SUCCEEDED", at(0), at(60)),
    ]
    drawn = durations(summaries).to_dict()
    assert [(row["Run"], row["Status"], row["Minutes"]) for row in drawn["data"]["values"]] == [
        ("first", "Succeeded", 1.0),
        ("second", "Failed", 0.5),
    ]
    colors = drawn["encoding"]["color"]["scale"]
    assert dict(zip(colors["domain"], colors["range"], strict=True)) == {
        "Succeeded": STEPS["succeeded"].background,
        "Failed": STEPS["failed"].background,
    }
