"""The file of a proof: what each step found, and every resource from before it is created.

Each change replaces the file as a whole, so a crash leaves the state before or after it.
"""

import json
import threading
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ops import files
from ops.errors import InputError

VERSION = 1


@dataclass(frozen=True)
class Owned:
    """A resource of the proof, recorded before its creation. `hourly` is its price in dollars per hour.

    `kind` is CloudFormation's type. `deleted` is when it was found to be gone.
    """

    kind: str
    id: str
    account: str
    region: str
    recorded: datetime
    hourly: float = 0.0
    deleted: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind, self.id, self.account, self.region


@dataclass(frozen=True)
class StepRecord:
    """How a step ended: `evidence` if it passed, else the error in Slipway's words and in the service's."""

    started: datetime
    ended: datetime
    evidence: str = ""
    error: str = ""
    detail: str = ""
    code: str = ""

    @property
    def passed(self) -> bool:
        return not self.error


class ProofState:
    """The state of one proof, which threads may change. `id` is part of the name of all it creates."""

    def __init__(self, path: Path, id: str, started: datetime, places: tuple[tuple[str, str], ...]) -> None:
        self.path = path
        self.id = id
        self.started = started
        self.places = places
        self._steps: dict[str, StepRecord] = {}
        self._resources: dict[tuple[str, str, str, str], Owned] = {}
        self._notes: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name of what the proof creates, and the prefix of more."""
        return f"slipway-prove-{self.id}"

    @property
    def steps(self) -> dict[str, StepRecord]:
        return dict(self._steps)

    @property
    def resources(self) -> tuple[Owned, ...]:
        """All recorded resources in the order in which they were created, also deleted ones."""
        return tuple(self._resources.values())

    def owns(self, kind: str, id: str, account: str, region: str) -> bool:
        return (kind, id, account, region) in self._resources

    def note(self, name: str) -> str:
        """Return what a step has noted for a later one; empty if nothing."""
        return self._notes.get(name, "")

    def set_note(self, name: str, text: str) -> None:
        with self._lock:
            self._notes[name] = text
            self.save()

    def own(self, resource: Owned) -> None:
        """Record a resource that is about to be created, once."""
        with self._lock:
            self._resources.setdefault(resource.key, resource)
            self.save()

    def mark_deleted(self, resource: Owned, at: datetime | None) -> None:
        """Record when the resource was found to be gone; None if it exists after all."""
        with self._lock:
            self._resources[resource.key] = replace(self._resources[resource.key], deleted=at)
            self.save()

    def finish(self, step: str, record: StepRecord) -> None:
        with self._lock:
            self._steps[step] = record
            self.save()

    def save(self) -> None:
        document = {
            "version": VERSION,
            "id": self.id,
            "started": self.started,
            "places": self.places,
            "steps": {name: asdict(record) for name, record in self._steps.items()},
            "resources": [asdict(resource) for resource in self._resources.values()],
            "notes": self._notes,
        }
        files.write(self.path, json.dumps(document, indent=1, default=datetime.isoformat).encode())


def load(path: Path) -> ProofState | None:
    """Return the state of the unfinished proof, or None. Raises InputError if the file cannot be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        if document["version"] != VERSION:
            raise ValueError(f"its version is {document['version']}, not {VERSION}")
        places = tuple((account, region) for account, region in document["places"])
        state = ProofState(path, document["id"], datetime.fromisoformat(document["started"]), places)
        state._steps = {name: StepRecord(**_dated(record)) for name, record in document["steps"].items()}
        owned = [Owned(**_dated(resource)) for resource in document["resources"]]
        state._resources = {resource.key: resource for resource in owned}
        state._notes = dict(document["notes"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    return state


def _dated(values: dict[str, Any]) -> dict[str, Any]:
    dates = {"started", "ended", "recorded", "deleted"}
    return {
        name: datetime.fromisoformat(value) if name in dates and value else value
        for name, value in values.items()
    }


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"Cannot read {path}: {reason}.",
        hint="Restore the file from a backup. It lists what must be deleted; without it, look for resources "
        "whose names begin with slipway-prove- in the sandbox accounts.",
    )
