"""An object's records as events, whatever it contains. Never raises for invalid data."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

from ops.logs.lake.gzipped import DAMAGED, LARGEST_BYTES, TOO_LARGE
from ops.logs.lake.layout import LogObject
from ops.logs.lake.readers import END_OF_TIME, EVENTS, ObjectEvents, clean, text_of
from ops.logs.services.keys import ANY_KEY, facts_of
from ops.logs.services.model import DatasetType, Event, KeyFacts

PARQUET = b"PAR1"
ZSTD = b"\x28\xb5\x2f\xfd"
CHUNK = 1 << 20


class RecordReader:
    """Reads the objects of one dataset below `root`."""

    def __init__(self, type_: DatasetType, root: str) -> None:
        self._type = type_
        self._root = root

    def __call__(self, obj: LogObject, data: bytes, name: str) -> ObjectEvents:
        """Return the events of an object; `name` identifies it in notes."""
        notes: list[str] = []
        facts = facts_of((*self._type.layouts, ANY_KEY), obj.key[len(self._root) :]) or KeyFacts()
        wrong: Counter[str] = Counter()
        content = data if data[:4] == PARQUET else text_of(_unzstd(data, notes), notes)
        rows = list(self._rows(content, facts, obj, wrong))
        notes += [f"Skipped {what}: {number}." for what, number in wrong.items()]
        columns = list(zip(*rows, strict=True)) or [()] * len(EVENTS)
        table = pa.table(
            [pa.array(column, field.type) for column, field in zip(columns, EVENTS, strict=True)],
            schema=EVENTS,
        )
        return ObjectEvents(table, tuple(f"{name}: {note}" for note in notes))

    def _rows(
        self, content: bytes, facts: KeyFacts, obj: LogObject, wrong: Counter[str]
    ) -> Iterator[tuple[str, str, str, str, int, str, str | None]]:
        for event in self._events(content, facts, wrong):
            millis, group, stream, message, id_, account, region = event
            if not 0 <= millis < END_OF_TIME:
                wrong["records without a valid time"] += 1
                continue
            yield (
                clean(account or obj.partition.account),
                clean(region or obj.partition.region),
                clean(group),
                clean(stream),
                millis,
                clean(message),
                None if id_ is None else clean(id_),
            )

    def _events(self, content: bytes, facts: KeyFacts, wrong: Counter[str]) -> Iterable[Event]:
        def skip(what: str) -> None:
            wrong[what] += 1

        return self._type.read(content, facts, skip)


def _unzstd(data: bytes, notes: list[str]) -> bytes:
    """Decompress Zstandard as far as possible; other data is returned unchanged."""
    if data[:4] != ZSTD:
        return data
    pieces: list[bytes] = []
    size = 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            while piece := stream.read(CHUNK):
                pieces.append(piece)
                size += len(piece)
                if size > LARGEST_BYTES:
                    notes.append(TOO_LARGE.format(LARGEST_BYTES >> 20))
                    break
    except (OSError, pa.ArrowException):
        notes.append(DAMAGED)
    return b"".join(pieces)
