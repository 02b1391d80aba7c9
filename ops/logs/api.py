"""Exported logs in a few lines, for notebooks and scripts:

    from ops.connect import connect
    from ops.logs import Logs
    logs = Logs(connect())
    logs.search('timeout level:error group:/aws/lambda/*', last="3h")
    logs.sql("SELECT log_group, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC", last="1d")
    logs.templates(last="1d")

Each answers a pandas DataFrame, or an Arrow table with `arrow=True`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ops.aws.cloud import Cloud
from ops.logs.datasets import Dataset, open_dataset
from ops.logs.engines.estimate import Estimate
from ops.logs.lake.layout import Scope
from ops.logs.search import exploration, saved_queries
from ops.logs.search.exploration import Event
from ops.logs.search.model import Search
from ops.logs.search.query_parser import parse
from ops.logs.search.saved_queries import FOLDER, SavedQuery
from ops.logs.search.time_ranges import parse_range, zone_of

if TYPE_CHECKING:
    import pandas as pd  # takes longer to import than all the rest of a command


class Logs:
    """One dataset of exported logs; `dataset` is its address, by default the first that is known.

    Times without an offset are in `zone`.
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
        """The newest events that the text finds (docs/log-explorer.md), at most `limit`."""
        search = self.meaning(text, last)
        found = exploration.newest(self._engine(search.scope, engine), search, limit)
        return _result(table_of(found), arrow)

    def sql(
        self,
        query: str | SavedQuery,
        last: str = "1h",
        *,
        engine: str = "auto",
        arrow: bool = False,
        **parameters: Any,
    ) -> Any:
        """The rows of a query over `events`: DuckDB's dialect, `$name` bound to the keyword of that name.

        The name of a saved query will do.
        """
        if isinstance(query, str) and query.isidentifier():
            query = saved_queries.find_query(self.saved(), query)
        if isinstance(query, str):
            query = saved_queries.parse_query("query", _declared(query, parameters))
        scope = self.meaning("", last).scope
        values = query.bound(parameters)
        return _result(self._engine(scope, engine).query(scope, query.sql, values), arrow)

    def templates(
        self, text: str = "", last: str = "1h", *, engine: str = "auto", arrow: bool = False
    ) -> Any:
        """Kinds of message with their counts in the range and in as long a time `before` it."""
        search = self.meaning(text, last)
        return _result(exploration.templates(self._engine(search.scope, engine), search), arrow)

    def histogram(
        self, text: str = "", last: str = "1h", *, engine: str = "auto", arrow: bool = False
    ) -> Any:
        """Events by interval and level."""
        search = self.meaning(text, last)
        return _result(exploration.histogram(self._engine(search.scope, engine), search), arrow)

    def around(self, event: "Event | pd.Series[Any]", lines: int = exploration.AROUND) -> "pd.DataFrame":
        """The lines around an event (a row of `search` will do) in its stream."""
        found = event if isinstance(event, Event) else event_of(event)
        return _result(table_of(exploration.around(self.dataset.duckdb, found, lines)), False)

    def estimate(self, last: str = "1h", engine: str = "auto") -> Estimate:
        """What a query over the range would read, take and cost."""
        return self.dataset.estimate(self.meaning("", last).scope, engine)

    def saved(self) -> list[SavedQuery]:
        """The saved queries, Slipway's and your own."""
        return saved_queries.load_queries(self._queries)[0]

    def meaning(self, text: str, last: str) -> Search:
        """The search that a text and a range mean. Raises QueryError, InputError."""
        query = parse(text)
        start, end = parse_range(last, self._zone).at(self._now())
        return Search(Scope(start, end), query.terms, query.filters)

    def _engine(self, scope: Scope, wanted: str) -> Any:
        chosen = self.dataset.estimate(scope).chosen if wanted == "auto" else wanted
        return self.dataset.engine(chosen)


def table_of(events: Sequence[Event]) -> pa.Table:
    """Events as a table with the columns of `events`."""
    columns = {
        "account": [event.account for event in events],
        "region": [event.region for event in events],
        "log_group": [event.group for event in events],
        "log_stream": [event.stream for event in events],
        "ts": pa.array([event.ts.replace(tzinfo=None) for event in events], pa.timestamp("ms")),
        "message": [event.message for event in events],
        "id": [event.id for event in events],
        "template": [event.template for event in events],
        "level": [event.level for event in events],
    }
    return pa.table(
        {
            name: values if isinstance(values, pa.Array) else pa.array(values, pa.string())
            for name, values in columns.items()
        }
    )


def event_of(row: "pd.Series[Any]") -> Event:
    """The event of a row of `search`."""
    missing = row.isna()
    texts = {name: None if missing[name] else str(row[name]) for name in ("id", "template", "level")}
    ts = row["ts"].to_pydatetime().replace(tzinfo=UTC)
    return Event(
        row["account"], row["region"], row["log_group"], row["log_stream"], ts, row["message"], **texts
    )


def _declared(sql: str, parameters: dict[str, Any]) -> str:
    """The SQL with a header line for each parameter that is given."""
    kinds = {bool: "integer", int: "integer", float: "number"}
    lines = [
        f"-- parameter: {name} {kinds.get(type(value), 'text')} = {0 if type(value) in kinds else ''}"
        for name, value in parameters.items()
    ]
    return "\n".join([*lines, sql])


def _result(table: pa.Table, arrow: bool) -> Any:
    return table if arrow else table.to_pandas()
