"""Delivers one stream: reads, transforms, buffers by partition, writes to S3, and then commits what it read.

Delivery is at least once, as in Firehose: unwritten records are kept and retried; records in memory when the
process exits are read from the source again.
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
    ObjectNotWritten,
    PrefixNotEvaluated,
    compressed,
    error_lines,
    error_prefix,
    prefix,
    write,
)
from ops.embedded.firehose.processor import (
    MEGABYTE,
    FailedRecord,
    IncomingRecord,
    Processor,
    TransformedRecord,
    find_processor,
)
from ops.embedded.firehose.source import RecordSource, record_source
from ops.embedded.iam import service_roles
from ops.embedded.services import flow_metrics

PARTITIONS = 500  # active at the same time; records of further partitions go to the error prefix
DEFAULT_SIZE_MB = 5
DEFAULT_INTERVAL_S = 300
SECONDS_PER_DELAY = 60  # one minute on AWS takes one delay here
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
IDLE_S = 30.0

log = logging.getLogger(__name__)


@dataclass
class DeliveryBuffer:
    """The records of the next object."""

    arrived_ms: int
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes) -> None:
        self.parts.append(data)
        self.size += len(data)


class DeliveryThread:
    """A thread that exists while its stream has records to deliver."""

    def __init__(self, account: str, region: str, name: str, delay_s: float) -> None:
        self._scope = (account, region)
        self._name = name
        self._delay_s = delay_s
        self._has_records = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Signal that the source may have records."""
        self._has_records.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"firehose {self._name}", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with request_scope(*self._scope):
            while True:
                try:
                    DeliveryRun(self._name, self._delay_s, self._has_records).run()
                except Exception:
                    log.exception("Delivery stream %s", self._name)
                    time.sleep(LONGEST_PAUSE_S)
                    continue
                with self._lock:
                    if not self._has_records.is_set():
                        self._thread = None
                        return


