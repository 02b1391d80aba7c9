"""What instances, clusters, and snapshots share: data storage, RDS responses, and delayed work."""

import contextvars
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, rds

from ops.embedded.context import OverlayContext
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import DatabaseServers

SEAMS = (
    "ministack.services.kms._create_key",
    "ministack.services.kms._keys",
    "ministack.services.kms._key_metadata",
    "ministack.services.rds._default_port",
    "ministack.services.rds._error",
    "ministack.services.rds._events",
    "ministack.services.rds._p",
    "ministack.services.rds._parse_rds_arn",
    "ministack.services.rds._parse_tags",
    "ministack.services.rds._tags",
    "ministack.services.rds._xml",
)

Record = dict[str, Any]
Request = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

DATA = "_data"  # record key: the folder of its data
PORT = "_port"  # cluster record key: the port of its server, which runs while it has an instance
COMPLETE = "_complete"  # record key: the data is complete
LISTENS_ON = "_listens_on"  # record key: the port on AWS; the local server has another one
REAL_ENGINES = ("mariadb", "mysql", "postgres")
DEFAULT_KEY = "alias/aws/rds"
AWS_MANAGED = "aws:managed"

INCOMPLETE = "the embedded cloud stopped before the data was complete"

# Identifier, source type in events, and status key of a record. Snapshots first: they name a database too.
_RECORD_NAMES = (
    ("DBSnapshotIdentifier", "db-snapshot", "Status"),
    ("DBClusterSnapshotIdentifier", "db-cluster-snapshot", "Status"),
    ("DBInstanceIdentifier", "db-instance", "DBInstanceStatus"),
    ("DBClusterIdentifier", "db-cluster", "Status"),
)
_MESSAGE_LENGTH = 400  # the end of a server's log usually contains the cause

log = logging.getLogger(__name__)


class DatabaseStorage:
    """The servers behind the records, and the emulated delay."""

    def __init__(self, context: OverlayContext) -> None:
        postgres = Postgres(context.data / "postgres", context.child_environment)
        mariadb = MariaDb(context.data / "mariadb", context.child_environment)
        self.all_servers: tuple[DatabaseServers, ...] = (postgres, mariadb)
        self._servers_by_engine = {
            "aurora-mysql": mariadb,
            "aurora-postgresql": postgres,
            "mariadb": mariadb,
            "mysql": mariadb,
            "postgres": postgres,
        }
        self.delay_s = context.delay_s

    def servers_of(self, record: Record) -> DatabaseServers:
        """Return the servers for the engine of an instance, a cluster, or a snapshot."""
        return self._servers_by_engine[record["Engine"]]

    def check_engine(self, engine: str) -> Response | None:
        """Return an error for an invalid engine or one whose server is not installed, otherwise None."""
        if not re.fullmatch(r"[a-z0-9-]*", engine):
            return error("InvalidParameterValue", f"Invalid DB engine: {escape(engine)}")
        missing = self._servers_by_engine[engine].missing() if engine in self._servers_by_engine else ""
        return error("InsufficientDBInstanceCapacity", missing) if missing else None

    def back_up(self, database: Record, target: str) -> None:
        """Copy the data as it is now, whether a server runs on it or not."""
        port = port_of(database)
        if port:
            self.servers_of(database).back_up(port, target)
        else:
            self.servers_of(database).copy(database[DATA], target)

    def run_later(self, action: Callable[[], None], database: Record | None = None) -> None:
        """Run `action` after the delay, in this account and region; mark `database` failed if it raises."""

        def run() -> None:
            threading.Event().wait(self.delay_s)
            try:
                action()
            except Exception as error:
                log.exception("A database operation failed")
                if database is not None:
                    mark_failed(database, error)

        threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()


