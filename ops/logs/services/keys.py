"""The keys of a dataset: which exist, which a time range needs, and what one names."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

from ops.logs.lake.layout import UNKNOWN, Scope
from ops.logs.lake.store import ObjectStore
from ops.logs.services.model import DatasetType, KeyFacts, KeyLayout, segment_regex

# Of a type that is named for objects with other keys: a time may be in the folders, else nothing is known.
ANY_KEY = KeyLayout(
    "", "", r"(?:.*?(?P<at>(?:year=)?20\d\d[/-](?:month=)?\d\d[/-](?:day=)?\d\d(?:/(?:hour=)?\d\d)?)/)?[^/].*"
)
# The folder that services add below the prefix that was chosen for them.
ROOTS = ("AWSLogs", "AppLogs", "exportedlogs")
MOST_OTHERS = 100  # other keys and folders that are skipped between the keys of a layout
_PRECISION = {8: timedelta(days=1), 10: timedelta(hours=1), 12: timedelta(minutes=1), 14: timedelta(0)}
_FORMAT = "%Y%m%d%H%M%S"
Folders = Callable[[str], list[str]]


def facts_of(layouts: Iterable[KeyLayout], rest: str) -> KeyFacts | None:
    """Return what a key below the root names; None for a key outside the layouts."""
    for layout in layouts:
        if match := layout.pattern.fullmatch(rest):
            fields = {name: value or "" for name, value in match.groupdict().items()}
            at, precision = _time(fields.get("at", ""))
            return KeyFacts(
                fields.get("account", ""),
                fields.get("region", ""),
                fields.get("resource", "") or fields.get("distribution", "") or fields.get("task", ""),
                fields.get("stream", ""),
                at,
                precision,
            )
    return None


def _time(text: str) -> tuple[datetime | None, timedelta]:
    """Return the time in a key and its precision; a text without a valid time has none."""
    digits = re.sub(r"\D", "", text)
    try:
        at = datetime.strptime(digits, _FORMAT[: len(digits) - 2]).replace(tzinfo=UTC)
        return at, _PRECISION[len(digits)]
    except (ValueError, KeyError):
        return None, timedelta(0)


def prefixes(store: ObjectStore, root: str, type_: DatasetType) -> list[tuple[KeyLayout, str]]:
    """Return the prefixes below which the type's objects are, each with its layout."""
    folders = lru_cache(maxsize=None)(store.folders)
    found = [(layout, place) for layout in type_.layouts for place in places(store, root, layout, folders)]
    return [(layout, place) for layout, place in found if exists(store, place, layout, root)]


def place_of(layout: KeyLayout, folders: str) -> tuple[str, str]:
    """Return the account and the region that the folders of a layout name, or UNKNOWN."""
    match = re.match("".join(map(segment_regex, layout.segments)), folders)
    named = match.groupdict() if match else {}
    return named.get("account") or UNKNOWN, named.get("region") or UNKNOWN


def places(store: ObjectStore, root: str, layout: KeyLayout, folders: Folders | None = None) -> list[str]:
    """Return the prefixes that have the layout's folders; `folders` lists the folders below a prefix."""
    folders = folders or store.folders
    found = [root]
    for segment in layout.segments:
        if "{" not in segment:
            found = [place + segment for place in found]
            continue
        regex = re.compile(segment_regex(segment.removesuffix("/")))
        if segment.endswith("/"):
            found = [f"{place}{name}/" for place in found for name in folders(place) if regex.fullmatch(name)]
        else:
            found = [name for place in found for name in _stems(store, place, regex)]
    return found


def _stems(store: ObjectStore, place: str, regex: re.Pattern[str]) -> Iterator[str]:
    """Yield the starts of keys that match: one request finds the next one, however many keys have it."""
    after, others = "", 0
    while (first := next(iter(store.list(place, after)), None)) and others < MOST_OTHERS:
        name = first.key[len(place) :]
        if match := regex.match(name):
            stem = place + match[0]
            yield stem
        else:
            folder, slash, _ = name.partition("/")
            stem = place + folder + slash
            others += 1
        after = stem[:-1] + chr(ord(stem[-1]) + 1)


def key_range(place: str, layout: KeyLayout, first: datetime, last: datetime) -> tuple[str, str]:
    """Return the keys after which and before which the objects from `first` to `last` are."""
    if not layout.time:
        return "", ""
    step = timedelta(hours=1) if "%H" in layout.time else timedelta(days=1)
    return place + first.strftime(layout.time), place + (last + step).strftime(layout.time)


def times(type_: DatasetType, scope: Scope) -> tuple[datetime, datetime]:
    """Return the first and the last time in keys of objects that may have events of the scope."""
    longest = timedelta(days=1)  # the time in a key may be the start of a day
    return scope.start - type_.after - longest, scope.end + type_.before


def in_scope(type_: DatasetType, facts: KeyFacts, scope: Scope) -> bool:
    """Return whether an object may have events of the scope's time range."""
    if facts.at is None:
        return True
    first, last = facts.at - type_.before, facts.at + facts.precision + type_.after
    return first < scope.end and last >= scope.start


def exists(store: ObjectStore, place: str, layout: KeyLayout, root: str, sample: int = 100) -> bool:
    """Return whether one of the first objects below the place has the layout."""
    return any(
        layout.pattern.fullmatch(listed.key[len(root) :]) for listed in islice(store.list(place), sample)
    )
