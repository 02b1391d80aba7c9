"""AWS's recorded answers (`slipway prove --record`), compared with the embedded cloud's to the same proof.

An operation that only one of them has answered says nothing: which ones are called depends on waiting.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ops.aws.inspection.recording import shape_of

RECORDINGS = Path(__file__).parents[1] / "data/recordings"
Operation = tuple[str, str]


def recordings() -> list[Path]:
    """Return the recordings of AWS's answers; none until somebody adds one."""
    return sorted(RECORDINGS.glob("*.json"))


def differences(aws: Iterable[Mapping[str, Any]], embedded: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the members and errors that the embedded cloud's answers lack or invent."""
    theirs, ours = _members(aws), _members(embedded)
    found = []
    for operation in sorted(theirs.keys() & ours.keys()):
        name = ":".join(operation)
        found += [f"{name}: lacks {path}" for path in sorted(theirs[operation] - ours[operation])]
        found += [f"{name}: invents {path}" for path in sorted(ours[operation] - theirs[operation])]
    return found


def read(path: Path) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads(path.read_text())
    return answers


def _members(answers: Iterable[Mapping[str, Any]]) -> dict[Operation, set[str]]:
    """Return the members of each operation's answers; of an error, its code."""
    members: dict[Operation, set[str]] = defaultdict(set)
    for answer in answers:
        operation = answer["service"], answer["operation"]
        if answer["status"] < 400:
            members[operation] |= shape_of(answer["response"])
        else:
            members[operation].add(f"error {answer['response'].get('Error', {}).get('Code', '')}")
    return members
