"""Run jobs in this process: one locked-down DuckDB for a place, and one session per job.

SQL from a user can read `events` and nothing else, and cannot change anything.
"""

import contextlib
import re
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from ops.logs.engines.duckdb_functions import add_functions
from ops.logs.engines.duckdb_readers import path_list
from ops.logs.engines.duckdb_relation import relations
from ops.logs.engines.execution.job import Fault, FaultKind, Job, Place
from ops.logs.engines.execution.statements import check_statement
from ops.logs.engines.sessions import DuckDbSession, DuckDbSessions
from ops.logs.lake.layout import OLD_PATTERN_NAME, uses_old_name
from ops.logs.lake.lines.levels import Levels
from ops.logs.search.cursor import Cursor
from ops.logs.search.sql import Statement
from ops.text.quoting import plain_literal

BATCH_ROWS = 10_000
FAULTS = (duckdb.Error, pa.ArrowException, OSError, MemoryError)  # Arrow raises DuckDB's errors as OSError
VALUE_ERRORS = ("Invalid Input Error:", "Conversion Error:", "Out of Range Error:")
KNOWN = "known_patterns"  # the distinct patterns of the masked events (`relations`)
MANY_PATTERNS = 20_000  # in one part: testing the patterns first would not be faster
PATTERNS_KEPT = 300_000  # in memory: about 60 MB
STATEMENTS_KEPT = 500
SPILL_BYTES = 2_000_000_000  # of temporary files, for all queries of the place


class LocalExecutor:
    """The executor in this process; thread-safe. All its jobs share the memory limit."""

    def __init__(self, place: Place) -> None:
        self._known: dict[Path, frozenset[str]] = {}
        self._many: set[Path] = set()  # parts made by Athena with too many patterns
        self._statements: dict[tuple[str, bool], str] = {}
        self._lock = threading.Lock()
        self._database = _database(place)
        add_functions(self._database, Levels(place.rules), self)
        self._sessions = DuckDbSessions(self._database)
        self._paths = re.compile(
            "|".join(
                rf"{re.escape(str(folder.absolute()))}[^\s'\"\]),;]*"
                for folder in (*place.folders, place.spill)
            )
        )

    def check(self, job: Job) -> None:
        for statement in job.statements:
            self._checked(statement, job.own)

    def execute(self, job: Job, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        texts = [self._checked(statement, job.own) for statement in job.statements]
        session: DuckDbSession | None = None
        completed = False
        try:
            session = self._session(job, texts)
            for statement, text in zip(job.statements, texts, strict=True):
                yield from _batches(session, text, statement, cursor)
            completed = True
        except FAULTS as error:
            raise Fault(_kind(error), self._without_paths(str(error) or repr(error))) from error
        finally:
            if session:
                session.keep() if completed else session.close()

    def close(self) -> None:
        self._sessions.close()
        self._database.close()

    def _session(self, job: Job, texts: Sequence[str]) -> DuckDbSession:
        """Return a session with the views that the statements read, on the loaded files."""
        loaded = job.loaded
        with_known, old_name = any(KNOWN in text for text in texts), any(map(uses_old_name, texts))

        def prepare(cursor: duckdb.DuckDBPyConnection) -> bool:
            for n, table in enumerate(loaded.tables):
                cursor.register(f"loaded_{n}", table)
            known: dict[Path, frozenset[str]] = {}
            patterns: list[str] = []
            if with_known:
                known = self._patterns(cursor, job)
                tables = [table[OLD_PATTERN_NAME].unique().to_pylist() for table in loaded.tables]
                patterns = sorted(frozenset().union(*known.values(), *tables))
                cursor.register(KNOWN, pa.table({"pattern": pa.array(patterns, pa.string())}))
            views = relations(loaded, job.scope, known, job.extents, job.leveled, job.positioned, old_name)
            for name, relation in views.items():
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {relation}")
            return not loaded.tables and len(patterns) <= MANY_PATTERNS  # keep no session that holds memory

        files = frozenset(loaded.parts), frozenset(loaded.raw), len(loaded.tables)
        return self._sessions.take((job.scope, with_known, old_name, *files), prepare)

    def _patterns(self, cursor: duckdb.DuckDBPyConnection, job: Job) -> dict[Path, frozenset[str]]:
        """Return the patterns of each part that does not have too many, from memory if known."""
        few = [path for path, extent in job.extents.items() if extent.pattern_count <= MANY_PATTERNS]
        few += self._counted(cursor, [path for path in job.loaded.parts if path not in job.extents])
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

    def _checked(self, statement: Statement, own: bool) -> str:
        """Return the single SELECT in the text. Raises InputError."""
        key = statement.sql, own
        if known := self._statements.get(key):
            return known
        text = check_statement(self._database, statement.sql, own=own)
        with self._lock:
            if len(self._statements) >= STATEMENTS_KEPT:
                self._statements.clear()
            self._statements[key] = text
        return text

    def _without_paths(self, text: str) -> str:
        """Return the error without paths, and without DuckDB's advice to change its settings."""
        return self._paths.sub("(cached file)", text.partition("\n\nPossible solutions")[0])


def _batches(
    session: DuckDbSession, text: str, statement: Statement, cursor: Cursor
) -> Generator[pa.RecordBatch, None, None]:
    used = {name: value for name, value in statement.parameters.items() if f"${name}" in text}
    with cursor.interruptible(session.cursor.interrupt):
        reader = session.cursor.sql(text, params=used).to_arrow_reader(BATCH_ROWS)
        batch = next(reader, None)
    yield batch if batch is not None else pa.RecordBatch.from_pylist([], reader.schema)
    while batch is not None:
        with cursor.interruptible(session.cursor.interrupt):
            batch = next(reader, None)
        if batch is not None:
            yield batch
    reader.close()


def _with_names(parts: Sequence[Path]) -> str:
    return f"read_parquet({path_list(parts)}, hive_partitioning = false, filename = true)"


def _database(place: Place) -> duckdb.DuckDBPyConnection:
    """Return an empty database that can read only the place's folders."""
    with contextlib.suppress(OSError):  # on a full disk, queries run without spilling
        place.spill.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect(config={"memory_limit": f"{place.memory_mb}MB", "threads": place.threads})
    folders = [str(folder.absolute()) + "/" for folder in place.folders]
    for setting in (
        f"allowed_directories = [{', '.join(map(plain_literal, folders))}]",
        f"temp_directory = {plain_literal(str(place.spill))}",
        f"max_temp_directory_size = '{SPILL_BYTES} B'",
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


def _kind(error: BaseException) -> FaultKind:
    text = str(error)
    if "max_temp_directory_size" in text:
        return FaultKind.DISK
    memory = (
        "Out of Memory",
        "bad_alloc",
        "could not allocate",
        "Failed to allocate",
        "failed to allocate",
        "malloc",
    )
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError) or any(part in text for part in memory):
        return FaultKind.MEMORY
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        return FaultKind.SQL
    values = duckdb.InvalidInputException | duckdb.ConversionException | duckdb.OutOfRangeException
    # After the first rows, Arrow's reader reports DuckDB's errors by their text only.
    if isinstance(error, values) or (isinstance(error, OSError) and text.startswith(VALUE_ERRORS)):
        return FaultKind.VALUE
    return FaultKind.FILE if isinstance(error, duckdb.IOException | OSError) else FaultKind.OTHER
