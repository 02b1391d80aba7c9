"""From a scope to the objects that must be read: listed in parallel, hours that are over from memory."""

import operator
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from ops.aws.s3.objects import Listed
from ops.errors import SlipwayError
from ops.logs.lake.layout import (
    BY_ARRIVAL,
    MANIFEST,
    PLACED,
    Kind,
    Listing,
    Location,
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
from ops.logs.lake.store import Store

REMEMBERED_S = 30.0  # a listing is repeated after this long: new objects appear in any hour
SCOPES = 64  # whose listing is remembered as well
MANIFESTS = 20_000  # kept in memory at most
NAMED = 3  # foreign keys that a note names


class Lister:
    """Lists one dataset; safe for many threads. `list_scope` costs a request a 1,000 objects and place."""

    def __init__(
        self,
        store: Store,
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
        self._spans: dict[Span, tuple[float, list[Listed]]] = {}
        self._places: tuple[float, list[tuple[Kind, str, str]]] | None = None
        self._scopes: dict[Scope, tuple[list[list[Listed]], Listing]] = {}
        self._manifests: dict[tuple[str, str], Manifest] = {}

    def list_scope(self, scope: Scope, *, fresh: bool = False) -> Listing:
        """What must be read for the scope; `fresh` lists anew what was listed a moment ago."""
        wanted = list(spans(self.location, scope, self.places(fresh=fresh)))
        found = self._listed(wanted, fresh)
        with self._lock:
            known = self._scopes.get(scope)
        if known and len(known[0]) == len(found) and all(map(operator.is_, known[0], found)):
            return known[1]
        sources, compacted, foreign = self._sorted(found)
        with ThreadPoolExecutor(self._concurrency, "list") as pool:
            read = list(pool.map(self._manifest, compacted.items()))
        notes = [*_foreign_note(foreign), *(note for _, _, note in read if note)]
        parts = [part for found, _, _ in read for part in found]
        covered = frozenset().union(*(manifest.sources for _, manifest, _ in read))
        rest = tuple(obj for obj in sources if (obj.key, obj.etag) not in covered)
        listing = Listing(self.location, scope, tuple(parts), rest, len(sources) - len(rest), tuple(notes))
        with self._lock:
            self._scopes[scope] = (found, listing)
            while len(self._scopes) > SCOPES:
                self._scopes.pop(next(iter(self._scopes)))
        return listing

    def glance(self, scope: Scope) -> Listing | None:
        """What must be read for the scope, where it was listed a moment ago; costs nothing."""
        known = self._places
        if not known or known[0] <= self._clock() - REMEMBERED_S:
            return None
        if any(self._known(span) is None for span in spans(self.location, scope, known[1])):
            return None
        return self.list_scope(scope)

    def places(self, *, fresh: bool = False) -> list[tuple[Kind, str, str]]:
        """Every (kind, account, region) that has objects; the kinds by arrival with empty names."""
        known = self._places
        if known and not fresh and known[0] > self._clock() - REMEMBERED_S:
            return known[1]
        prefix = self.location.prefix
        top = self.store.folders(prefix)
        found = [(kind, "", "") for kind in BY_ARRIVAL if kind.value in top or _has_years(kind, top)]
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
            regions = pool.map(lambda one: self.store.folders(f"{one[1]}{one[2]}/"), accounts)
            for (kind, _, account), names in zip(accounts, regions, strict=True):
                found += [
                    (kind, account.removeprefix("account="), name.removeprefix("region="))
                    for name in names
                    if name.startswith("region=")
                ]
        self._places = (self._clock(), found)
        return found

    def _listed(self, wanted: list[Span], fresh: bool) -> list[list[Listed]]:
        """The objects of each run of keys: the very same list where nothing was listed anew."""
        known = {} if fresh else {span: found for span in wanted if (found := self._known(span)) is not None}
        if new := [span for span in wanted if span not in known]:
            with ThreadPoolExecutor(self._concurrency, "list") as pool:
                known |= zip(new, pool.map(self._list, new), strict=True)
        return [known[span] for span in wanted]

    def _known(self, span: Span) -> list[Listed] | None:
        """What was listed a moment ago, also as a piece of a longer run."""
        with self._lock:
            now = self._clock()
            self._spans = {one: old for one, old in self._spans.items() if old[0] > now - REMEMBERED_S}
            if span in self._spans:
                return self._spans[span][1]
            for longer, (at, found) in self._spans.items():
                if longer.holds(span):
                    first = bisect_right(found, span.after, key=_key)
                    piece = found[first : bisect_left(found, span.before, key=_key)]
                    self._spans[span] = (at, piece)
                    return piece
        return None

    def _list(self, span: Span) -> list[Listed]:
        found = sorted(self.store.list(span.prefix, span.after, span.before), key=_key)
        with self._lock:
            self._spans[span] = (self._clock(), found)
        return found

    def _sorted(
        self, lists: list[list[Listed]]
    ) -> tuple[list[LogObject], dict[Partition, tuple[Listed, frozenset[str]]], list[str]]:
        """Sources, the manifests with the names beside them, and the keys that are not ours."""
        sources: list[LogObject] = []
        manifests: dict[Partition, Listed] = {}
        beside: dict[Partition, set[str]] = {}
        foreign: list[str] = []
        for one in chain.from_iterable(lists):
            parsed = parse(self.location, one.key)
            if not one.size:  # a folder's marker, or nothing to read
                continue
            if not parsed:
                foreign.append(one.key)
                continue
            kind, partition, name = parsed
            if kind is not Kind.COMPACTED:
                sources.append(LogObject(one.key, one.size, one.etag, kind, partition))
            elif name == MANIFEST:
                manifests[partition] = one
            else:
                beside.setdefault(partition, set()).add(name)
        return (
            sources,
            {place: (one, frozenset(beside.get(place, ()))) for place, one in manifests.items()},
            foreign,
        )

    def _manifest(
        self, found: tuple[Partition, tuple[Listed, frozenset[str]]]
    ) -> tuple[list[Part], Manifest, str]:
        """Parts, manifest, and a note. What of it cannot be honoured counts as not compacted."""
        partition, (listed, beside) = found
        try:
            manifest = self._read(listed)
        except SlipwayError as error:
            return [], Manifest(), f"{error} {error.hint}"
        manifest = manifest.present(beside)
        where = folder(self.location, Kind.COMPACTED, partition)
        return parts_of(manifest, where, partition), manifest, ""

    def _read(self, listed: Listed) -> Manifest:
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


def _key(listed: Listed) -> str:
    return listed.key


def _has_years(kind: Kind, folders: list[str]) -> bool:
    return kind is Kind.OLDER and any(name.isdigit() and len(name) == 4 for name in folders)


def _foreign_note(keys: list[str]) -> list[str]:
    if not keys:
        return []
    named = ", ".join(keys[:NAMED]) + (", …" if len(keys) > NAMED else "")
    return [f"{len(keys)} objects are not part of the log layout and were passed over: {named}"]
