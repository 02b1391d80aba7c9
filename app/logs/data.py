"""What the page Logs asks: the exported logs that there are, and cached answers about them."""

import secrets
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

import pyarrow as pa
import streamlit as st

from app.logs.questions import Question, Questions
from app.shared.session import Workbench
from ops.logs.api import table_of
from ops.logs.datasets import open_dataset
from ops.logs.engines.estimate import Estimate
from ops.logs.engines.progress import Asked, Watched
from ops.logs.lake.layout import Scope
from ops.logs.search import exploration
from ops.logs.search.exploration import Event
from ops.logs.search.model import Search

PAGE = 200  # events a page of the list
KEPT_S = 900
DOWNLOADED = 100_000  # events in a file at most
FILE_COLUMNS = "ts", "level", "account", "region", "log_group", "log_stream", "message", "id", "template"


class Source(Protocol):
    """`ops.logs.datasets.Dataset`: exported logs, and the engines that read them."""

    name: str

    def engine(self, name: str) -> Asked: ...
    def estimate(self, scope: Scope, wanted: str = "auto") -> Estimate: ...


@st.cache_resource(max_entries=20, show_spinner=False)
def source(_bench: Workbench, wanted: str) -> Source:
    """The dataset of that address, once a process: it holds the cache. Raises NotFound without any."""
    return open_dataset(_bench.cloud, wanted)


@st.cache_data(ttl=KEPT_S, max_entries=100, show_spinner=False)
def estimate(_source: Source, name: str, scope: Scope, wanted: str) -> Estimate:
    return _source.estimate(scope, wanted)


@st.cache_resource(show_spinner=False)
def questions() -> Questions:
    """Those of this process."""
    return Questions()


def session() -> str:
    """Who asks: one browser tab."""
    return str(st.session_state.setdefault("logs_by", secrets.token_hex(8)))


def forget() -> None:
    """What this session has asked, and what there is to read, is looked up anew."""
    questions().forget(session())
    estimate.clear()


class Asking:
    """What one session asks one engine about one dataset; the answers come behind the page."""

    def __init__(self, source: Source, engine: str) -> None:
        self.by = session()
        self.engine = engine
        self.asked: list[Question] = []
        self.source = source

    def page(self, search: Search, number: int, shown: list[Event]) -> Question:
        """The newest events for the first one (0), else those after the ones that are shown."""
        if not number:
            return self._ask("page", (search, 0), lambda engine: exploration.newest(engine, search, PAGE))
        return self._ask(
            "page", (search, number), lambda engine: exploration.older(engine, search, shown, PAGE)
        )

    def histogram(self, search: Search) -> Question:
        return self._ask("histogram", search, lambda engine: exploration.histogram(engine, search))

    def facets(self, search: Search) -> Question:
        return self._ask("facets", search, lambda engine: exploration.facets(engine, search))

    def templates(self, search: Search) -> Question:
        return self._ask("templates", search, lambda engine: exploration.templates(engine, search))

    def file(self, search: Search) -> Question:
        """The newest events as a table to save, whole."""
        return self._ask("file", search, lambda engine: _rows(engine, search))

    def around(self, event: Event) -> Question:
        return self._ask("around", event, lambda engine: exploration.around(engine, event))

    def find(self, key: str, within: Search) -> Question:
        return self._ask("find", (key, within), lambda engine: exploration.find(engine, key, within))

    def answer(self, scope: Scope, sql: str, parameters: Mapping[str, Any]) -> Question:
        key = (scope, sql, tuple(sorted(parameters.items())))
        return self._ask("sql", key, lambda engine: engine.query(scope, sql, parameters))

    def waiting(self, question: Question) -> bool:
        """Whether this session still waits for it: not when it has ended or was stopped here."""
        return question.running and self.by not in question.left

    @property
    def busy(self) -> bool:
        return any(map(self.waiting, self.asked))

    def wait(self, seconds: float) -> None:
        """Gives short questions the time to end, so that a page can show their answers at once."""
        deadline = time.monotonic() + seconds
        for question in self.asked:
            if self.waiting(question):
                question.wait(deadline - time.monotonic())

    def release_others(self) -> None:
        """What this session asked before and does not look at any more is stopped."""
        questions().release(self.by, {question.key for question in self.asked})

    def stop(self) -> None:
        questions().stop(self.by)

    def again(self) -> None:
        questions().again(self.by)

    def _ask(self, kind: str, what: Hashable, work: Callable[[Watched], Any]) -> Question:
        """On this machine one after the other: they read the same objects. Athena answers all at once."""
        before = self.asked[-1] if self.asked and self.engine != "athena" else None
        key = (self.source.name, self.engine, kind, what)
        found = questions().ask(key, self.by, lambda: self.source.engine(self.engine), work, before)
        if found not in self.asked:
            self.asked.append(found)
        return found


def _rows(engine: Watched, search: Search) -> pa.Table:
    table = table_of(exploration.newest(engine.uncut(), search, DOWNLOADED))
    names = {"ts": "time"}
    return table.select(FILE_COLUMNS).rename_columns([names.get(name, name) for name in FILE_COLUMNS])
