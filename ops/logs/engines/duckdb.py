"""DuckDB over the exported logs, on this machine: lists, loads what is needed, and queries it as `events`.

One database an engine, a session a query: queries of many threads share the memory limit. The database is
locked: SQL from a user reads `events` and nothing else, and changes nothing.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ops.errors import InputError, SlipwayError
from ops.logs.engines.duckdb_relation import relations
from ops.logs.engines.loading import Cancelled, Loaded, Loader, Loading, never
from ops.logs.engines.sessions import Session, Sessions
from ops.logs.engines.stock import level_sql, path_list, quoted, template_sql
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import Listing, Location, Scope
from ops.logs.lake.listing import Lister
from ops.logs.lake.store import Store

BATCH_ROWS = 10_000
POLL_S = 0.05
# What a FROM clause may call; everything else that makes a table reads files or settings.
TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"}
FAULTS = (duckdb.Error, pa.ArrowException, OSError)  # the last is how Arrow passes DuckDB's on
KNOWN = "known_templates"  # those of the masked events (`relations`)
MANY_TEMPLATES = 20_000  # in one part: testing them first would be no shortcut
TEMPLATES_KEPT = 300_000  # in memory, some 60 MB
STATEMENTS_KEPT = 500


class QueryFailed(SlipwayError):
    """DuckDB refused or gave up on a query."""


@dataclass(frozen=True)
class Answer:
    """A query's rows as they come, what was read for them, and what was wrong with it, in words."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    listing: Listing
    notes: tuple[str, ...] = ()

    def table(self) -> pa.Table:
        """All rows."""
        return pa.Table.from_batches(list(self.batches), self.schema)


