"""The state of the Logs page in its URL, so that links, reloads, and the back button show the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from urllib.parse import urlencode

from ops.errors import InputError
from ops.logs.lake.layout import Scope
from ops.logs.search.clicks import toggled
from ops.logs.search.language.accounts import parse_for
from ops.logs.search.language.parser import parse
from ops.logs.search.language.writing import text_of
from ops.logs.search.model import Filter, Not, Search
from ops.logs.search.patterns import BASELINES
from ops.logs.search.time_ranges import TimeRange, between, parse_range, zone_of
from ops.settings import Account

VIEWS = ("events", "patterns", "deltas", "sql", "dashboard", "alerts")
OLD_VIEWS = {"templates": "patterns"}  # former names, in saved links
ENGINES = ("auto", "duckdb", "athena")
DEFAULT_TIME = "1h"
COLUMNS = ("time", "level")  # of the list, before the message
PARAMETER = "p."  # prefix of the parameters of a saved query


@dataclass(frozen=True)
class View:
    """Everything that a link holds. Texts are stored as typed, and validated when used.

    `around` is the time range that `time` was chosen from: what is in it alone is compared with the rest.
    `error` says that the link's time range or zone cannot be read; the view has the default instead.
    """

    query: str = ""
    time: str = DEFAULT_TIME
    zone: str = "UTC"
    view: str = "events"
    engine: str = "auto"
    wrap: bool = False
    columns: tuple[str, ...] = COLUMNS
    compare: bool = False
    live: bool = False
    around: str = ""
    open: str = ""
    sql: str = ""
    saved: str = ""
    dashboard: str = ""
    dataset: str = ""
    baseline: str = next(iter(BASELINES))
    values: Mapping[str, str] = field(default_factory=dict)
    error: InputError | None = field(default=None, compare=False)

    @property
    def tz(self) -> tzinfo:
        return zone_of(self.zone)

    @property
    def range(self) -> TimeRange:
        """The time range. Raises InputError."""
        return parse_range(self.time, self.tz)

    def search(self, now: datetime, accounts: Iterable[Account] = ()) -> Search:
        """Return the search; `accounts` can be named in it. Raises QueryError, InputError."""
        condition = parse_for(accounts, self.query)
        start, end = self.range.at(now)
        return Search(Scope(start, end), condition)

    def with_filter(self, one: Filter | Not) -> "View":
        """Toggle the filter or its negation: add it, in place of its opposite, or remove it if it is set."""
        return replace(self, query=text_of(toggled(parse(self.query), one)), open="")

    def with_range(self, start: datetime, end: datetime, now: datetime) -> "View":
        """Return the view of a part of the range, which remembers the whole one."""
        return replace(self, time=between(start, end).text, around=self.frozen(now).time, open="")

    def rest(self, search: Search) -> Search:
        """Return the search in the range around, or else in one three times as long that ends with the range.

        Raises InputError if the link's range cannot be read.
        """
        start, end = search.scope.start, search.scope.end
        first, last = parse_range(self.around, self.tz).at(end) if self.around else (start, end)
        first, last = min(first, start), max(last, end)
        if (first, last) == (start, end):
            first = start - 2 * (end - start)
        return replace(search, scope=replace(search.scope, start=first, end=last))

    def frozen(self, now: datetime) -> "View":
        """Return the view with absolute times, so that a link to it keeps showing the same."""
        start, end = self.range.at(now)
        return replace(self, time=between(start.replace(microsecond=0), _up(end)).text)


def from_address(parameters: Mapping[str, str], zone: str = "UTC") -> View:
    """Return the view of a URL's parameters; unknown views and engines fall back to the default.

    `zone` is the time zone of a URL that names none.
    """
    view = View(
        query=parameters.get("q", ""),
        time=parameters.get("t", DEFAULT_TIME),
        zone=parameters.get("zone", zone),
        view=_one_of(VIEWS, OLD_VIEWS.get(parameters.get("view", ""), parameters.get("view", ""))),
        engine=_one_of(ENGINES, parameters.get("engine", "")),
        wrap=parameters.get("wrap", "") == "1",
        columns=tuple(filter(None, parameters.get("columns", ",".join(COLUMNS)).split(","))),
        compare=parameters.get("compare", "") == "1",
        live=parameters.get("live", "") == "1",
        around=parameters.get("around", ""),
        open=parameters.get("open", ""),
        sql=parameters.get("sql", ""),
        saved=parameters.get("saved", ""),
        dashboard=parameters.get("dashboard", ""),
        dataset=parameters.get("dataset", ""),
        baseline=_one_of(tuple(BASELINES), parameters.get("baseline", "")),
        values={
            name.removeprefix(PARAMETER): value
            for name, value in parameters.items()
            if name.startswith(PARAMETER)
        },
    )
    try:
        zone_of(view.zone)
    except InputError as error:
        view = replace(view, zone=zone, error=error)
    try:
        view.range.at(datetime.now(UTC))
    except InputError as error:
        view = replace(view, time=DEFAULT_TIME, error=error)
    return view


def to_address(view: View, zone: str = "UTC") -> dict[str, str]:
    """Return the URL's parameters, without those that have their default."""
    parameters = {
        "q": view.query,
        "t": "" if view.time == DEFAULT_TIME else view.time,
        "zone": "" if view.zone == zone else view.zone,
        "view": "" if view.view == VIEWS[0] else view.view,
        "engine": "" if view.engine == ENGINES[0] else view.engine,
        "wrap": "1" if view.wrap else "",
        "columns": "" if view.columns == COLUMNS else ",".join(view.columns) or ",",
        "compare": "1" if view.compare else "",
        "live": "1" if view.live else "",
        "around": view.around,
        "open": view.open,
        "sql": view.sql if view.view == "sql" else "",
        "saved": view.saved if view.view == "sql" else "",
        "dashboard": view.dashboard if view.view == "dashboard" else "",
        "dataset": view.dataset,
        "baseline": "" if view.baseline == next(iter(BASELINES)) else view.baseline,
        **{f"{PARAMETER}{name}": value for name, value in view.values.items()},
    }
    return {name: value for name, value in parameters.items() if value}


def recent_entry(view: View) -> View | None:
    """Return the search or query of the view, without display settings; None if there is none."""
    entry = View(time=view.time, dataset=view.dataset)
    if view.view != "sql":
        return replace(entry, query=view.query) if view.query else None
    query = replace(entry, view="sql", sql=view.sql, saved=view.saved, values=view.values)
    return query if view.sql or view.saved else None


def link(base: str, view: View) -> str:
    """Return the URL of the view."""
    return f"{base.partition('?')[0]}?{urlencode(to_address(view))}"


def _one_of(options: tuple[str, ...], value: str) -> str:
    return value if value in options else options[0]


def _up(moment: datetime) -> datetime:
    """Round up to a whole second, so that the last events are included."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else datetime.fromtimestamp(whole.timestamp() + 1, UTC)