def mark_failed(record: Record, error: object) -> None:
    """Set the status of an instance, cluster, or snapshot to failed, and add an event with the reason."""
    identifier, kind, status = next(names for names in _RECORD_NAMES if names[0] in record)
    record[status] = "failed"
    message = " ".join(str(error).split())
    if len(message) > _MESSAGE_LENGTH:
        message = f"{message[: _MESSAGE_LENGTH // 4]} … {message[-_MESSAGE_LENGTH:]}"
    rds._events[uuid.uuid4().hex] = {
        "SourceIdentifier": record[identifier],
        "SourceType": kind,
        "SourceArn": "",
        "Message": f"It was put into failed state: {message}",
        "Date": time.time(),
        "EventCategories": ["failure"],
    }


def set_listening_port(record: Record, request: Request, snapshot: Record | None = None) -> None:
    """Set the port that security groups must allow: the request's, that of the snapshot's source, or the
    engine's default.
    """
    port = parameter(request, "Port") or (snapshot or {}).get(LISTENS_ON)
    record[LISTENS_ON] = int(port or rds._default_port(record["Engine"]))


def port_of(database: Record) -> int:
    """Return the port of the server on the data of an instance or cluster; 0 if none runs."""
    return int(database["Endpoint"]["Port"] if "DBInstanceIdentifier" in database else database.get(PORT, 0))


def new_data() -> str:
    return uuid.uuid4().hex[:12]


def parameter(request: Request, name: str) -> str:
    return str(rds._p(request, name))


def values(request: Request, name: str) -> list[str]:
    """Return a list parameter, whatever the name of its members."""
    numbered = [
        (int(key.rsplit(".", 1)[1]), str(rds._p(request, key)))
        for key in request
        if key.startswith(f"{name}.") and key.rsplit(".", 1)[1].isdigit()
    ]
    return [value for _, value in sorted(numbered)]


def bad_identifier(name: str, value: str, longest: int = 63) -> Response | None:
    """Return an error if the parameter's value is not a valid identifier, otherwise None."""
    if re.fullmatch(r"(?i)[a-z](-?[a-z0-9])*", value) and len(value) <= longest:
        return None
    return error(
        "InvalidParameterValue",
        f"The parameter {name} is not a valid identifier: {escape(value)!r}. Identifiers must begin with a "
        "letter; contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain "
        "two consecutive hyphens.",
    )


def error(code: str, message: str, status: int = 400) -> Response:
    document: Response = rds._error(code, message, status)
    return document


def xml_response(action: str, inner: str) -> Response:
    document: Response = rds._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")
    return document


def set_tags(record: Record, arn: str, tags: list[dict[str, str]]) -> None:
    record["TagList"] = tags
    rds._tags[arn] = tags


def tags_of(request: Request) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = rds._parse_tags(request)
    return tags


def arn(kind: str, name: str) -> str:
    return f"arn:aws:rds:{get_region()}:{get_account_id()}:{kind}:{name}"


def key_arn(requested: str) -> str:
    """Return the ARN of the requested key, or of the account's default RDS key if it is empty."""
    if requested and requested != DEFAULT_KEY:
        key = kms._resolve_key(requested)
        return str(key["Arn"]) if key else requested
    for key in kms._keys.values():
        if key.get(AWS_MANAGED):
            return str(key["Arn"])
    kms._create_key({"Description": "Default key that protects my RDS database volumes"})
    key = list(kms._keys.values())[-1]
    key[AWS_MANAGED] = True
    return str(key["Arn"])


def is_default_key(key: str) -> bool:
    resolved = kms._resolve_key(key) if key else None
    return bool(resolved and resolved.get(AWS_MANAGED))


def install(context: OverlayContext) -> None:
    """Make DescribeKey distinguish AWS managed keys from customer managed keys."""
    metadata = kms._key_metadata

    def described(record: Record) -> Record:
        return {**metadata(record), **({"KeyManager": "AWS"} if record.get(AWS_MANAGED) else {})}

    kms._key_metadata = described


def with_identifier(action: Callable[[Request], Response], name: str) -> Callable[[Request], Response]:
    """Validate the identifier before the action: the emulator accepts any and returns broken XML."""
    return lambda request: bad_identifier(name, parameter(request, name)) or action(request)