class DuckDbEngine:
    """Queries one dataset; safe for many threads."""

    name = "duckdb"
    masks = True  # `masked_events`, `plain_events` and `known_templates` are there

    def __init__(
        self,
        store: Store,
        location: Location,
        cache: FileCache,
        *,
        memory_mb: int = 600,
        threads: int = 0,
        concurrency: int = 16,
    ) -> None:
        self.lister = Lister(store, location, concurrency=concurrency)
        self.loader = Loader(store, cache)
        self._known: dict[Path, frozenset[str]] = {}
        self._many: set[Path] = set()  # parts of Athena's whose templates are too many
        self._statements: dict[str, str] = {}
        self._lock = threading.Lock()
        self._database = _database(cache.root, store, memory_mb, threads)
        self._sessions = Sessions(self._database)

    def list(self, scope: Scope, *, fresh: bool = False) -> Listing:
        """What a query over the scope reads."""
        return self.lister.list_scope(scope, fresh=fresh)

    def glance(self, scope: Scope) -> Listing | None:
        """The same where it is known already."""
        return self.lister.glance(scope)

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """All rows of a query over `events` in the scope."""
        return self.sql(scope, sql, parameters).table()

    def query_holding(
        self, scope: Scope, sql: str, parameters: Mapping[str, Any], needles: Sequence[str]
    ) -> pa.Table:
        """All rows of a query that looks for events only that hold each of the texts (`pattern.needles`)."""
        return self.sql(scope, sql, parameters, needles=needles).table()

    def sql(
        self,
        scope: Scope,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        fresh: bool = False,
        report: Callable[[Loading], None] = lambda loading: None,
        cancelled: Callable[[], bool] = never,
        needles: Sequence[str] = (),
    ) -> Answer:
        """Runs one SELECT over `events` in the scope; rows come as they are found.

        `needles` are texts that every event it looks for holds (`pattern.needles`): less need be read.

        Raises InputError for SQL that is wrong or does anything else, Cancelled, QueryFailed.
        """
        statement = self._checked(sql)
        listing = self.list(scope, fresh=fresh)
        for attempt in (1, 2, 3):
            loaded = self.loader.load(listing, report, cancelled, needles)
            session = None
            try:
                session = self._session(loaded, scope, KNOWN in statement)
                with _interrupted(session.cursor, cancelled):
                    wanted = {
                        name: value for name, value in (parameters or {}).items() if f"${name}" in statement
                    }
                    reader = session.cursor.sql(statement, params=wanted).to_arrow_reader(BATCH_ROWS)
                    first = next(reader, None)
            except FAULTS as error:
                if session:
                    session.close()
                if attempt < 3 and not cancelled() and self._worth_repeating(error, listing):
                    continue
                raise _failure(error, cancelled) from error
            batches = _watched(session, first, reader, cancelled, lambda: self._refuse(listing))
            return Answer(reader.schema, batches, listing, tuple(loaded.notes))
        raise AssertionError("the loop returns or raises")

    def _session(self, loaded: Loaded, scope: Scope, with_known: bool) -> Session:
        """A session whose views read what was loaded; with the `known_templates` if they are asked for."""

        def prepare(cursor: duckdb.DuckDBPyConnection) -> bool:
            for n, table in enumerate(loaded.tables):
                cursor.register(f"loaded_{n}", table)
            known: dict[Path, frozenset[str]] = {}
            every: list[str] = []
            if with_known:
                known = self._templates(cursor, loaded.parts)
                tables = [table["template"].unique().to_pylist() for table in loaded.tables]
                every = sorted(frozenset().union(*known.values(), *tables))
                cursor.register(KNOWN, pa.table({"template": pa.array(every, pa.string())}))
            extents = self.loader.extents(loaded.parts)
            for name, relation in relations(loaded, scope, known, extents).items():
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {relation}")
            return not loaded.tables and len(every) <= MANY_TEMPLATES  # what would hold memory is not kept

        files = (scope, with_known, frozenset(loaded.parts), frozenset(loaded.raw), len(loaded.tables))
        return self._sessions.take(files, prepare)

    def _templates(
        self, cursor: duckdb.DuckDBPyConnection, parts: Sequence[Path]
    ) -> dict[Path, frozenset[str]]:
        """The templates of each part that has not too many, from memory where it was asked before."""
        extents = self.loader.extents(parts)
        few = [path for path, extent in extents.items() if extent.templates <= MANY_TEMPLATES]
        few += self._counted(cursor, [path for path in parts if path not in extents])
        with self._lock:
            found = {path: self._known[path] for path in few if path in self._known}
        if new := [path for path in few if path not in found]:
            files = _with_names(new)
            query = f"SELECT filename, list(DISTINCT template) AS templates FROM {files} GROUP BY filename"
            for row in cursor.sql(query).to_arrow_table().to_pylist():
                found[Path(row["filename"])] = frozenset(row["templates"])
        with self._lock:
            self._known |= found
            while sum(map(len, self._known.values())) > TEMPLATES_KEPT and len(self._known) > 1:
                self._known.pop(next(iter(self._known)))
        return found

    def _refuse(self, listing: Listing) -> bool:
        """Whether some file cannot be read as it was; the next load does it another way."""
        lost = self.loader.look_again()
        return self.loader.refuse(listing) or lost

    def _counted(self, cursor: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> Sequence[Path]:
        """Those of the parts with not too many templates, for parts that do not say it: Athena's."""
        with self._lock:
            new = [path for path in parts if path not in self._known and path not in self._many]
        if new:
            query = "SELECT filename, approx_count_distinct(template) AS n FROM {} GROUP BY filename"
            counts = cursor.sql(query.format(_with_names(new))).to_arrow_table().to_pylist()
            many = {Path(row["filename"]) for row in counts if row["n"] > MANY_TEMPLATES}
            with self._lock:
                self._many |= many
        return [path for path in parts if path not in self._many]

    def _worth_repeating(self, error: Exception, listing: Listing) -> bool:
        """A file was evicted meanwhile, or DuckDB's reader refuses one: both are mended by loading again."""
        gone = isinstance(error, duckdb.IOException | OSError)
        if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
            return False
        return self._refuse(listing) or gone

    def _checked(self, sql: str) -> str:
        """The one SELECT in the text. Raises InputError."""
        if known := self._statements.get(sql):
            return known
        with self._database.cursor() as cursor:
            try:
                statements = cursor.extract_statements(sql)
            except duckdb.Error as error:
                raise InputError(
                    "The SQL is not valid.", field="sql", hint="Mend it there.", detail=str(error)
                ) from error
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise InputError(
                    "Only one SELECT is run here.",
                    field="sql",
                    hint="Write a single query over the table events.",
                )
            text = statements[0].query
            (tree,) = cursor.execute("SELECT json_serialize_sql(?)", [text]).fetchone() or ("{}",)
        _refuse_files(json.loads(tree))
        with self._lock:
            if len(self._statements) >= STATEMENTS_KEPT:
                self._statements.clear()
            self._statements[sql] = text
        return text


def _with_names(parts: Sequence[Path]) -> str:
    return f"read_parquet({path_list(parts)}, hive_partitioning = false, filename = true)"


def _database(root: Path, store: Store, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """An empty database that reads the cache's files (and the store's, where that is a folder) only."""
    spill = root / "spill"
    with contextlib.suppress(OSError):  # on a full disk it does without spilling
        spill.mkdir(parents=True, exist_ok=True)
    local = store.local("")
    database = duckdb.connect(
        config={"memory_limit": f"{memory_mb}MB", **({"threads": threads} if threads else {})}
    )
    folders = [str(folder.absolute()) + "/" for folder in (root, local) if folder]
    for setting in (
        f"allowed_directories = [{', '.join(map(quoted, folders))}]",
        f"temp_directory = {quoted(str(spill))}",
        "preserve_insertion_order = false",
        "parquet_metadata_cache = true",  # a part never changes under its name
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "TimeZone = 'UTC'",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        database.execute(f"SET {setting}")
    database.execute(f"CREATE MACRO template_of(message) AS {template_sql('message')}")
    database.execute(f"CREATE MACRO level_of(template) AS {level_sql('template')}")
    return database


def _refuse_files(node: Any) -> None:
    """Raises InputError where the tree of a query names a file or a function that reads one."""
    if isinstance(node, list):
        for one in node:
            _refuse_files(one)
    elif isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            name = node.get("function", {}).get("function_name", "")
            if name not in TABLE_FUNCTIONS:
                raise InputError(
                    f"{name}() is not for queries here.", field="sql", hint="Read from the table events."
                )
        if node.get("type") == "BASE_TABLE" and not str(node.get("table_name", "")).isidentifier():
            raise InputError(
                f"There is no table {node.get('table_name')!r}.",
                field="sql",
                hint="Read from the table events.",
            )
        for one in node.values():
            _refuse_files(one)


@contextlib.contextmanager
def _interrupted(cursor: duckdb.DuckDBPyConnection, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Interrupts the query that runs inside when `cancelled` says so."""
    if cancelled is never:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_S):
            if cancelled():
                cursor.interrupt()

    watcher = threading.Thread(target=watch, daemon=True, name="cancel")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watched(
    session: Session,
    first: pa.RecordBatch | None,
    reader: pa.RecordBatchReader,
    cancelled: Callable[[], bool],
    refuse: Callable[[], bool],
) -> Iterator[pa.RecordBatch]:
    """The first batch and the reader's others; gives the session back at the end, however it comes."""
    batch = first
    try:
        while batch is not None:
            yield batch
            if cancelled():
                raise _stopped()
            with _interrupted(session.cursor, cancelled):
                batch = next(reader, None)
        reader.close()
        session.keep()
    except FAULTS as error:
        failure = _failure(error, cancelled)
        if not isinstance(failure, Cancelled) and refuse():
            failure = QueryFailed(
                "A file could not be read to its end.",
                hint="Run the query again: the file will be read another way.",
                detail=str(error),
            )
        raise failure from error
    finally:
        if batch is not None:
            session.close()


def _stopped() -> Cancelled:
    return Cancelled("Stopped.", hint="What was loaded is kept; the next search is quicker.")


def _failure(error: Exception, cancelled: Callable[[], bool]) -> SlipwayError:
    """DuckDB's error in words."""
    text = str(error)
    if cancelled():
        return _stopped()
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text:
        return QueryFailed(
            "The query needs more memory than it may use.",
            hint="Narrow the time range or the groups, ask for fewer columns, or use Athena.",
            detail=text,
        )
    wrong = duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException
    if isinstance(error, (*wrong, duckdb.InvalidInputException, duckdb.ConversionException)):
        first = text.splitlines()[0] if text else repr(error)
        return InputError(first, field="sql", hint="Mend the query there.", detail=text)
    return QueryFailed("DuckDB could not run the query.", hint="The detail holds its own words.", detail=text)
