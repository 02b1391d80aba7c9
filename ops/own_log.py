"""Slipway's own log: its formats, its level, and the ids of failures.

What a record says is a fixed text; what varies is in fields (`extra`). Fields are names, numbers, and codes:
no search, no SQL, no line of a log, no parameter of a call. The message of an exception is never written,
because it can quote any of these. A record has the exception's class, its codes, and its frames instead;
pages show the message, next to the id with which the record is found.
"""

import hashlib
import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from ops.errors import InputError, NotAllowed, PlanRefused, SlipwayError

OWN = ("ops", "app", "pages")  # the packages whose loggers follow the setting
EXPECTED = (InputError, NotAllowed, PlanRefused)  # responses to what a user did: no failures of Slipway
FACTS = ("code", "operation", "resource")  # of a SlipwayError: names, never contents
REPEAT_S = 60.0  # a page that refreshes itself meets the same failure every few seconds
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

log = logging.getLogger(__name__)
_lock = threading.Lock()
_recorded: dict[str, float] = {}


class Level(StrEnum):
    """The least severe level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @classmethod
    def _missing_(cls, value: object) -> "Level | None":
        return next((level for level in cls if level == str(value).lower()), None)


class JsonLines(logging.Formatter):
    """One JSON object a record. The level comes first, where a log search finds it in long records too."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps(
            {
                "level": record.levelname,
                "time": moment,
                "logger": record.name,
                "message": _message(record),
                **_fields(record),
            },
            default=str,
        )


class Text(logging.Formatter):
    """One line a record, with the fields as NAME=VALUE, and the frames of an exception below it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        frames = fields.pop("traceback", ())
        head = f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {record.levelname} {record.name}: "
        pairs = "".join(f" {name}={_quoted(value)}" for name, value in fields.items())
        return "\n".join([f"{head}{_message(record)}{pairs}", *(f"    {frame}" for frame in frames)])


class Output(logging.StreamHandler[TextIO]):
    """Writes to what is stderr when a record is written: stdout is for the output of commands."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure(level: Level, *, as_json: bool) -> None:
    """Log the records of this process to stderr, as JSON lines or as text.

    The level is that of Slipway's records. Libraries log warnings and errors only: with `debug`, botocore
    would log requests with their parameters.
    """
    output = Output()
    output.setFormatter(JsonLines() if as_json else Text())
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Output)]:
        root.removeHandler(handler)
    root.addHandler(output)
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    # Python would print the message of the exception.
    threading.excepthook = _record_failed_thread


def take_over(name: str) -> None:
    """Write the records of a library's logger, which has its own output, to Slipway's log."""
    logger = logging.getLogger(name)
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def record_failure(error: BaseException | None) -> str:
    """Log an error with its frames, and return the id that its record has.

    The same failure has the same id, and is logged once a minute. An error that answers what a user did, such
    as invalid input, is not a failure: it is not logged, and its id is empty.
    """
    if error is None or isinstance(error, EXPECTED):
        return ""
    failure = "\n".join([str(error), *_frames(error)])
    id = hashlib.sha256(failure.encode("utf-8", "replace")).hexdigest()[:8]
    now = time.monotonic()
    with _lock:
        for old in [old for old, at in _recorded.items() if now - at >= REPEAT_S]:
            del _recorded[old]
        repeated = id in _recorded
        _recorded.setdefault(id, now)
    if not repeated:
        log.error("Failed", exc_info=error, extra={"id": id})
    return id


def _record_failed_thread(failed: threading.ExceptHookArgs) -> None:
    record_failure(failed.exc_value)


def _message(record: logging.LogRecord) -> str:
    """Return the message. A library's message about an exception can quote it after the first line."""
    message = record.getMessage()
    return message.partition("\n")[0] if record.exc_info else message


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if not record.exc_info or not (error := record.exc_info[1]):
        return fields
    named = FACTS if isinstance(error, SlipwayError) else ()
    facts = {name: getattr(error, name) for name in named if getattr(error, name, "")}
    return {**fields, "error": type(error).__name__, **facts, "traceback": list(_frames(error))}


def _frames(error: BaseException) -> Iterator[str]:
    """Yield the class and the frames of an exception, then those of its causes, without messages."""
    cause: BaseException | None = error
    while cause is not None:
        yield f"{type(cause).__module__}.{type(cause).__qualname__}"
        for frame in traceback.extract_tb(cause.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _quoted(value: Any) -> str:
    """Format a value so that it cannot be taken for another field or another line."""
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
