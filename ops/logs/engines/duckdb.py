"""Query exported logs with DuckDB on this machine: list, load what is needed, and query it as `events`.

An engine has one database, and a query one session: all threads share the memory limit. The database is
locked down: SQL from a user can read `events` and nothing else, and cannot change anything.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa

from ops.errors import InputError, SlipwayError
from ops.logs.engines.backwards import Backwards
from ops.logs.engines.duckdb_functions import add_functions
from ops.logs.engines.duckdb_readers import path_list, quoted
from ops.logs.engines.duckdb_relation import relations
from ops.logs.engines.loading import Loaded, Loader, LoadProgress
from ops.logs.engines.sessions import DuckDbSession, DuckDbSessions
from ops.logs.lake.cache import FileCache
from ops.logs.lake.layout import OLD_PATTERN_NAME, Listing, Location, Scope, uses_old_name
from ops.logs.lake.lines.levels import Levels
from ops.logs.lake.listing import Lister
from ops.logs.lake.store import ObjectStore
from ops.logs.search.cursor import Cursor, Progress
from ops.logs.search.estimate import Cost, duckdb_cost
from ops.logs.search.query import Events, Query
from ops.logs.search.sql import Statement, statements

BATCH_ROWS = 10_000
# Table functions allowed in a FROM clause; all others can read files or settings.
TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"}
FAULTS = (duckdb.Error, pa.ArrowException, OSError)  # Arrow raises DuckDB's errors as OSError
KNOWN = "known_patterns"  # the distinct patterns of the masked events (`relations`)
MANY_PATTERNS = 20_000  # in one part: testing the patterns first would not be faster
PATTERNS_KEPT = 300_000  # in memory: about 60 MB
STATEMENTS_KEPT = 500


class DuckDbQueryFailed(SlipwayError):
    """DuckDB could not run the query."""


class DuckDbEngine:
    """Queries one dataset; thread-safe."""

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        cache: FileCache,
        *,
        memory_mb: int = 600,
        threads: int = 0,
        concurrency: int = 16,
        levels: Levels | None = None,
    ) -> None:
        levels = levels or Levels()
        self.lister = Lister(store, location, concurrency=concurrency)
        self.loader = Loader(store, cache, levels)
        self._known: dict[Path, frozenset[str]] = {}
        self._many: set[Path] = set()  # parts made by Athena with too many patterns
        self._statements: dict[str, str] = {}
        self._lock = threading.Lock()
        self._database = _database(cache.root, store, memory_mb, threads)
        add_functions(self._database, levels, self)
        self._sessions = DuckDbSessions(self._database)

    def list(self, scope: Scope, *, fresh: bool = False) -> Listing:
        """Return the objects that a query over the scope reads."""
        return self.lister.list_scope(scope, fresh=fresh)

    def estimate(self, scope: Scope) -> Cost:
        return duckdb_cost(self.list(scope))

    def run(self, query: Query) -> Cursor:
        """Return the query's cursor. Raises InputError for invalid SQL and anything but a SELECT."""
        for statement in statements(query, has_patterns=True):
            self._checked(statement.sql)

        def read(cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
            if isinstance(query.select, Events) and query.select.newest_first:
                return self._newest(query, query.select, cursor)
            return self._step(query, cursor)

        return Cursor(read, query.limit_bytes, "Loaded data is kept: the next search is faster.")

    def _newest(self, query: Query, select: Events, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        """Yield the newest events: read backwards in steps, until there are enough."""
        known = self.lister.glance(query.scope)
        steps, found = Backwards(query.scope, known), 0
        while True:
            search = replace(query.search, scope=steps.step())
            step = Query(search, Events(select.limit - found))
            for batch in self._step(step, cursor, known):
                found += batch.num_rows
                yield batch
            if found >= select.limit or steps.ended:
                return
            steps.expect(select.limit - found, found)

    def _step(
        self, query: Query, cursor: Cursor, whole: Listing | None = None
    ) -> Generator[pa.RecordBatch, None, None]:
        """Yield the results of the query's statements, which read the same files; then keep the session.

        `whole` is the listing that the query is a step of, for the progress.
        """
        given = statements(query, has_patterns=True)
        listing = self.list(query.scope)
        session, reader, first = self._begin(query.scope, listing, given, cursor, whole)
        completed = False
        try:
            for statement in (None, *given[1:]):
                if statement:
                    reader, first = self._execute(session, statement, cursor)
                yield first if first is not None else pa.RecordBatch.from_pylist([], reader.schema)
                while first is not None:
                    with cursor.interruptible(session.cursor.interrupt):
                        first = next(reader, None)
                    if first is not None:
                        yield first
                reader.close()
            completed = True
        except FAULTS as error:
            failure = _failure(error, cursor)
            if self._refuse(listing):
                failure = DuckDbQueryFailed(
                    "Cannot read a file to its end.",
                    hint="Run the query again: the file will then be read another way.",
                    detail=str(error),
                )
            raise failure from error
        finally:
            session.keep() if completed else session.close()

    def _begin(
        self,
        scope: Scope,
        listing: Listing,
        given: Sequence[Statement],
        cursor: Cursor,
        whole: Listing | None,
    ) -> tuple[DuckDbSession, pa.RecordBatchReader, pa.RecordBatch | None]:
        """Load the listing and execute the first statement, again if a file was lost or rejected."""
        report = _reporter(cursor, whole or listing)
        texts = [self._checked(statement.sql) for statement in given]
        with_known, old_name = any(KNOWN in text for text in texts), any(map(uses_old_name, texts))
        for attempt in (1, 2, 3):
            loaded = self.loader.load(listing, given[0].needles, report, cursor.check)
            session = None
            try:
                session = self._session(loaded, scope, with_known, old_name)
                reader, first = self._execute(session, given[0], cursor)
            except BaseException as error:
                if session:
                    session.close()
                if not isinstance(error, FAULTS):
                    raise
                if attempt < 3 and not cursor.canceled and self._worth_repeating(error, listing):
                    continue
                raise _failure(error, cursor) from error
            cursor.spend(listing.objects, listing.size_bytes)
            cursor.note(*listing.notes)  # also about objects that are not exported logs
            cursor.note(*(note for note in loaded.notes if note not in listing.notes), unread=True)
            return session, reader, first
        raise AssertionError("the loop returns or raises")

    def _execute(
        self, session: DuckDbSession, statement: Statement, cursor: Cursor
    ) -> tuple[pa.RecordBatchReader, pa.RecordBatch | None]:
        """Return the reader of the statement's result, and its first batch."""
        text = self._checked(statement.sql)
        used = {name: value for name, value in statement.parameters.items() if f"${name}" in text}
        with cursor.interruptible(session.cursor.interrupt):
            reader = session.cursor.sql(text, params=used).to_arrow_reader(BATCH_ROWS)
            return reader, next(reader, None)

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
            extents, leveled = self.loader.extents(loaded.parts), self.loader.leveled(loaded.parts)
            for name, relation in relations(loaded, scope, known, extents, leveled, old_name).items():
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
    return database


def _refuse_files(node: object) -> None:
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


def _reporter(cursor: Cursor, whole: Listing) -> Callable[[LoadProgress], None]:
    """Return the function that reports the progress of loading one step of the whole listing."""
    before = cursor.cost

    def report(loading: LoadProgress) -> None:
        done, objects = before.size_bytes + loading.bytes_done, before.objects + loading.done
        total = max(whole.size_bytes, before.size_bytes + loading.bytes_total)
        of = max(whole.objects, before.objects + loading.total)
        text = (
            "Searching"
            if loading.done >= loading.total
            else f"Read {objects:,} of {of:,} objects, {done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
        )
        cursor.report(Progress(text, done, total))

    return report


def _failure(error: Exception, cursor: Cursor) -> SlipwayError:
    """Return DuckDB's error as one of ours, with what to do. Raises QueryCanceled if it was an interrupt."""
    cursor.check()
    text = str(error)
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
