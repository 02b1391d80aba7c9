"""Invariant 3: a secret is only in the calls that carry it: in no state, history, log, event, or environment.

The secrets are learned from those calls themselves, so nobody has to list them. A record from before a secret
was known is searched when it becomes known.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from tests.faults.monitor.records import Call, Item, Transition, text_of

SHORTEST = 8  # characters: shorter ones are words that appear anywhere
REMEMBERED = 2_000  # records that are searched again for a new secret
CARRIERS = ("secretsmanager", "sts")
DATABASES = ("documentdb", "rds")  # the emulator tells their calls apart
PASSWORDS = ("MasterUserPassword",)


class Secrets:
    """Searches everything that is recorded for the secrets that calls carry."""

    number = 3

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._earlier: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)

    def take(self, item: Item) -> Iterator[str]:
        learned = {secret for secret in _carried(item) if len(secret) >= SHORTEST} - self._known
        for place, text in self._earlier:
            if any(secret in text for secret in learned):
                yield f"a secret was in {place}"
        self._known |= learned
        place, text = _place(item), _without_carried(item)
        if any(secret in text for secret in self._known):
            yield f"a secret is in {place}"
        self._earlier.append((place, text))

    def close(self) -> Iterator[str]:
        yield from ()


def _carried(item: Item) -> Iterator[str]:
    """Yield the secrets that the item is meant to carry."""
    if not isinstance(item, Call) or not item.ok or not item.product:
        return
    if item.service == "secretsmanager":
        for source in (item.request, _parsed(item.response)):
            if isinstance(source, dict):
                yield from _in_secret(str(source.get("SecretString", "")))
    if item.service in DATABASES:
        yield from (item.get(name) for name in PASSWORDS if item.get(name))


def _in_secret(text: str) -> Iterable[str]:
    parsed = _parsed(text)
    if isinstance(parsed, dict):
        return [str(value) for name, value in parsed.items() if "password" in name.lower()]
    return [text] if text else []


def _without_carried(item: Item) -> str:
    if isinstance(item, Call):
        if item.service in CARRIERS:
            return ""
        if item.service in DATABASES:
            kept = {name: value for name, value in item.request.items() if name not in PASSWORDS}
            return json.dumps(kept) + item.response
    return text_of(item)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _place(item: Item) -> str:
    if isinstance(item, Call):
        return f"a call of {item.name}"
    if isinstance(item, Transition):
        return f"the history of {item.run} ({item.type})"
    return {"Lines": "a log", "Delivery": "an exported object", "Audit": "the audit log"}[type(item).__name__]
