"""Messages between this process and a worker process.

To a worker they are pickled. From it, which runs what others wrote, they are Arrow batches and JSON only.
"""

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

import pyarrow as pa

from ops.errors import InputError, QueryError, SlipwayError
from ops.logs.engines.execution.job import Fault, FaultKind, Job, Place

SLICE_BYTES = 8_000_000
MOST_BYTES = 64_000_000  # of one message from a worker: a row may be larger than a slice
BATCH, FAILED, DONE = b"B", b"F", b"D"
USED_UP, USABLE = b"1", b"0"  # second byte of the last message of a job: whether the worker can run another


@dataclass(frozen=True)
class Open:
    """Prepare for jobs of the place."""

    place: Place


@dataclass(frozen=True)
class Run:
    """Run the job."""

    place: Place
    job: Job


@dataclass(frozen=True)
class Cancel:
    """Cancel the running job."""


Request = Open | Run | Cancel


def send_request(connection: Connection, request: Request) -> None:
    """Send the request. Raises OSError if the worker has ended."""
    connection.send_bytes(pickle.dumps(request, protocol=5))


def receive_request(connection: Connection) -> Request:
    """Receive a request, in the worker. Raises EOFError, OSError."""
    request: Request = pickle.loads(connection.recv_bytes())  # nosec B301: from the parent process only
    return request


def send_batch(connection: Connection, batch: pa.RecordBatch, row_bytes: int) -> None:
    """Send the batch in slices of a limited size. Raises Fault for a row of more than `row_bytes`."""
    for piece in _slices(batch, row_bytes):
        sink = pa.BufferOutputStream()
        sink.write(BATCH)
        with pa.ipc.new_stream(sink, piece.schema) as writer:
            writer.write_batch(piece)
        connection.send_bytes(memoryview(sink.getvalue()))


def send_end(connection: Connection, error: Fault | SlipwayError | None, used_up: bool) -> None:
    """Send that the job has ended, or why it failed: a fault, or a statement that may not run."""
    flag = USED_UP if used_up else USABLE
    if error is None:
        connection.send_bytes(DONE + flag)
        return
    fields: dict[str, object]
    if isinstance(error, Fault):
        fields = {"fault": error.kind.value, "text": error.text}
    else:
        fields = {"hint": error.hint, "detail": error.detail}
    if isinstance(error, QueryError):
        fields |= {"query": error.text, "line": error.line, "column": error.column}
    connection.send_bytes(FAILED + flag + json.dumps({"message": str(error), **fields}).encode())


def is_last(message: bytes) -> bool:
    """Return whether the message ends a job."""
    return message[:1] != BATCH


def used_up(message: bytes) -> bool:
    """Return whether the worker that sent this last message cannot run another job."""
    return message[1:2] != USABLE


def read_message(message: bytes) -> pa.RecordBatch | None:
    """Return the batch in a worker's message; None at the end. Raises Fault, InputError."""
    if message[:1] == BATCH:
        return pa.ipc.open_stream(pa.py_buffer(memoryview(message)[1:])).read_next_batch()
    if message[:1] == DONE:
        return None
    fields = json.loads(message[2:])
    if "fault" in fields:
        raise Fault(FaultKind(fields["fault"]), fields["text"])
    if "query" in fields:
        raise QueryError(
            fields["message"],
            text=fields["query"],
            line=fields["line"],
            column=fields["column"],
            hint=fields["hint"],
        )
    raise InputError(fields["message"], field="sql", hint=fields["hint"], detail=fields["detail"])


def _slices(batch: pa.RecordBatch, row_bytes: int) -> Iterator[pa.RecordBatch]:
    if batch.nbytes <= SLICE_BYTES:
        yield batch
    elif batch.num_rows > 1:
        half = batch.num_rows // 2
        yield from _slices(batch.slice(0, half), row_bytes)
        yield from _slices(batch.slice(half), row_bytes)
    elif batch.nbytes > row_bytes:
        raise Fault(FaultKind.ROW, f"The row has {batch.nbytes:,} bytes.")
    else:
        yield batch
