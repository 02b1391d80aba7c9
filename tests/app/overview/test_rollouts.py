"""Which rollouts need attention."""

from datetime import UTC, datetime

from app.overview.rollouts import attention_notes
from ops.rollouts.runs import RunSummary

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def run(name: str, rollout: str, status: str) -> RunSummary:
    return RunSummary(name, rollout, status, NOW, None, "ada")


def test_stuck_runs_and_rollouts_that_were_rolled_back_last_need_attention() -> None:
    runs = [
        run("a-3", "a", "DONE"),
        run("a-2", "a", "ROLLED_BACK"),  # succeeded since
        run("b-1", "b", "ROLLED_BACK"),
        run("c-1", "c", "RUNNING"),
        run("d-1", "d", "STUCK"),
    ]
    notes = "\n".join(attention_notes(runs)).replace("\\", "")
    assert "b-1" in notes and "d-1 needs attention" in notes
    assert "a-2" not in notes and "c-1" not in notes


def test_successful_runs_need_no_attention() -> None:
    assert attention_notes([run("a-1", "a", "DONE")]) == []
