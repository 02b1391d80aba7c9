"""The DataFrames of notebooks: the events of a search, which answer further questions about it."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa

from ops.logs.search.message_fields import NAME

DEEPEST = 4  # levels of nested JSON whose fields are listed
_WRITTEN = re.compile(rf"""(?:^|(?<=[\s,;(\[]))({NAME})=(?:"([^"]*)"|([^\s,;"'()\[\]{{}}]+))""")


class EventFrame(pd.DataFrame):  # type: ignore[misc]  # pandas has no types
    """The events of a search as a DataFrame, newest first.

    Its methods ask about *all* events of the search in its time range, also those beyond its `limit`. A frame
    that is made from it (filtered, sorted, with another column) is a plain DataFrame, without these methods.

        errors = logs.search("level:error checkout", last="2h")
        errors.patterns()      # its message patterns, compared with the two hours before
        errors.groups()        # its log groups, with the number of events
        errors.fields()        # the fields of its messages, with their most frequent values
        errors.histogram()     # its events over time
        errors.around(0)       # the log lines around its first event
    """

    _metadata: ClassVar[list[str]] = ["_logs", "_search"]
    _logs: Any  # the `ops.logs.api.Logs` that searched
    _search: dict[str, Any]

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def patterns(self, baseline: str = "previous") -> Any:
        """Return the message patterns of the search (`Logs.patterns`)."""
        return self._logs.patterns(**self._search, baseline=baseline)

    def histogram(self) -> Any:
        """Return the number of events by interval and level (`Logs.histogram`)."""
        return self._logs.histogram(**self._search)

    def groups(self) -> Any:
        """Return the log groups with matching events (`Logs.groups`)."""
        return self._logs.groups(**self._search)

    def fields(self) -> Any:
        """Return the fields in the messages of the search (`Logs.fields`)."""
        return self._logs.fields(**self._search)

    def around(self, row: "int | pd.Series[Any] | pd.DataFrame" = 0, lines: int = 10) -> Any:
        """Return the log lines around a row, given as its position, as the row, or as rows."""
        return self._logs.around(self.iloc[row] if isinstance(row, int) else row, lines)


def event_frame(table: pa.Table, logs: Any, search: dict[str, Any]) -> EventFrame:
    """Return the frame of the events that the search found; `search` repeats it as keyword arguments."""
    frame = EventFrame(table.to_pandas())
    frame._logs, frame._search = logs, search
    return frame


def fields_of(messages: Iterable[str]) -> pa.Table:
    """Return the fields of the messages, most frequent first.

    Columns: `field` as a search names it, `events` with it, `values` (the number of distinct ones), `top`
    (the most frequent one), and `top_events`.
    """
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for message in messages:
        for name, value in dict(_fields(message)).items():
            values[name][value] += 1
    rows = []
    for name, counts in values.items():
        top, top_events = min(counts.items(), key=lambda item: (-item[1], item[0]))
        rows.append((name, counts.total(), len(counts), top, top_events))
    rows.sort(key=lambda row: (-row[1], row[0]))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    text, number = pa.string(), pa.int64()
    types = {"field": text, "events": number, "values": number, "top": text, "top_events": number}
    return pa.table(
        {name: pa.array(column, type_) for (name, type_), column in zip(types.items(), columns, strict=True)}
    )


def _fields(message: str) -> Iterator[tuple[str, str]]:
    start = message.find("{")
    if start >= 0:
        try:
            document = json.loads(message[start:])
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            yield from _leaves(document, "")
            return
    for match in _WRITTEN.finditer(message):
        yield match[1], match[2] if match[2] is not None else match[3]


def _leaves(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        path = f"{prefix}{name}"
        if isinstance(inner, dict) and path.count(".") < DEEPEST:
            yield from _leaves(inner, f"{path}.")
        elif inner is not None:
            yield path, inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
