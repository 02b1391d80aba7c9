"""What the sanitizing task is given to run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """SQL. The task runs scripts in order of name; the end of the name says how: see `postgres`."""

    name: str
    sql: str
    database: str = ""  # of PostgreSQL's, where it is not the pipeline's own

    @property
    def text(self) -> str:
        """As the task reads it: the first line names the database."""
        return f"-- database: {self.database}\n{self.sql}" if self.database else self.sql
