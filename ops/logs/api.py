"""Query exported logs from notebooks and scripts:

    from ops.notebook import Logs
    logs = Logs()
    logs.search("level:error checkout", last="2h").patterns()
    logs.search("group:/aws/lambda/* timeout", start="2026-11-24T10:00", end="2026-11-24T11:00", limit=None)
    logs.sql("SELECT log_group, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC", last="1d")

Each call returns a pandas DataFrame, or an Arrow table with `arrow=True`. All calls take the same time range:
`last` (`"90m"`, `"7d"`, or a timedelta), `start` and `end` (ISO 8601 or a datetime), a length and one of
them, or nothing for the last hour.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ops.aws.cloud import Cloud
from ops.errors import InputError
from ops.logs.datasets import Dataset, open_dataset
from ops.logs.lake.layout import COLUMNS, OLD_PATTERN_NAME, Scope
from ops.logs.search import exploration, patterns
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.estimate import Estimate
from ops.logs.search.exploration import LogEvent
from ops.logs.search.insights.translation import as_sql
from ops.logs.search.language.accounts import parse_for
from ops.logs.search.model import Filter, Search, all_of, any_of
from ops.logs.search.query import Events, Query, TopValues, sql_query
from ops.logs.search.saved import queries as saved_queries
from ops.logs.search.saved.queries import FOLDER, SavedQuery
from ops.logs.search.time_ranges import span_of, zone_of

if TYPE_CHECKING:
    import pandas as pd  # slow to import: a command must not wait for it

Last = str | timedelta | None
Moment = str | datetime | None
GROUPS = 10_000  # log groups with the most events
SAMPLED = 2_000  # newest events whose fields are listed
MOST_CENTERS = 20  # rows whose context is returned together
ERRORS = any_of((Filter("level", "ERROR"), Filter("level", "FATAL")))
_PLACED = ("account", "region", "log_group", "log_stream", "ts", "message")  # needed to find an event
_DESCRIBE = re.compile(r"\s*(?:DESC|DESCRIBE|SHOW\s+COLUMNS\s+FROM)\s+events\s*;?\s*", re.IGNORECASE)


class Logs:
    """One dataset of logs, or several that are queried together.

    `dataset` is its address, several separated by commas, or `all`; the default is the first one in the
    setting `logs`. Times without a UTC offset
    are read in the time zone `zone`.
    """

    def __init__(
        self,
        cloud: Cloud,
        dataset: str | Dataset = "",
        *,
        zone: str = "UTC",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._queries = [FOLDER, cloud.settings.data / "queries"]
        self.dataset = dataset if isinstance(dataset, Dataset) else open_dataset(cloud, dataset)
        self._accounts = cloud.accounts
        self._zone = zone_of(zone)
        self._now = now

    def search(
        self,
        text: str = "",
        last: Last = None,
        *,
        start: Moment = None,
        end: Moment = None,
        limit: int | None = 1000,
        engine: str = "auto",
        arrow: bool = False,
    ) -> Any:
        """Return the newest events that match the search (docs/log-explorer.md), at most `limit`; None: all.

        The DataFrame has methods that ask further: `patterns`, `groups`, `fields`, `histogram`, `around`
        (`ops.logs.frames.EventFrame`). Raises QueryError for a mistake in the text.
        """
        search = self.parse_search(text, last, start, end)
        if limit is not None and limit < 1:
            raise InputError(f"The limit is {limit}.", field="limit", hint="Use at least 1, or None for all.")
        table = self._engine(search.scope, engine).run(Query(search, Events(limit))).table()
        if arrow:
            return table
        from ops.logs.frames import event_frame

        again = {"text": text, "start": search.scope.start, "end": search.scope.end, "engine": engine}
        return event_frame(table, self, again)

    def sql(
        self,
        query: str | SavedQuery,
        last: Last = None,
        *,
        start: Moment = None,
        end: Moment = None,
        engine: str = "auto",
        arrow: bool = False,
        **parameters: Any,
    ) -> Any:
        """Return the rows of a SELECT over `events`, in DuckDB's dialect.

        `query` may also be the name of a saved query, or a query of CloudWatch Logs Insights. Each `$name` in
        the SQL is bound to the keyword argument of that name. `DESCRIBE events` returns the columns; other
        statements, such as SUMMARIZE, raise QueryError: logs are read-only.
        """
        if isinstance(query, str) and _DESCRIBE.fullmatch(query):
            return _result(_described(), arrow)
        if isinstance(query, str) and query.isidentifier():
            query = saved_queries.find_query(self.saved(), query)
        if isinstance(query, str):
            query = saved_queries.parse_query("query", _with_declarations(as_sql(query), parameters))
        scope = self.parse_search("", last, start, end).scope
        values = query.bound(parameters)
        return _result(self._engine(scope, engine).run(sql_query(scope, query.sql, values)).table(), arrow)

    def patterns(
        self,
        text: str = "",
        last: Last = None,
        *,
        start: Moment = None,
        end: Moment = None,
        baseline: str = "previous",
        engine: str = "auto",
        arrow: bool = False,
    ) -> Any:
        """Return the message patterns, what is new first, with counts in the range and in the baseline.

        `baseline` is `previous` (the previous period), or `day` or `week` (the same time the day or the week
        before).
        """
        search = self.parse_search(text, last, start, end)
        chosen = self._engine(search.scope, engine)
        return _result(patterns.patterns(chosen, search, self.dataset.patterns, baseline), arrow)

    def templates(
        self, text: str = "", last: str = "1h", *, engine: str = "auto", arrow: bool = False
    ) -> Any:
        """Return the same as `patterns`, with the column under its former name `template`."""
        table = self.patterns(text, last, engine=engine, arrow=True)
        names = [OLD_PATTERN_NAME if name == "pattern" else name for name in table.column_names]
        return _result(table.rename_columns(names), arrow)

    def histogram(
        self,
        text: str = "",
        last: Last = None,
        *,
        start: Moment = None,
        end: Moment = None,
        engine: str = "auto",
        arrow: bool = False,
    ) -> Any:
        """Return the number of `events` by `time` (start of the interval, UTC) and `level`."""
        search = self.parse_search(text, last, start, end)
        return _result(exploration.histogram(self._engine(search.scope, engine), search), arrow)

    def groups(
        self,
        text: str = "",
        last: Last = None,
        *,
        start: Moment = None,
        end: Moment = None,
        engine: str = "auto",
        arrow: bool = False,
    ) -> Any:
        """Return each `log_group` with its number of `events` and of `errors` (ERROR, FATAL), most first."""
        search = self.parse_search(text, last, start, end)
        chosen = self._engine(search.scope, engine)
        failing = Search(search.scope, all_of((search.condition, ERRORS)))
        events, errors = (
            chosen.run(Query(one, TopValues(("group",), GROUPS))).table().to_pylist()
            for one in (search, failing)
        )
        errors_by_group = {row["value"]: row["events"] for row in errors}
        rows = [(row["value"], row["events"], errors_by_group.get(row["value"], 0)) for row in events]
        schema = [("log_group", pa.string()), ("events", pa.int64()), ("errors", pa.int64())]
        arrays = [pa.array([row[at] for row in rows], type_) for at, (_, type_) in enumerate(schema)]
        return _result(pa.table(arrays, names=[name for name, _ in schema]), arrow)

    def fields(
        self,
        text: str = "",
        last: Last = None,
        *,
        start: Moment = None,
        end: Moment = None,
        engine: str = "auto",
        arrow: bool = False,
    ) -> Any:
        """Return the fields in the messages of the newest 2,000 matching events, most frequent first.

        Fields are those of JSON (`order.total`) and those written as `name=value`; a search names them the
        same way. Columns: `field`, `events`, `values` (distinct ones), `top` (the most frequent value), and
        `top_events`.
        """
        from ops.logs.frames import fields_of

        search = self.parse_search(text, last, start, end)
        newest = self._engine(search.scope, engine).run(Query(search, Events(SAMPLED))).table()
        return _result(fields_of(newest["message"].to_pylist()), arrow)

    def around(
        self, event: "LogEvent | pd.Series[Any] | pd.DataFrame", lines: int = exploration.AROUND
    ) -> "pd.DataFrame":
        """Return the log lines before and after an event in its log stream, oldest first.

        `event` is a row of `search`, or a frame of at most 20 rows: the lines around each of them, every line
        once.
        """
        rows = [event] if getattr(event, "ndim", 1) == 1 else [row for _, row in event.iterrows()]  # type: ignore[union-attr]
        if len(rows) > MOST_CENTERS:
            raise InputError(
                f"{len(rows)} rows are too many.",
                field="event",
                hint=f"Use at most {MOST_CENTERS}: events.head({MOST_CENTERS}).",
            )
        found = [
            exploration.around(
                self.dataset.duckdb, row if isinstance(row, LogEvent) else event_of(row), lines
            )
            for row in rows
        ]
        if len(found) > 1:
            once = {event.key: event for events in found for event in events}
            found = [sorted(once.values(), key=lambda event: event.ts)]
        return _result(table_of([event for events in found for event in events]), False)

    def estimate(
        self, last: Last = None, engine: str = "auto", *, start: Moment = None, end: Moment = None
    ) -> Estimate:
        """Estimate the data, time, and cost of a query over the range."""
        return self.dataset.estimate(self.parse_search("", last, start, end).scope, engine)

    def saved(self) -> list[SavedQuery]:
        """Return the saved queries, Slipway's and your own."""
        return saved_queries.load_queries(self._queries)[0]

    def parse_search(self, text: str, last: Last = None, start: Moment = None, end: Moment = None) -> Search:
        """Return the search for a text of the search bar and a time range. Raises QueryError, InputError."""
        condition = parse_for(self._accounts, text)
        return Search(Scope(*span_of(self._now(), last, start, end, self._zone)), condition)

    def _engine(self, scope: Scope, name: str) -> QueryEngine:
        return self.dataset.engine(self.dataset.estimate(scope).chosen if name == "auto" else name)


