"""List the objects to read for a scope, in parallel, and remember the listings for a short time."""

import operator
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from ops.aws.s3.objects import ListedObject
from ops.errors import SlipwayError
from ops.logs.lake.layout import (
    BY_ARRIVAL,
    MANIFEST,
    PLACED,
    Listing,
    Location,
    LogFormat,
    LogObject,
    Part,
    Partition,
    Scope,
    Span,
    folder,
    parse,
    spans,
)
from ops.logs.lake.manifest import Manifest, manifest_from_json, parts_of
from ops.logs.lake.store import ObjectStore

REMEMBERED_S = 30.0  # then list again: new objects can appear in any hour
SCOPES = 64  # scopes whose listing is also remembered
MANIFESTS = 20_000  # in memory, at most
NAMED = 3  # unknown keys named in a note


class Lister:
    """Lists one dataset; thread-safe. A listing takes one request per 1,000 objects, account, and region."""

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        *,
        concurrency: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.location = location
        self._concurrency = concurrency
        self._clock = clock
        self._lock = threading.Lock()
        self._spans: dict[Span, tuple[float, list[ListedObject]]] = {}
        self._places: tuple[float, list[tuple[LogFormat, str, str]]] | None = None
        self._scopes: dict[Scope, tuple[list[list[ListedObject]], Listing]] = {}
        self._manifests: dict[tuple[str, str], Manifest] = {}

    def list_scope(self, scope: Scope, *, fresh: bool = False) -> Listing:
        """Return the objects to read for the scope; `fresh` ignores remembered listings."""
        self.places(fresh=fresh)
        listed = self._listed(self._key_ranges(scope), fresh)
        with self._lock:
            known = self._scopes.get(scope)
        if known and len(known[0]) == len(listed) and all(map(operator.is_, known[0], listed)):
            return known[1]
        sources, compacted, skipped = self._sorted(listed, scope)
        with ThreadPoolExecutor(self._concurrency, "list") as pool:
            read = list(pool.map(self._manifest, compacted.items()))
        notes = [*skipped, *(note for _, _, note in read if note)]
        parts = [part for parts_of_hour, _, _ in read for part in parts_of_hour]
        covered = frozenset().union(*(manifest.sources for _, manifest, _ in read))
        rest = tuple(obj for obj in sources if (obj.key, obj.etag) not in covered)
        listing = Listing(self.location, scope, tuple(parts), rest, len(sources) - len(rest), tuple(notes))
        with self._lock:
            self._scopes[scope] = (listed, listing)
            while len(self._scopes) > SCOPES:
                self._scopes.pop(next(iter(self._scopes)))
        return listing

    def glance(self, scope: Scope) -> Listing | None:
        """Return the listing of the scope if it is remembered, without any request; else None."""
        known = self._places
        if not known or known[0] <= self._clock() - REMEMBERED_S:
            return None
        if any(self._known(span) is None for span in self._key_ranges(scope)):
            return None
        return self.list_scope(scope)

    def _key_ranges(self, scope: Scope) -> list[Span]:
        """Return the ranges of keys to list, once `places` is known."""
        return list(spans(self.location, scope, self._places[1] if self._places else ()))

    def places(self, *, fresh: bool = False) -> list[tuple[LogFormat, str, str]]:
        """Return every (format, account, region) with objects; empty strings for formats by arrival."""
        known = self._places
        if known and not fresh and known[0] > self._clock() - REMEMBERED_S:
            return known[1]
        prefix = self.location.prefix
        top = self.store.folders(prefix)
        places = [(kind, "", "") for kind in BY_ARRIVAL if kind.value in top or _has_years(kind, top)]
        above = [(kind, f"{prefix}{kind}/") for kind in PLACED if kind.value in top]
        with ThreadPoolExecutor(self._concurrency, "list") as pool:
            accounts = [
                (kind, below, name)
                for (kind, below), names in zip(
                    above, pool.map(lambda pair: self.store.folders(pair[1]), above), strict=True
                )
                for name in names
                if name.startswith("account=")
            ]
            regions = pool.map(lambda account: self.store.folders(f"{account[1]}{account[2]}/"), accounts)
            for (kind, _, account), names in zip(accounts, regions, strict=True):
                places += [
                    (kind, account.removeprefix("account="), name.removeprefix("region="))
                    for name in names
                    if name.startswith("region=")
                ]
        self._places = (self._clock(), places)
        return places

    def _listed(self, key_ranges: list[Span], fresh: bool) -> list[list[ListedObject]]:
        """Return the objects of each key range; a remembered list is returned as the same object."""
        known = (
            {}
            if fresh
            else {span: objects for span in key_ranges if (objects := self._known(span)) is not None}
        )
        if new := [span for span in key_ranges if span not in known]:
            with ThreadPoolExecutor(self._concurrency, "list") as pool:
                known |= zip(new, pool.map(self._list, new), strict=True)
        return [known[span] for span in key_ranges]

    def _known(self, span: Span) -> list[ListedObject] | None:
        """Return the remembered objects of the key range, also as part of a longer one; else None."""
        with self._lock:
            now = self._clock()
            self._spans = {
                listed: entry for listed, entry in self._spans.items() if entry[0] > now - REMEMBERED_S
            }
            if span in self._spans:
                return self._spans[span][1]
            for longer, (at, objects) in self._spans.items():
                if longer.holds(span):
                    first = bisect_right(objects, span.after, key=_key)
                    piece = objects[first : bisect_left(objects, span.before, key=_key)]
                    self._spans[span] = (at, piece)
                    return piece
        return None

    def _list(self, span: Span) -> list[ListedObject]:
        objects = sorted(self.store.list(span.prefix, span.after, span.before), key=_key)
        with self._lock:
            self._spans[span] = (self._clock(), objects)
        return objects

    def _sorted(
        self, lists: list[list[ListedObject]], scope: Scope
    ) -> tuple[list[LogObject], dict[Partition, tuple[ListedObject, frozenset[str]]], list[str]]:
        """Split into source objects, manifests with the names beside them, and notes about other objects."""
        sources: list[LogObject] = []
        manifests: dict[Partition, ListedObject] = {}
        beside: dict[Partition, set[str]] = {}
        foreign: list[str] = []
        empty: list[str] = []
        for listed in chain.from_iterable(lists):
            parsed = parse(self.location, listed.key)
            if not listed.size:
                empty += [] if listed.key.endswith("/") else [listed.key]  # a folder marker ends in a slash
                continue
            if not parsed:
                foreign.append(listed.key)
                continue
            kind, partition, name = parsed
            if kind is not LogFormat.COMPACTED:
                sources.append(LogObject(listed.key, listed.size, listed.etag, kind, partition))
            elif name == MANIFEST:
                manifests[partition] = listed
            else:
                beside.setdefault(partition, set()).add(name)
        with_names = {
            partition: (listed, frozenset(beside.get(partition, ())))
            for partition, listed in manifests.items()
        }
        return (
            sources,
            with_names,
            [
                *skipped("that are not part of the log layout", foreign),
                *skipped("that are empty", empty),
            ],
        )

    def _manifest(
        self, entry: tuple[Partition, tuple[ListedObject, frozenset[str]]]
    ) -> tuple[list[Part], Manifest, str]:
        """Return parts, manifest, and a note; an unreadable manifest or a missing part is left out."""
        partition, (listed, beside) = entry
        try:
            manifest = self._read(listed)
        except SlipwayError as error:
            return [], Manifest(), f"{error} {error.hint}"
        manifest = manifest.present(beside)
        where = folder(self.location, LogFormat.COMPACTED, partition)
        return parts_of(manifest, where, partition), manifest, ""

    def _read(self, listed: ListedObject) -> Manifest:
        key = (listed.key, listed.etag)
        with self._lock:
            if key in self._manifests:
                return self._manifests[key]
        manifest = manifest_from_json(
            self.store.read(listed.key, listed.etag), f"{self.location}{listed.key}"
        )
        with self._lock:
            if len(self._manifests) >= MANIFESTS:
                self._manifests.clear()
            self._manifests[key] = manifest
        return manifest


def _key(listed: ListedObject) -> str:
    return listed.key


def _has_years(kind: LogFormat, folders: list[str]) -> bool:
    return kind is LogFormat.OLDER and any(name.isdigit() and len(name) == 4 for name in folders)


def skipped(what: str, keys: list[str]) -> list[str]:
    if not keys:
        return []
    named = ", ".join(keys[:NAMED]) + (", …" if len(keys) > NAMED else "")
    return [f"Skipped objects {what}: {len(keys)} ({named})"]
