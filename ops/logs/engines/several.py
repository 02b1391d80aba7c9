"""Several datasets as one: their listings together, and each loaded by its own loader."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ops.logs.engines.loading import Loaded, Loader, LoadProgress
from ops.logs.lake.layout import Listing, Scope
from ops.logs.lake.listing import Lister


@dataclass(frozen=True)
class SeveralListings(Listing):
    """The listings of several datasets, in the order of their listers."""

    each: tuple[Listing, ...] = ()


class SeveralListers(Lister):
    """Lists several datasets."""

    def __init__(self, listers: Sequence[Lister]) -> None:
        super().__init__(listers[0].store, listers[0].location)
        self._listers = listers

    def list_scope(self, scope: Scope, *, fresh: bool = False) -> Listing:
        return self._together(scope, [lister.list_scope(scope, fresh=fresh) for lister in self._listers])

    def glance(self, scope: Scope) -> Listing | None:
        listings = [lister.glance(scope) for lister in self._listers]
        known = [listing for listing in listings if listing]
        return self._together(scope, known) if len(known) == len(listings) else None

    def _together(self, scope: Scope, listings: Sequence[Listing]) -> Listing:
        return SeveralListings(
            self.location,
            scope,
            tuple(part for listing in listings for part in listing.parts),
            tuple(obj for listing in listings for obj in listing.fresh),
            sum(listing.covered for listing in listings),
            tuple(note for listing in listings for note in listing.notes),
            tuple(listings),
        )


class SeveralLoaders(Loader):
    """Loads what `SeveralListers` list."""

    def __init__(self, loaders: Sequence[Loader]) -> None:
        super().__init__(loaders[0].files, loaders[0].levels)
        self._loaders = loaders

    def load(
        self,
        listing: Listing,
        needles: Sequence[str],
        report: Callable[[LoadProgress], None],
        check: Callable[[], None],
    ) -> Loaded:
        assert isinstance(listing, SeveralListings)
        together = Loaded()
        done = LoadProgress(0, listing.objects, 0, listing.size_bytes)
        for loader, one in zip(self._loaders, listing.each, strict=True):
            before = done

            def report_all(loading: LoadProgress, before: LoadProgress = before) -> None:
                report(
                    replace(
                        before,
                        done=before.done + loading.done,
                        bytes_done=before.bytes_done + loading.bytes_done,
                    )
                )

            loaded = loader.load(one, needles, report_all, check)
            together.parts += loaded.parts
            together.raw += loaded.raw
            together.tables += loaded.tables
            together.notes += loaded.notes
            together.unread += loaded.unread
            together.partly_read |= loaded.partly_read
            done = replace(done, done=done.done + one.objects, bytes_done=done.bytes_done + one.size_bytes)
        return together

    def leveled(self, parts: Iterable[Path]) -> set[Path]:
        paths = list(parts)
        return set().union(*(loader.leveled(paths) for loader in self._loaders))

    def look_again(self) -> bool:
        return any([loader.look_again() for loader in self._loaders])

    def refuse(self, listing: Listing) -> bool:
        assert isinstance(listing, SeveralListings)
        return any([loader.refuse(one) for loader, one in zip(self._loaders, listing.each, strict=True)])
