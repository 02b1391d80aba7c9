"""Query exported logs with DuckDB on this machine: list, load what is needed, and query it as `events`.

An engine has one database, and a query one session: all threads share the memory limit. The database is
locked down: SQL from a user can read `events` and nothing else, and cannot change anything.
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
from ops.logs.engines.duckdb_readers import level_sql, path_list, pattern_sql, quoted
from ops.logs.engines.duckdb_relation import relations
from ops.logs.engines.loading import Loaded, Loader, LoadProgress, QueryCanceled, never
from ops.logs.engines.sessions import DuckDbSession, DuckDbSessions
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import OLD_PATTERN_NAME, Listing, Location, Scope, uses_old_name
from ops.logs.lake.listing import Lister
from ops.logs.lake.store import ObjectStore

BATCH_ROWS = 10_000
POLL_S = 0.05
# Table functions allowed in a FROM clause; all others can read files or settings.
TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"}
FAULTS = (duckdb.Error, pa.ArrowException, OSError)  # Arrow raises DuckDB's errors as OSError
KNOWN = "known_patterns"  # the distinct patterns of the masked events (`relations`)
MANY_PATTERNS = 20_000  # in one part: testing the patterns first would not be faster
PATTERNS_KEPT = 300_000  # in memory: about 60 MB
STATEMENTS_KEPT = 500


class DuckDbQueryFailed(SlipwayError):
    """DuckDB could not run the query."""


@dataclass(frozen=True)
class DuckDbResult:
    """A query's result: rows as they are found, the listing that was read, and notes about what was not."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    listing: Listing
    notes: tuple[str, ...] = ()

    def table(self) -> pa.Table:
        """Return all rows."""
        return pa.Table.from_batches(list(self.batches), self.schema)