class DeliveryRun:
    """One run of the thread: from waking until the source has been idle for a while."""

    def __init__(self, name: str, delay_s: float, has_records: threading.Event) -> None:
        self._stream: dict[str, Any] = firehose._streams.get(name) or {"destinations": []}
        self._name = name
        self._delay_s = delay_s
        self._has_records = has_records
        self._buffers: dict[str, DeliveryBuffer] = {}
        self._failed_records: list[FailedRecord] = []
        self._pending_since = 0.0

    def run(self) -> None:
        if not self._stream["destinations"]:
            return
        source = record_source(self._stream, self._destination)
        while self._stream_exists():
            self._has_records.clear()
            try:
                records = source.read(self._batch_bytes())
            except service_roles.ServiceRoleDenied as error:
                self._report("Kinesis.AccessDenied", str(error))
                time.sleep(LONGEST_PAUSE_S)
                continue
            if records:
                self._has_records.set()
                self._process(records)
            if self._is_due():
                self._flush(source)
            elif not records:
                if not self._has_pending():
                    source.commit()  # the processor dropped every record
                if not self._has_records.wait(self._wait_s()) and not self._has_pending():
                    return

    @property
    def _destination(self) -> dict[str, Any]:
        destination: dict[str, Any] = self._stream["destinations"][0]
        return destination

    @property
    def _configuration(self) -> dict[str, Any]:
        configuration: dict[str, Any] = self._destination["config"]
        return configuration

    def _stream_exists(self) -> bool:
        return firehose._streams.get(self._name) is self._stream

    def _processor(self) -> Processor | None:
        return find_processor(self._stream, self._configuration)

    def _batch_bytes(self) -> int:
        processor = self._processor()
        return processor.buffer_bytes if processor else MEGABYTE

    def _process(self, records: Sequence[IncomingRecord]) -> None:
        if not self._has_pending():
            self._pending_since = time.monotonic()
        processor = self._processor()
        if processor:
            transformed, failed = processor.transform(records)
        else:
            transformed, failed = _without_lambda(self._configuration, records)
        self._failed_records += failed
        for record in transformed:
            self._buffer(record)

    def _buffer(self, transformed: TransformedRecord) -> None:
        try:
            folder = prefix(self._configuration, transformed.record.arrived_ms, transformed.keys)
        except PrefixNotEvaluated as error:
            code = "DynamicPartitioning.MetadataExtractionFailed"
            self._failed_records.append(FailedRecord(transformed.record, code, str(error), 1))
            return
        if folder not in self._buffers and len(self._buffers) >= PARTITIONS:
            code, text = "DynamicPartitioning.ActivePartitionsLimitExceeded", "Too many active partitions."
            self._failed_records.append(FailedRecord(transformed.record, code, text, 1))
            return
        self._buffers.setdefault(folder, DeliveryBuffer(transformed.record.arrived_ms)).add(transformed.data)

    def _has_pending(self) -> bool:
        return bool(self._buffers or self._failed_records)

    def _buffering_hints(self) -> tuple[int, float]:
        hints: Mapping[str, Any] = self._configuration.get("BufferingHints") or {}
        size = int(hints.get("SizeInMBs") or DEFAULT_SIZE_MB) * MEGABYTE
        interval = float(hints.get("IntervalInSeconds", DEFAULT_INTERVAL_S))
        return size, interval * self._delay_s / SECONDS_PER_DELAY

    def _wait_s(self) -> float:
        """Return the seconds until the interval ends, or until the thread of an idle stream may exit."""
        if not self._has_pending():
            return IDLE_S
        return max(0.0, self._pending_since + self._buffering_hints()[1] - time.monotonic())

    def _is_due(self) -> bool:
        size, interval = self._buffering_hints()
        return self._has_pending() and (
            time.monotonic() - self._pending_since >= interval
            or any(buffer.size >= size for buffer in self._buffers.values())
        )

    def _flush(self, source: RecordSource) -> None:
        """Write every buffer, retrying for as long as S3 refuses; then commit to the source."""
        pause = FIRST_PAUSE_S
        while self._has_pending() and self._stream_exists():
            try:
                self._write_buffers()
            except ObjectNotWritten as error:
                self._report(error.code, str(error))
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        source.commit()

    def _write_buffers(self) -> None:
        while self._buffers:
            folder, buffer = next(iter(self._buffers.items()))
            body = compressed(self._configuration, buffer.parts)
            write(self._stream, self._configuration, folder, buffer.arrived_ms, body)
            del self._buffers[folder]
            self._count_delivery(buffer, len(body))
        if self._failed_records:
            arrived_ms = self._failed_records[0].record.arrived_ms
            plain = {**self._configuration, "CompressionFormat": "UNCOMPRESSED", "FileExtension": ""}
            folder = error_prefix(self._configuration, arrived_ms)
            write(self._stream, plain, folder, arrived_ms, error_lines(self._failed_records))
            self._failed_records = []

    def _report(self, code: str, message: str) -> None:
        log.info("Delivery stream %s: %s: %s", self._name, code, message)
        flow_metrics.count("AWS/Firehose", self._dimensions, "Count", DeliveryToS3__Success=0)
        firehose_log.write(self._stream, self._configuration, code, message)

    @property
    def _dimensions(self) -> dict[str, str]:
        return {"DeliveryStreamName": self._name}

    def _count_delivery(self, buffer: DeliveryBuffer, written: int) -> None:
        age_s = time.time() - buffer.arrived_ms / 1000
        flow_metrics.count("AWS/Firehose", self._dimensions, "Count", DeliveryToS3__Success=1)
        flow_metrics.count("AWS/Firehose", self._dimensions, "Count", DeliveryToS3__Records=len(buffer.parts))
        flow_metrics.count("AWS/Firehose", self._dimensions, "Bytes", DeliveryToS3__Bytes=written)
        flow_metrics.count("AWS/Firehose", self._dimensions, "Seconds", DeliveryToS3__DataFreshness=age_s)


def _without_lambda(
    configuration: Mapping[str, Any], records: Sequence[IncomingRecord]
) -> tuple[list[TransformedRecord], list[FailedRecord]]:
    """Return records without a Lambda transformation: decompressed or with a delimiter if configured."""
    processors = _builtin_processors(configuration)
    transformed, failed = [], []
    for record in records:
        data = record.data
        if "Decompression" in processors:
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                failed.append(FailedRecord(record, "Decompression.Failed", str(error), 1))
                continue
        transformed.append(
            TransformedRecord(record, data + (b"\n" if "AppendDelimiterToRecord" in processors else b""))
        )
    return transformed, failed


def _builtin_processors(configuration: Mapping[str, Any]) -> frozenset[str]:
    processing = configuration.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return frozenset()
    return frozenset(processor["Type"] for processor in processing.get("Processors") or [])
