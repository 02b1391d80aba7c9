"""A SQL script that the sanitizing task runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SqlScript:
    """SQL that the task runs. The suffix of the name selects how: see `ops.snapshots.postgres.compiler`."""

    name: str
    sql: str
    database: str = ""  # PostgreSQL only; empty for the pipeline's own database
    server: str = ""  # empty for the copy; "new" for the new server of a rebuild

    @property
    def text(self) -> str:
        """The script as it is uploaded: the first lines name the database and the server."""
        database = f"-- database: {self.database}\n" if self.database else ""
        server = f"-- server: {self.server}\n" if self.server else ""
        return f"{database}{server}{self.sql}"
