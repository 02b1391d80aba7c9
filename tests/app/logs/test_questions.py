"""Questions behind the page: asked once, stopped when nobody waits, failed ones asked anew by others."""

import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from app.logs import questions
from app.logs.questions import GivenUp, Question, Questions
from ops.errors import AwsError
from ops.logs.engines.loading import Cancelled
from ops.logs.engines.progress import Watched

LONG_S = 30


class Slow:
    """An engine whose queries go on until they are let go or stopped."""

    name, masks = "duckdb", True

    def __init__(self) -> None:
        self.asked = 0
        self.go = threading.Event()

    def sql(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("the work below is all that is asked")

    def work(self, watched: Watched) -> Any:
        self.asked += 1
        while not self.go.wait(0.01):
            if watched._cancelled():
                raise Cancelled("Stopped.")
        return pa.table({"n": [self.asked]})


@pytest.fixture
def slow() -> Iterator[Slow]:
    engine = Slow()
    yield engine
    engine.go.set()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(found: Questions, slow: Any, key: str = "k", by: str = "me", **others: Any) -> Question:
    return found.ask(key, by, lambda: slow, slow.work, **others)


def ended(question: Question) -> Question:
    question.wait(LONG_S)
    assert not question.running
    return question


def test_the_same_question_is_asked_once_and_its_answer_kept(slow: Slow) -> None:
    found = Questions()
    first = ask(found, slow)
    assert ask(found, slow, by="you") is first
    slow.go.set()
    assert ended(first).answer["n"].to_pylist() == [1]
    assert ask(found, slow, by="third") is first
    found.forget("me")
    assert ended(ask(found, slow)).answer["n"].to_pylist() == [2]


def test_a_stop_stops_for_the_one_who_asked_for_it_alone(slow: Slow) -> None:
    found = Questions()
    question = ask(found, slow)
    ask(found, slow, by="you")
    found.stop("me")
    assert "me" in question.left
    assert ask(found, slow) is question  # shown as stopped, not asked again
    assert not question.stop.is_set()
    found.stop("you")
    assert isinstance(ended(question).error, Cancelled)
    assert ask(found, slow) is question
    found.again("me")
    assert ask(found, slow) is not question


def test_what_is_not_looked_at_any_more_is_stopped(slow: Slow) -> None:
    found = Questions()
    old, kept = ask(found, slow, "old"), ask(found, slow, "kept")
    found.release("me", {"kept"})
    assert isinstance(ended(old).error, Cancelled)
    assert kept.running
    assert ask(found, slow, "old") is not old


def test_a_question_without_any_onlooker_ends(slow: Slow) -> None:
    clock = Clock()
    question = ask(Questions(clock), slow)
    clock.now += questions.UNWATCHED_S + 1
    assert isinstance(ended(question).error, Cancelled)


def test_one_that_failed_is_asked_anew_by_others(slow: Slow) -> None:
    def fail(watched: Watched) -> None:
        raise AwsError("no", code="X")

    found = Questions()
    failed = ended(found.ask("k", "me", lambda: slow, fail))
    slow.go.set()
    assert isinstance(failed.error, AwsError)
    assert ask(found, slow) is failed
    assert ended(ask(found, slow, by="after a reload")).answered
    assert ask(found, slow).answered


def test_one_waits_for_another_and_can_be_given_up_meanwhile(slow: Slow) -> None:
    found = Questions()
    first = ask(found, slow, "1")
    second = ask(found, slow, "2", by="you", after=first)
    found.stop("you")
    assert isinstance(ended(second).error, GivenUp)
    assert first.running
    assert slow.asked == 1


def test_what_was_looked_at_longest_ago_is_forgotten(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "KEPT_BYTES", 20)
    slow.go.set()
    found = Questions()
    first, second = ended(ask(found, slow, "1")), ended(ask(found, slow, "2"))
    assert first.weight == second.weight == 8
    third = ended(ask(found, slow, "3"))
    ask(found, slow, "3")
    assert ask(found, slow, "3") is third
    assert ask(found, slow, "2") is second
    assert ask(found, slow, "1") is not first