class DuckDbEngine:
    """Queries one dataset; thread-safe."""

    name = "duckdb"
    has_patterns = True  # has `masked_events`, `plain_events`, and `known_patterns`

    def __init__(
        self,
        store: ObjectStore,
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
        self._many: set[Path] = set()  # parts made by Athena with too many patterns
        self._statements: dict[str, str] = {}
        self._lock = threading.Lock()
        self._database = _database(cache.root, store, memory_mb, threads)
        self._sessions = DuckDbSessions(self._database)

    def list(self, scope: Scope, *, fresh: bool = False) -> Listing:
        """Return the objects that a query over the scope reads."""
        return self.lister.list_scope(scope, fresh=fresh)

    def glance(self, scope: Scope) -> Listing | None:
        """Return the same if the listing is remembered, else None."""
        return self.lister.glance(scope)

    def query(self, scope: Scope, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return all rows of a query over `events` in the scope."""
        return self.sql(scope, sql, parameters).table()

    def query_holding(
        self, scope: Scope, sql: str, parameters: Mapping[str, Any], needles: Sequence[str]
    ) -> pa.Table:
        """Return all rows of a query for events that contain each of the texts (`message_filter.needles`)."""
        return self.sql(scope, sql, parameters, needles=needles).table()

    def sql(
        self,
        scope: Scope,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        fresh: bool = False,
        report: Callable[[LoadProgress], None] = lambda loading: None,
        cancelled: Callable[[], bool] = never,
        needles: Sequence[str] = (),
    ) -> DuckDbResult:
        """Run one SELECT over `events` in the scope; the result yields rows as they are found.

        `needles` are texts that every event in question contains (`message_filter.needles`), so that less
        has to be read. Raises InputError for invalid SQL and anything but a SELECT, QueryCanceled,
        DuckDbQueryFailed.
        """
        statement = self._checked(sql)
        listing = self.list(scope, fresh=fresh)
        for attempt in (1, 2, 3):
            loaded = self.loader.load(listing, report, cancelled, needles)
            session = None
            try:
                session = self._session(loaded, scope, KNOWN in statement, uses_old_name(statement))
                with _interrupted(session.cursor, cancelled):
                    used = {
                        name: value for name, value in (parameters or {}).items() if f"${name}" in statement
                    }
                    reader = session.cursor.sql(statement, params=used).to_arrow_reader(BATCH_ROWS)
                    first = next(reader, None)
            except FAULTS as error:
                if session:
                    session.close()
                if attempt < 3 and not cancelled() and self._worth_repeating(error, listing):
                    continue
                raise _failure(error, cancelled) from error
            batches = _watched(session, first, reader, cancelled, lambda: self._refuse(listing))
            return DuckDbResult(reader.schema, batches, listing, tuple(loaded.notes))
        raise AssertionError("the loop returns or raises")

    def _session(self, loaded: Loaded, scope: Scope, with_known: bool, old_name: bool) -> DuckDbSession:
        """Return a session whose views read the loaded files; `with_known` adds `known_patterns`."""

        def prepare(cursor: duckdb.DuckDBPyConnection) -> bool:
            for n, table in enumerate(loaded.tables):
                cursor.register(f"loaded_{n}", table)
            known: dict[Path, frozenset[str]] = {}
            patterns: list[str] = []
            if with_known:
                known = self._patterns(cursor, loaded.parts)
                tables = [table[OLD_PATTERN_NAME].unique().to_pylist() for table in loaded.tables]
                patterns = sorted(frozenset().union(*known.values(), *tables))
                cursor.register(KNOWN, pa.table({"pattern": pa.array(patterns, pa.string())}))
            extents = self.loader.extents(loaded.parts)
            for name, relation in relations(loaded, scope, known, extents, old_name).items():
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {relation}")
            return not loaded.tables and len(patterns) <= MANY_PATTERNS  # keep no session that holds memory

        files = frozenset(loaded.parts), frozenset(loaded.raw), len(loaded.tables)
        return self._sessions.take((scope, with_known, old_name, *files), prepare)

    def _patterns(
        self, cursor: duckdb.DuckDBPyConnection, parts: Sequence[Path]
    ) -> dict[Path, frozenset[str]]:
        """Return the patterns of each part that does not have too many, from memory if known."""
        extents = self.loader.extents(parts)
        few = [path for path, extent in extents.items() if extent.pattern_count <= MANY_PATTERNS]
        few += self._counted(cursor, [path for path in parts if path not in extents])
        with self._lock:
            patterns = {path: self._known[path] for path in few if path in self._known}
        if new := [path for path in few if path not in patterns]:
            files = _with_names(new)
            query = (
                f"SELECT filename, list(DISTINCT {OLD_PATTERN_NAME}) AS patterns "
                f"FROM {files} GROUP BY filename"
            )
            for row in cursor.sql(query).to_arrow_table().to_pylist():
                patterns[Path(row["filename"])] = frozenset(row["patterns"])
        with self._lock:
            self._known |= patterns
            while sum(map(len, self._known.values())) > PATTERNS_KEPT and len(self._known) > 1:
                self._known.pop(next(iter(self._known)))
        return patterns

    def _refuse(self, listing: Listing) -> bool:
        """Mark files that could not be read, so that the next load reads them another way; whether any."""
        lost = self.loader.look_again()
        return self.loader.refuse(listing) or lost

    def _counted(self, cursor: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> Sequence[Path]:
        """Return the parts without too many patterns, for parts made by Athena, which do not store counts."""
        with self._lock:
            new = [path for path in parts if path not in self._known and path not in self._many]
        if new:
            query = (
                f"SELECT filename, approx_count_distinct({OLD_PATTERN_NAME}) AS n "
                f"FROM {_with_names(new)} GROUP BY filename"
            )
            counts = cursor.sql(query).to_arrow_table().to_pylist()
            many = {Path(row["filename"]) for row in counts if row["n"] > MANY_PATTERNS}
            with self._lock:
                self._many |= many
        return [path for path in parts if path not in self._many]

    def _worth_repeating(self, error: Exception, listing: Listing) -> bool:
        """Return whether loading again may help: a file was evicted, or DuckDB's reader rejects one."""
        gone = isinstance(error, duckdb.IOException | OSError)
        if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
            return False
        return self._refuse(listing) or gone

    def _checked(self, sql: str) -> str:
        """Return the single SELECT in the text. Raises InputError."""
        if known := self._statements.get(sql):
            return known
        with self._database.cursor() as cursor:
            try:
                statements = cursor.extract_statements(sql)
            except duckdb.Error as error:
                raise InputError(
                    "The SQL is not valid.", field="sql", hint="Correct the SQL.", detail=str(error)
                ) from error
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise InputError(
                    "Only a single SELECT can run.",
                    field="sql",
                    hint="Write one SELECT from the table events.",
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


def _database(root: Path, store: ObjectStore, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """Return an empty database that can read only the cache (and the store, if that is a local folder)."""
    spill = root / "spill"
    with contextlib.suppress(OSError):  # on a full disk, queries run without spilling
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
    database.execute(f"CREATE MACRO pattern_of(message) AS {pattern_sql('message')}")
    database.execute(f"CREATE MACRO level_of(pattern) AS {level_sql('pattern')}")
    return database


def _refuse_files(node: Any) -> None:
    """Raise InputError if the tree of a query names a file or a function that can read one."""
    if isinstance(node, list):
        for child in node:
            _refuse_files(child)
    elif isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            name = node.get("function", {}).get("function_name", "")
            if name not in TABLE_FUNCTIONS:
                raise InputError(
                    f"The function {name}() is not allowed.",
                    field="sql",
                    hint="Select from the table events.",
                )
        if node.get("type") == "BASE_TABLE" and not str(node.get("table_name", "")).isidentifier():
            raise InputError(
                f"There is no table {node.get('table_name')!r}.",
                field="sql",
                hint="Select from the table events.",
            )
        for child in node.values():
            _refuse_files(child)


@contextlib.contextmanager
def _interrupted(cursor: duckdb.DuckDBPyConnection, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Interrupt the query that runs inside when `cancelled` returns True."""
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
    session: DuckDbSession,
    first: pa.RecordBatch | None,
    reader: pa.RecordBatchReader,
    cancelled: Callable[[], bool],
    refuse: Callable[[], bool],
) -> Iterator[pa.RecordBatch]:
    """Yield the first batch and the reader's others, then keep or close the session."""
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
        if not isinstance(failure, QueryCanceled) and refuse():
            failure = DuckDbQueryFailed(
                "Cannot read a file to its end.",
                hint="Run the query again: the file will then be read another way.",
                detail=str(error),
            )
        raise failure from error
    finally:
        if batch is not None:
            session.close()


def _stopped() -> QueryCanceled:
    return QueryCanceled("The query was canceled.", hint="Loaded data is kept: the next search is faster.")


def _failure(error: Exception, cancelled: Callable[[], bool]) -> SlipwayError:
    """Return DuckDB's error as one of ours, with what to do."""
    text = str(error)
    if cancelled():
        return _stopped()
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text:
        return DuckDbQueryFailed(
            "The query exceeded its memory limit.",
            hint="Narrow the time range or the log groups, select fewer columns, or use Athena.",
            detail=text,
        )
    wrong = duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException
    if isinstance(error, (*wrong, duckdb.InvalidInputException, duckdb.ConversionException)):
        first = text.splitlines()[0] if text else repr(error)
        return InputError(first, field="sql", hint="Correct the query.", detail=text)
    return DuckDbQueryFailed(
        "DuckDB cannot run the query.", hint="See the details for DuckDB's message.", detail=text
    )
