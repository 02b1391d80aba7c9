"""List the objects of a dataset of another exporter for a scope."""

import time
from collections.abc import Callable
from itertools import chain

from ops.aws.s3.objects import ListedObject
from ops.logs.lake.layout import (
    UNDATED,
    UNKNOWN,
    Location,
    LogFormat,
    LogObject,
    Partition,
    Scope,
    Span,
    hour_of,
    in_places,
)
from ops.logs.lake.listing import REMEMBERED_S, Lister, skipped
from ops.logs.lake.store import ObjectStore
from ops.logs.services import keys
from ops.logs.services.model import DatasetType, KeyLayout

Places = list[tuple[LogFormat, str, str]]


class ServiceLister(Lister):
    """Lists one dataset of a type. Objects whose keys name no time are always listed: see `UNDATED`."""

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        type_: DatasetType,
        *,
        concurrency: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(store, location, concurrency=concurrency, clock=clock)
        self.type = type_
        self.prefixes: list[tuple[KeyLayout, str]] = []

    def places(self, *, fresh: bool = False) -> Places:
        """Return the accounts and regions that the keys name."""
        known = self._places
        if known and not fresh and known[0] > self._clock() - REMEMBERED_S:
            return known[1]
        found = keys.prefixes(self.store, self.location.prefix, self.type)
        if not found and not set(self.store.folders(self.location.prefix)) & set(keys.ROOTS):
            found = [(keys.ANY_KEY, self.location.prefix)]
        self.prefixes = found
        named = {keys.place_of(layout, prefix[len(self.location.prefix) :]) for layout, prefix in found}
        self._places = (self._clock(), [(LogFormat.SERVICE, *place) for place in sorted(named)])
        return self._places[1]

    def sample(self) -> bytes:
        """Return the content of the first object of the type; empty if there is none."""
        root = self.location.prefix
        objects = (one for _, prefix in self.prefixes for one in self.store.list(prefix) if one.size)
        layouts = self.type.layouts
        first = next((one for one in objects if keys.facts_of(layouts, one.key[len(root) :])), None)
        return self.store.read(first.key, first.etag) if first else b""

    def _key_ranges(self, scope: Scope) -> list[Span]:
        first, last = keys.times(self.type, scope)
        spans = []
        for layout, prefix in self.prefixes:
            if in_places(scope, *keys.place_of(layout, prefix[len(self.location.prefix) :])):
                after, before = keys.key_range(prefix, layout, first, last)
                spans.append(Span(LogFormat.SERVICE, prefix, after, before))
        return spans

    def _sorted(
        self, lists: list[list[ListedObject]], scope: Scope
    ) -> tuple[list[LogObject], dict[Partition, tuple[ListedObject, frozenset[str]]], list[str]]:
        """Return the objects that may have events of the scope, and notes about empty ones.

        Objects with other keys are not part of the dataset: other services write below the same prefix.
        """
        layouts = {layout for layout, _ in self.prefixes}
        sources: dict[str, LogObject] = {}
        empty: list[str] = []
        for listed in chain.from_iterable(lists):
            facts = keys.facts_of(layouts, listed.key[len(self.location.prefix) :])
            if facts is None or not keys.in_scope(self.type, facts, scope):
                continue
            if not listed.size:
                empty += [] if listed.key.endswith("/") else [listed.key]
                continue
            partition = Partition(
                hour_of(facts.at or UNDATED), facts.account or UNKNOWN, facts.region or UNKNOWN
            )
            sources[listed.key] = LogObject(
                listed.key, listed.size, listed.etag, LogFormat.SERVICE, partition
            )
        return list(sources.values()), {}, skipped("that are empty", empty)
