"""Save a query of a team, beside Slipway's own queries and never in place of one."""

import re
import threading
from pathlib import Path

from ops import files
from ops.errors import Conflict, InputError
from ops.logs.search.saved.queries import ALIASES, FOLDER, parse_query
from ops.operations import Operation
from ops.plan import AuditedCall, Resource, Step
from ops.settings import Settings

MAX_BYTES = 100_000
_NAME = re.compile(r"[a-z0-9_]{1,60}")
_LOCK = threading.Lock()  # of two people who save a query in parallel, one is first


def team_folder(settings: Settings) -> Path:
    """Return the folder of the queries that teams save."""
    return settings.data / "queries"


def save_call(folder: Path, name: str, sql: str, *, replaces: str = "") -> AuditedCall[Path]:
    """Return the call that saves the query as `name`. Its value is the path of the file.

    `replaces` is the text of the query that the user has seen under this name: if the file has another one,
    somebody else has saved it since. Raises InputError for a name, a size, or a query that is not valid, and
    Conflict for a name that is in use.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"The name {name!r} is not valid.",
            field="name",
            hint="Use 1 to 60 lowercase letters, digits, and underscores.",
        )
    if name in ALIASES or (FOLDER / f"{name}.sql").exists():
        raise Conflict(f"{name} is one of Slipway's own queries.", hint="Choose another name.")
    if "\0" in sql or not sql.strip():
        raise InputError("The query is empty or contains NUL characters.", field="sql", hint="Enter SQL.")
    if (size := len(sql.encode())) > MAX_BYTES:
        raise InputError(
            f"The query has {size:,} bytes; at most {MAX_BYTES:,} can be saved.",
            field="sql",
            hint="Remove what the query does not need.",
        )
    parse_query(name, sql)
    path = folder / f"{name}.sql"

    def act(say: object) -> Path:
        with _LOCK:
            if path.exists() and path.read_text("utf-8", "replace").strip() != replaces.strip():
                raise Conflict(
                    f"The query {name} already exists.",
                    hint="Choose another name, or select the query, change it, and save it again.",
                )
            files.write(path, sql.strip().encode() + b"\n")
        return path

    step = Step(
        "save",
        f"Save the log query {name}",
        Resource("Slipway::Query", name, "", ""),
        act,
        parameters={"sql": sql},
    )
    return AuditedCall(step, Operation.SAVE_QUERY)
