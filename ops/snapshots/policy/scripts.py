"""A SQL script that the sanitizing task runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SqlScript:
    """SQL that the task runs. The suffix of the name selects how: see `ops.snapshots.postgres.compiler`."""

    name: str
    sql: str
    database: str = ""  # PostgreSQL only; empty for the pipeline's own database

    @property
    def text(self) -> str:
        """The script as it is uploaded: the first line names the database."""
        return f"-- database: {self.database}\n{self.sql}" if self.database else self.sql
