"""Plans that run behind the pages: they go on when the browser is gone, and any page can look at them."""

import secrets
import threading
from dataclasses import dataclass, field

from ops.audit import Actor, AuditLog
from ops.errors import SlipwayError
from ops.plan import Outcome, Plan, Progress, Status, check_role, execute


@dataclass
class Work:
    """One plan under way or ended. Written by its own thread only; readers see a consistent prefix."""

    id: str
    plan: Plan
    actor: Actor
    progress: list[Progress] = field(default_factory=list)
    outcome: Outcome | None = None
    error: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def running(self) -> bool:
        return self.outcome is None and self.error is None

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop and still runs."""
        return self.running and self._stop.is_set()

    def status(self, step: str) -> Status | None:
        """The last status that the step reported; None before it has begun."""
        return next((p.status for p in reversed(self.progress) if p.step == step), None)

    def messages(self, step: str) -> list[str]:
        """What the step said, oldest first."""
        return [p.message for p in self.progress if p.step == step and p.message]

    def stop(self) -> None:
        """Stops before the next step."""
        self._stop.set()


class Works:
    """The works of this process, newest last; the oldest ended ones are forgotten."""

    KEPT = 50

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}

    def start(self, plan: Plan, *, actor: Actor, audit: AuditLog, confirmed: str = "") -> Work:
        """Runs the plan in a thread; the same plan, while it still runs, is joined and not started twice.

        Raises NotAllowed at once when the actor may not.
        """
        check_role(plan, actor)
        with self._lock:
            for work in self._works.values():
                if work.running and work.plan.fingerprint == plan.fingerprint:
                    return work
            work = Work(secrets.token_hex(4), plan, actor)
            self._works[work.id] = work
            self._forget()
        thread = threading.Thread(target=_run, args=(work, audit, confirmed), daemon=True, name=plan.title)
        thread.start()
        return work

    def get(self, id: str) -> Work | None:
        return self._works.get(id)

    def recent(self) -> list[Work]:
        """Newest first."""
        with self._lock:
            return list(reversed(self._works.values()))

    def _forget(self) -> None:
        ended = [work.id for work in self._works.values() if not work.running]
        for id in ended[: max(0, len(self._works) - self.KEPT)]:
            del self._works[id]


def _run(work: Work, audit: AuditLog, confirmed: str) -> None:
    try:
        work.outcome = execute(
            work.plan,
            actor=work.actor,
            audit=audit,
            confirmed=confirmed,
            report=work.progress.append,
            stopped=work._stop.is_set,
        )
    except SlipwayError as error:
        work.error = error
    except BaseException as error:
        work.error = error
        raise
