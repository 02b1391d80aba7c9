"""Query exported logs from notebooks and scripts:

    from ops.connect import connect
    from ops.logs import Logs
    logs = Logs(connect())
    logs.search('timeout level:error group:/aws/lambda/*', last="3h")
    logs.sql("SELECT log_group, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC", last="1d")
    logs.patterns(last="1d")

Each call returns a pandas DataFrame, or an Arrow table with `arrow=True`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ops.aws.cloud import Cloud
from ops.logs.datasets import Dataset, open_dataset
from ops.logs.lake.layout import OLD_PATTERN_NAME, Scope
from ops.logs.search import exploration, saved_queries
from ops.logs.search.cursor import QueryEngine
from ops.logs.search.estimate import Estimate
from ops.logs.search.exploration import LogEvent
from ops.logs.search.model import Search
from ops.logs.search.query import sql_query
from ops.logs.search.query_parser import parse
from ops.logs.search.saved_queries import FOLDER, SavedQuery
from ops.logs.search.time_ranges import parse_range, zone_of

if TYPE_CHECKING:
    import pandas as pd  # slow to import: a command must not wait for it


class Logs:
    """One dataset of exported logs.

    `dataset` is its address; the default is the first one in the setting `logs`. Times without a UTC offset
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
        self._zone = zone_of(zone)
        self._now = now

    def search(
        self,
        text: str = "",
        last: str = "1h",
        *,
        limit: int = 1000,
        engine: str = "auto",
        arrow: bool = False,
    ) -> Any:
        """Return the newest events that match the search (docs/log-explorer.md), at most `limit`."""
        search = self.parse_search(text, last)
        events = exploration.newest(self._engine(search.scope, engine), search, limit)
        return _result(table_of(events), arrow)

    def sql(
        self,
        query: str | SavedQuery,
        last: str = "1h",
        *,
        engine: str = "auto",
        arrow: bool = False,
        **parameters: Any,
    ) -> Any:
        """Return the rows of a SELECT over `events`, in DuckDB's dialect.

        `query` may also be the name of a saved query. Each `$name` in the SQL is bound to the keyword
        argument of that name.
        """
        if isinstance(query, str) and query.isidentifier():
            query = saved_queries.find_query(self.saved(), query)
        if isinstance(query, str):
            query = saved_queries.parse_query("query", _with_declarations(query, parameters))
        scope = self.parse_search("", last).scope
        values = query.bound(parameters)
        return _result(self._engine(scope, engine).run(sql_query(scope, query.sql, values)).table(), arrow)

    def patterns(self, text: str = "", last: str = "1h", *, engine: str = "auto", arrow: bool = False) -> Any:
        """Return the message patterns, with counts in the range and in the previous period (`before`)."""
        search = self.parse_search(text, last)
        return _result(exploration.patterns(self._engine(search.scope, engine), search), arrow)

    def templates(
        self, text: str = "", last: str = "1h", *, engine: str = "auto", arrow: bool = False
    ) -> Any:
        """Return the same as `patterns`, with the column under its former name `template`."""
        table = self.patterns(text, last, engine=engine, arrow=True)
        names = [OLD_PATTERN_NAME if name == "pattern" else name for name in table.column_names]
        return _result(table.rename_columns(names), arrow)

    def histogram(
        self, text: str = "", last: str = "1h", *, engine: str = "auto", arrow: bool = False
    ) -> Any:
        """Return the number of events by interval and level."""
        search = self.parse_search(text, last)
        return _result(exploration.histogram(self._engine(search.scope, engine), search), arrow)

    def around(self, event: "LogEvent | pd.Series[Any]", lines: int = exploration.AROUND) -> "pd.DataFrame":
        """Return the events before and after an event (or a row of `search`) in its log stream."""
        center = event if isinstance(event, LogEvent) else event_of(event)
        return _result(table_of(exploration.around(self.dataset.duckdb, center, lines)), False)

    def estimate(self, last: str = "1h", engine: str = "auto") -> Estimate:
        """Estimate the data, time, and cost of a query over the range."""
        return self.dataset.estimate(self.parse_search("", last).scope, engine)

    def saved(self) -> list[SavedQuery]:
        """Return the saved queries, Slipway's and your own."""
        return saved_queries.load_queries(self._queries)[0]

    def parse_search(self, text: str, last: str) -> Search:
        """Return the search for a text of the search bar and a time range. Raises QueryError, InputError."""
        query = parse(text)
        start, end = parse_range(last, self._zone).at(self._now())
        return Search(Scope(start, end), query.terms, query.filters)

    def _engine(self, scope: Scope, name: str) -> QueryEngine:
        return self.dataset.engine(self.dataset.estimate(scope).chosen if name == "auto" else name)


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
    missing = row.isna()
    texts = {name: None if missing[name] else str(row[name]) for name in ("id", "pattern", "level")}
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
