"""Which rollouts need attention."""

from datetime import UTC, datetime

from app.overview.rollouts import attention
from ops.rollouts.runs import Summary

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def run(name: str, rollout: str, status: str) -> Summary:
    return Summary(name, rollout, status, NOW, None, "ada")


def test_what_is_stuck_or_was_rolled_back_last_needs_attention() -> None:
    found = [
        run("a-3", "a", "DONE"),
        run("a-2", "a", "ROLLED_BACK"),  # mended since
        run("b-1", "b", "ROLLED_BACK"),
        run("c-1", "c", "RUNNING"),
        run("d-1", "d", "STUCK"),
    ]
    notes = "\n".join(attention(found)).replace("\\", "")
    assert "b-1" in notes and "d-1 is stuck" in notes
    assert "a-2" not in notes and "c-1" not in notes


def test_silence_when_all_is_well() -> None:
    assert attention([run("a-1", "a", "DONE")]) == []
