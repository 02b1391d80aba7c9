"""What the sanitizing task is given to run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    """SQL. The task runs scripts in order of name; the end of the name says how: see `postgres`."""

    name: str
    sql: str
