"""The file of a proof: complete after each change, readable after a crash, and priced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.errors import InputError
from ops.prove.costs import DATABASE, STREAM, per_hour, spent
from ops.prove.state import Owned, ProofState, StepRecord, load

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STACK = Owned("AWS::CloudFormation::Stack", "s", "111111111111", "eu-west-1", START, STREAM)


@pytest.fixture
def state(tmp_path: Path) -> ProofState:
    return ProofState(tmp_path / "prove/state.json", "ab12cd", START, (("111111111111", "eu-west-1"),))


def test_every_change_is_in_the_file(state: ProofState) -> None:
    assert load(state.path) is None
    state.own(STACK)
    state.finish("one", StepRecord(START, START + HOUR, "seen"))
    state.finish("two", StepRecord(START, START + HOUR, error="no", detail="AccessDenied: no", code="x"))
    state.set_note("run", "r-1")
    state.mark_deleted(STACK, START + HOUR)
    read = load(state.path)
    assert read is not None
    assert (read.id, read.started, read.places) == (state.id, START, state.places)
    assert read.steps == state.steps and read.note("run") == "r-1"
    assert read.resources == state.resources and read.resources[0].deleted == START + HOUR
    assert [record.passed for record in read.steps.values()] == [True, False]


def test_a_resource_is_recorded_once_with_its_first_time(state: ProofState) -> None:
    state.own(STACK)
    state.own(Owned(*STACK.key, START + HOUR))
    assert state.resources == (STACK,)
    assert state.owns(*STACK.key) and not state.owns("AWS::S3::Bucket", *STACK.key[1:])


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "id": "x"}', b"\xff".decode("latin-1")]
)
def test_a_file_that_cannot_be_read_is_an_error(state: ProofState, text: str) -> None:
    state.path.parent.mkdir()
    state.path.write_text(text, "latin-1")
    with pytest.raises(InputError, match="Cannot read"):
        load(state.path)


def test_a_resource_costs_until_it_is_deleted_and_ten_minutes_at_least(state: ProofState) -> None:
    state.own(STACK)
    assert spent(state.resources, START) == pytest.approx(STREAM / 6)
    assert spent(state.resources, START + 3 * HOUR) == pytest.approx(3 * STREAM)
    state.mark_deleted(STACK, START + 2 * HOUR)
    assert spent(state.resources, START + 9 * HOUR) == pytest.approx(2 * STREAM)


def test_the_price_per_hour_covers_two_databases_and_a_stream() -> None:
    assert 2 * DATABASE + STREAM < per_hour(1) < per_hour(3) < 0.2
