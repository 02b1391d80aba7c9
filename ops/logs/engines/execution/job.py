"""A job: statements, and the loaded files that they read. What runs it is an executor."""

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ops.logs.engines.loading import Loaded
from ops.logs.lake.layout import Scope
from ops.logs.lake.lines.rules import Rule
from ops.logs.lake.parts import Extent
from ops.logs.search.cursor import Cursor
from ops.logs.search.sql import Statement


@dataclass(frozen=True)
class Place:
    """Where the files of a dataset are, and how they are read.

    Jobs of one place share a database, which reads `folders` and nothing else; `rules` are own rules for
    levels.
    """

    folders: tuple[Path, ...]
    spill: Path  # temporary files, if a query does not fit into the memory
    memory_mb: int
    threads: int
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Job:
    """Statements that read the same files: the batches of their results follow one another.

    `own` says that Slipway wrote the statements, and not a user.
    """

    scope: Scope
    statements: tuple[Statement, ...]
    own: bool
    loaded: Loaded = field(default_factory=Loaded)
    extents: Mapping[Path, Extent] = field(default_factory=dict)
    leveled: Collection[Path] = ()
    positioned: Collection[Path] = ()


class FaultKind(Enum):
    """Why a job failed."""

    SQL = "sql"  # the statement has a mistake
    VALUE = "value"  # a value cannot be converted, or is out of range
    FILE = "file"  # a file cannot be read, perhaps because it was removed meanwhile
    MEMORY = "memory"
    DISK = "disk"  # the limit of temporary files
    CPU = "cpu"
    DEADLINE = "deadline"
    ROW = "row"  # one row of the result is too large
    PROCESS = "process"  # the worker process ended
    OTHER = "other"


class Fault(Exception):
    """A job failed. The text is the cause's, without paths of files."""

    def __init__(self, kind: FaultKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class Executor(Protocol):
    """Runs the jobs of one place; thread-safe."""

    def check(self, job: Job) -> None:
        """Raise InputError for statements that may not run, if that can be known before the job runs."""

    def execute(self, job: Job, cursor: Cursor) -> Generator[pa.RecordBatch, None, None]:
        """Yield the batches of each statement's result, at least one for each: it may be empty.

        Raises Fault, InputError for statements that may not run, and QueryCanceled.
        """
