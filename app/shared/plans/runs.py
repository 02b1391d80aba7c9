"""Plans that run in the background: they continue when the browser is closed."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ops.audit import Actor, AuditLog
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.own_log import record_failure
from ops.plan import Outcome, Plan, Progress, Status, Step, check_role, execute


@dataclass
class PlanRun:
    """A running or finished plan. Only its own thread writes its progress, and only appends."""

    id: str
    plan: Plan
    actor: Actor
    progress: list[Progress] = field(default_factory=list)
    outcome: Outcome | None = None
    error: BaseException | None = None
    followed: bool = False  # whether a page has reacted to its end
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def running(self) -> bool:
        return self.outcome is None and self.error is None

    @property
    def stopping(self) -> bool:
        """Whether the user has stopped it, but the current step is still running."""
        return self.running and self._stop.is_set()

    def status(self, step: str) -> Status | None:
        """Return the latest status of a step, or None if it has not started."""
        return next((p.status for p in reversed(self.progress) if p.step == step), None)

    def finished(self, steps: Sequence[Step[object]]) -> bool:
        """Whether each of these steps has run, was skipped, or failed."""
        return all(self.status(step.id) not in (None, Status.RUNNING, Status.NOT_RUN) for step in steps)

    def messages(self, step: str) -> list[str]:
        """Return the messages of a step, oldest first."""
        return [p.message for p in self.progress if p.step == step and p.message]

    def stop(self) -> None:
        """Stop before the next step."""
        self._stop.set()

    def follow(self, then: Callable[[], object]) -> None:
        """Call `then` once after the run: the first page that sees its end does, even if it saw no start."""
        with self._lock:
            if self.running or self.followed:
                return
            self.followed = True
        then()


class PlanRuns:
    """The plan runs of this process. Only the latest finished ones are kept."""

    KEPT = 50

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, PlanRun] = {}

    def start(self, plan: Plan, *, actor: Actor, audit: AuditLog, confirmed: str = "") -> PlanRun:
        """Run the plan in a thread, and return its run.

        If the same plan is already running, return that run instead of starting another. Raises NotAllowed if
        the actor's role is too low.
        """
        check_role(plan, actor)
        with self._lock:
            for run in self._runs.values():
                if run.running and run.plan.fingerprint == plan.fingerprint:
                    return run
            run = PlanRun(secrets.token_hex(4), plan, actor)
            self._runs[run.id] = run
            self._forget()
        thread = threading.Thread(target=_execute, args=(run, audit, confirmed), daemon=True, name=plan.title)
        thread.start()
        return run

    def get(self, id: str) -> PlanRun | None:
        return self._runs.get(id)

    def recent(self) -> list[PlanRun]:
        """Return the runs, newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def latest(self, *operations: Operation) -> PlanRun | None:
        """Return the newest run of one of these operations. It is the same in every browser."""
        return next((run for run in self.recent() if run.plan.operation in operations), None)

    def _forget(self) -> None:
        finished = [run.id for run in self._runs.values() if not run.running]
        for id in finished[: max(0, len(self._runs) - self.KEPT)]:
            del self._runs[id]


def _execute(run: PlanRun, audit: AuditLog, confirmed: str) -> None:
    try:
        run.outcome = execute(
            run.plan,
            actor=run.actor,
            audit=audit,
            confirmed=confirmed,
            report=run.progress.append,
            stopped=run._stop.is_set,
        )
        for result in run.outcome.results:
            if result.error:
                record_failure(result.error)  # also if nobody opens the page that shows it
    except SlipwayError as error:
        run.error = error
        record_failure(error)
    except BaseException as error:
        run.error = error
        raise
