"""Questions to an engine that are answered behind the page: they tell how far they are, can be stopped,
outlive a reload, and their answers are kept for a while. Knows nothing of Streamlit."""

import threading
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.errors import SlipwayError
from ops.logs.engines.progress import Asked, Standing, Watched

KEPT_S = 900.0  # an answer is shown again within this time
KEPT_BYTES = 256_000_000
UNWATCHED_S = 120.0  # nobody has looked for so long: a browser looks once a minute at a tab in the background
ANSWER_BYTES = 64_000_000  # an answer that is larger is cut
WAIT_S = 0.1
AT_ONCE = 6


class GivenUp(SlipwayError):
    """Stopped before it had begun."""


@dataclass(eq=False)
class Question:
    """One question. Its own thread writes how it stands and the answer; `askers` and `left` belong to the
    registry."""

    key: Hashable
    looked: float
    began: float
    took_s: float = 0.0
    standing: Standing | None = None
    answer: Any = None
    error: BaseException | None = None
    notes: tuple[str, ...] = ()
    dollars: float = 0.0
    complete: bool = True
    weight: int = 0
    askers: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        return not self.ended.is_set()

    @property
    def answered(self) -> bool:
        return self.ended.is_set() and self.error is None

    def wait(self, seconds: float) -> None:
        """Gives it the time to end."""
        self.ended.wait(max(0.0, seconds))


class Questions:
    """Those of this process. The same question is asked once, however many look at it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[Hashable, Question] = {}
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def ask(
        self,
        key: Hashable,
        by: str,
        engine: Callable[[], Asked],
        work: Callable[[Watched], Any],
        after: Question | None = None,
    ) -> Question:
        """The question of that key, begun where nobody has asked it yet; `after` must have ended before.

        One that failed is asked anew by whoever has not seen it fail, or has said so by `again`.
        """
        with self._lock:
            now = self._clock()
            found = self._found.pop(key, None)
            if found is None or not _serves(found, by, now):
                found = Question(key, now, now)
                threading.Thread(
                    target=self._run, args=(found, engine, work, after), daemon=True, name="question"
                ).start()
            if by not in found.left:
                found.askers.add(by)
            found.looked = now
            self._found[key] = found  # the last one that was looked at stands last
            self._forget()
            return found

    def stop(self, by: str) -> None:
        """Stops what this one waits for; what others wait for as well goes on for them."""
        self._leave(by, lambda question: True, seen=True)

    def release(self, by: str, kept: Collection[Hashable]) -> None:
        """Stops what this one waited for and does not any more."""
        self._leave(by, lambda question: question.key not in kept, seen=False)

    def again(self, by: str) -> None:
        """What failed or was stopped is asked anew by this one."""
        with self._lock:
            for question in self._found.values():
                if question.error or by in question.left:
                    question.askers.discard(by)
                    question.left.discard(by)

    def forget(self, by: str) -> None:
        """What this one has asked is asked anew when it is asked next, by whomever."""
        with self._lock:
            for question in [one for one in self._found.values() if one.answered and by in one.askers]:
                del self._found[question.key]
        self.again(by)

    def _leave(self, by: str, which: Callable[[Question], bool], *, seen: bool) -> None:
        with self._lock:
            for question in self._found.values():
                if question.running and by in question.askers and which(question):
                    question.askers.discard(by)
                    if seen:
                        question.left.add(by)
                    if not question.askers:
                        question.stop.set()

    def _forget(self) -> None:
        """The ones looked at longest ago go first, where there are too many or they hold too much."""
        ended = [question for question in self._found.values() if not question.running]
        held = sum(question.weight for question in ended)
        for question in ended[:-1]:
            if held <= KEPT_BYTES and question.looked > self._clock() - KEPT_S:
                break
            held -= question.weight
            del self._found[question.key]

    def _run(
        self,
        question: Question,
        engine: Callable[[], Asked],
        work: Callable[[Watched], Any],
        after: Question | None,
    ) -> None:
        def cancelled() -> bool:
            return question.stop.is_set() or self._clock() - question.looked > UNWATCHED_S

        def note(standing: Standing) -> None:
            question.standing = standing

        try:
            self._await_turn(after, cancelled)
            try:
                watched = Watched(engine(), note, cancelled, ANSWER_BYTES)
                question.answer = work(watched)
                question.notes, question.dollars = watched.notes, watched.dollars
                question.complete, question.weight = watched.complete, _weight(question.answer)
            finally:
                self._slots.release()
        except BaseException as error:  # a page shows it
            question.error = error
        question.took_s = self._clock() - question.began
        question.ended.set()

    def _await_turn(self, after: Question | None, cancelled: Callable[[], bool]) -> None:
        """Takes a slot. Raises GivenUp."""
        while after is not None and not after.ended.wait(WAIT_S):
            if cancelled():
                raise _given_up()
        while not self._slots.acquire(timeout=WAIT_S):
            if cancelled():
                raise _given_up()
        if cancelled():
            self._slots.release()
            raise _given_up()


def _serves(question: Question, by: str, now: float) -> bool:
    if by in question.left:
        return True
    if question.running:
        return not question.stop.is_set()
    if question.error:
        return by in question.askers
    return now - question.began - question.took_s < KEPT_S


def _weight(answer: Any) -> int:
    """About how much memory the answer takes."""
    if isinstance(answer, pa.Table):
        return int(answer.nbytes)
    if isinstance(answer, list):
        return sum(500 + len(getattr(one, "message", "")) for one in answer)
    return 1000


def _given_up() -> GivenUp:
    return GivenUp("Stopped.", hint="Nothing was read for it.")
