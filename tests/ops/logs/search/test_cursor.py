"""A cursor: progress, cost, and notes of a query, cancellation, and truncated results."""

import threading
from collections.abc import Generator

import pyarrow as pa
import pytest

from ops.logs.search.cursor import Cursor, Progress, QueryCanceled

LONG_S = 30


def numbers(count: int, rows: int = 100) -> Cursor:
    """Return a cursor over batches of 8 bytes per row."""

    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        for number in range(count):
            yield pa.record_batch({"n": [number] * rows})

    return Cursor(read, limit_bytes=2000)


@pytest.mark.parametrize(("batches", "complete"), [(1, True), (3, True), (4, False)])
def test_a_result_is_truncated_only_if_rows_are_left(batches: int, complete: bool) -> None:
    cursor = numbers(batches)
    assert cursor.table().num_rows == min(batches, 3) * 100
    assert cursor.complete is complete


@pytest.mark.parametrize(("rows", "sizes"), [((0, 0), [0]), ((0, 2, 0, 1), [2, 1])])
def test_only_a_result_without_rows_has_an_empty_batch(rows: tuple[int, ...], sizes: list[int]) -> None:
    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        for count in rows:
            yield pa.record_batch({"n": pa.array([1] * count, pa.int64())})

    assert [batch.num_rows for batch in Cursor(read)] == sizes


def test_a_truncated_or_abandoned_query_ends() -> None:
    ended = threading.Event()

    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        try:
            while True:
                yield pa.record_batch({"n": [1]})
        finally:
            ended.set()

    Cursor(read, limit_bytes=10).table()
    assert ended.is_set()


def test_progress_never_goes_backwards() -> None:
    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        for done in (10, 30, 20):
            cursor.report(Progress(f"{done}", done, 40))
        yield pa.record_batch({"n": [1]})

    cursor = Cursor(read)
    assert cursor.progress == Progress("Queued")
    next(iter(cursor))
    assert cursor.progress == Progress("30", 30, 40)
    assert list(cursor) == []
    assert cursor.progress == Progress("30", 30, 30)


@pytest.mark.parametrize(
    ("progress", "share"),
    [(Progress("x", 3), None), (Progress("x", 3, 4), 0.75), (Progress("x", 0, 0), 1.0)],
)
def test_the_share_is_known_with_the_total(progress: Progress, share: float | None) -> None:
    assert progress.share == share


def test_costs_are_added_and_notes_are_not_repeated() -> None:
    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        for _ in range(2):
            cursor.spend(3, 100, 0.25)
            cursor.note("one", "two")
        yield pa.record_batch({"n": [1]})

    cursor = Cursor(read)
    cursor.table()
    assert cursor.notes == ("one", "two")
    assert (cursor.cost.objects, cursor.cost.size_bytes, cursor.cost.dollars) == (6, 200, 0.5)


def test_an_interrupt_that_is_ignored_is_repeated() -> None:
    """DuckDB ignores an interrupt just before a statement starts."""
    interrupts = threading.Semaphore(0)
    started = threading.Event()

    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        with cursor.interruptible(interrupts.release):
            started.set()
            for _ in range(3):
                assert interrupts.acquire(timeout=LONG_S)
        yield pa.record_batch({"n": [1]})

    cursor = Cursor(read, canceled_hint="Retry.")
    errors: list[QueryCanceled] = []

    def read_all() -> None:
        try:
            cursor.table()
        except QueryCanceled as error:
            errors.append(error)

    reader = threading.Thread(target=read_all)
    reader.start()
    started.wait(LONG_S)
    cursor.cancel()
    reader.join(LONG_S)
    assert [error.hint for error in errors] == ["Retry."]


def test_nothing_is_interrupted_after_the_statement() -> None:
    interrupts: list[int] = []

    def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        with cursor.interruptible(lambda: interrupts.append(1)):
            pass
        yield pa.record_batch({"n": [1]})
        with cursor.interruptible(lambda: interrupts.append(2)):
            raise AssertionError("a canceled query starts no statement")

    cursor = Cursor(read)
    next(iter(cursor))
    cursor.cancel()
    with pytest.raises(QueryCanceled):
        cursor.table()
    assert interrupts == []