def _described() -> pa.Table:
    """Return the columns of `events`, as DESCRIBE would."""
    rows = [(column.name, column.type, column.help) for column in COLUMNS]
    return pa.table(list(zip(*rows, strict=True)), names=["column", "type", "description"])


def table_of(events: Sequence[LogEvent]) -> pa.Table:
    """Return the events as a table with the columns of `events`."""
    columns = {
        "account": [event.account for event in events],
        "region": [event.region for event in events],
        "log_group": [event.group for event in events],
        "log_stream": [event.stream for event in events],
        "ts": pa.array([event.ts.replace(tzinfo=None) for event in events], pa.timestamp("ms")),
        "message": [event.message for event in events],
        "id": [event.id for event in events],
        "pattern": [event.pattern for event in events],
        "level": [event.level for event in events],
    }
    return pa.table(
        {
            name: values if isinstance(values, pa.Array) else pa.array(values, pa.string())
            for name, values in columns.items()
        }
    )


def event_of(row: "pd.Series[Any]") -> LogEvent:
    """Return the event in a row of `search`; a row with the column's former name `template` works as well."""
    row = row.rename({OLD_PATTERN_NAME: "pattern"}) if "pattern" not in row else row
    if missing := [name for name in _PLACED if name not in row]:
        raise InputError(
            f"The row has no {missing[0]}.", field="event", hint="Use a row with all columns of a search."
        )
    row = row.reindex([*_PLACED, "id", "pattern", "level"])
    texts = {name: None if row.isna()[name] else str(row[name]) for name in ("id", "pattern", "level")}
    ts = row["ts"].to_pydatetime().replace(tzinfo=UTC)
    return LogEvent(
        row["account"], row["region"], row["log_group"], row["log_stream"], ts, row["message"], **texts
    )


def _with_declarations(sql: str, parameters: dict[str, Any]) -> str:
    """Return the SQL with a header line for each given parameter."""
    types = {bool: "integer", int: "integer", float: "number"}
    lines = [
        f"-- parameter: {name} {types.get(type(value), 'text')} = {0 if type(value) in types else ''}"
        for name, value in parameters.items()
    ]
    return "\n".join([*lines, sql])


def _result(table: pa.Table, arrow: bool) -> Any:
    return table if arrow else table.to_pandas()
