"""One delivery stream at work: reads, transforms, buffers by partition, writes to S3, and only then moves on.

At least once, as Firehose: what was not written is kept and tried again; what the process forgets at its end
is read again from the source.
"""

import gzip
import logging
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import firehose

from ops.embedded.firehose import log as firehose_log
from ops.embedded.firehose.objects import (
    NoPrefix,
    NotWritten,
    compressed,
    error_lines,
    error_prefix,
    prefix,
    write,
)
from ops.embedded.firehose.processor import MEGABYTE, Failed, Incoming, Outgoing, Processor, processor_of
from ops.embedded.firehose.source import Source, source_of
from ops.embedded.iam import service_roles
from ops.embedded.services import flow_metrics

PARTITIONS = 500  # active at a time; more go to the error prefix
DEFAULT_SIZE_MB = 5
DEFAULT_INTERVAL_S = 300
FASTER = 60  # a minute of AWS is one delay here
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
IDLE_S = 30.0

log = logging.getLogger("slipway.embedded")


@dataclass
class Buffer:
    """What waits for one object."""

    arrived_ms: int
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes) -> None:
        self.parts.append(data)
        self.size += len(data)


class Delivery:
    """A thread that lives while its stream has something to deliver."""

    def __init__(self, account: str, region: str, name: str, delay_s: float) -> None:
        self._scope = (account, region)
        self._name = name
        self._delay_s = delay_s
        self._some = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Something may be there to be read."""
        self._some.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"firehose {self._name}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with request_scope(*self._scope):
            while True:
                try:
                    Work(self._name, self._delay_s, self._some).run()
                except Exception:
                    log.exception("Delivery stream %s", self._name)
                    time.sleep(LONGEST_PAUSE_S)
                    continue
                with self._lock:
                    if not self._some.is_set():
                        self._thread = None
                        return


class Work:
    """From waking until nothing was there for a while."""

    def __init__(self, name: str, delay_s: float, some: threading.Event) -> None:
        self._stream: dict[str, Any] = firehose._streams.get(name) or {"destinations": []}
        self._name = name
        self._delay_s = delay_s
        self._some = some
        self._buffers: dict[str, Buffer] = {}
        self._failed: list[Failed] = []
        self._since = 0.0

    def run(self) -> None:
        if not self._stream["destinations"]:
            return
        source = source_of(self._stream, self._destination)
        while self._still_there():
            self._some.clear()
            try:
                records = source.read(self._batch_bytes())
            except service_roles.Refused as error:
                self._report("Kinesis.AccessDenied", str(error))
                time.sleep(LONGEST_PAUSE_S)
                continue
            if records:
                self._some.set()
                self._take(records)
            if self._due():
                self._flush(source)
            elif not records:
                if not self._waiting():
                    source.commit()  # all of it was dropped
                if not self._some.wait(self._rest()) and not self._waiting():
                    return

    @property
    def _destination(self) -> dict[str, Any]:
        found: dict[str, Any] = self._stream["destinations"][0]
        return found

    @property
    def _configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = self._destination["config"]
        return found

    def _still_there(self) -> bool:
        return firehose._streams.get(self._name) is self._stream

    def _processor(self) -> Processor | None:
        return processor_of(self._stream, self._configuration)

    def _batch_bytes(self) -> int:
        processor = self._processor()
        return processor.buffer_bytes if processor else MEGABYTE

    def _take(self, records: Sequence[Incoming]) -> None:
        if not self._waiting():
            self._since = time.monotonic()
        processor = self._processor()
        if processor:
            kept, failed = processor.transform(records)
        else:
            kept, failed = _unprocessed(self._configuration, records)
        self._failed += failed
        for outgoing in kept:
            self._keep(outgoing)

    def _keep(self, outgoing: Outgoing) -> None:
        try:
            folder = prefix(self._configuration, outgoing.record.arrived_ms, outgoing.keys)
        except NoPrefix as error:
            code = "DynamicPartitioning.MetadataExtractionFailed"
            self._failed.append(Failed(outgoing.record, code, str(error), 1))
            return
        if folder not in self._buffers and len(self._buffers) >= PARTITIONS:
            code, text = "DynamicPartitioning.ActivePartitionsLimitExceeded", "Too many active partitions."
            self._failed.append(Failed(outgoing.record, code, text, 1))
            return
        self._buffers.setdefault(folder, Buffer(outgoing.record.arrived_ms)).add(outgoing.data)

    def _waiting(self) -> bool:
        return bool(self._buffers or self._failed)

    def _hints(self) -> tuple[int, float]:
        hints: Mapping[str, Any] = self._configuration.get("BufferingHints") or {}
        size = int(hints.get("SizeInMBs") or DEFAULT_SIZE_MB) * MEGABYTE
        interval = float(hints.get("IntervalInSeconds", DEFAULT_INTERVAL_S))
        return size, interval * self._delay_s / FASTER

    def _rest(self) -> float:
        """Seconds until the interval ends, or until an idle stream's thread may end."""
        if not self._waiting():
            return IDLE_S
        return max(0.0, self._since + self._hints()[1] - time.monotonic())

    def _due(self) -> bool:
        size, interval = self._hints()
        return self._waiting() and (
            time.monotonic() - self._since >= interval
            or any(buffer.size >= size for buffer in self._buffers.values())
        )

    def _flush(self, source: Source) -> None:
        """Writes every buffer, however long S3 refuses; then the source may forget what was read."""
        pause = FIRST_PAUSE_S
        while self._waiting() and self._still_there():
            try:
                self._write_some()
            except NotWritten as error:
                self._report(error.code, str(error))
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        source.commit()

    def _write_some(self) -> None:
        while self._buffers:
            folder, buffer = next(iter(self._buffers.items()))
            body = compressed(self._configuration, buffer.parts)
            write(self._stream, self._configuration, folder, buffer.arrived_ms, body)
            del self._buffers[folder]
            self._count(buffer, len(body))
        if self._failed:
            arrived_ms = self._failed[0].record.arrived_ms
            plain = {**self._configuration, "CompressionFormat": "UNCOMPRESSED", "FileExtension": ""}
            folder = error_prefix(self._configuration, arrived_ms)
            write(self._stream, plain, folder, arrived_ms, error_lines(self._failed))
            self._failed = []

    def _report(self, code: str, message: str) -> None:
        log.info("Delivery stream %s: %s: %s", self._name, code, message)
        flow_metrics.count("AWS/Firehose", self._dimensions, "Count", DeliveryToS3__Success=0)
        firehose_log.write(self._stream, self._configuration, code, message)

    @property
    def _dimensions(self) -> dict[str, str]:
        return {"DeliveryStreamName": self._name}

    def _count(self, buffer: Buffer, written: int) -> None:
        age_s = time.time() - buffer.arrived_ms / 1000
        flow_metrics.count("AWS/Firehose", self._dimensions, "Count", DeliveryToS3__Success=1)
        flow_metrics.count("AWS/Firehose", self._dimensions, "Count", DeliveryToS3__Records=len(buffer.parts))
        flow_metrics.count("AWS/Firehose", self._dimensions, "Bytes", DeliveryToS3__Bytes=written)
        flow_metrics.count("AWS/Firehose", self._dimensions, "Seconds", DeliveryToS3__DataFreshness=age_s)


def _unprocessed(
    configuration: Mapping[str, Any], records: Sequence[Incoming]
) -> tuple[list[Outgoing], list[Failed]]:
    """Without a Lambda: as they are, decompressed or with a delimiter where the stream says so."""
    kinds = _builtin(configuration)
    kept, failed = [], []
    for record in records:
        data = record.data
        if "Decompression" in kinds:
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                failed.append(Failed(record, "Decompression.Failed", str(error), 1))
                continue
        kept.append(Outgoing(record, data + (b"\n" if "AppendDelimiterToRecord" in kinds else b"")))
    return kept, failed


def _builtin(configuration: Mapping[str, Any]) -> frozenset[str]:
    processing = configuration.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return frozenset()
    return frozenset(each["Type"] for each in processing.get("Processors") or [])
