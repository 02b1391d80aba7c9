"""What instances and snapshots share: where their data lies, RDS's answers, and work that takes time."""

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

from ops.embedded.context import Context
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import Servers

SEAMS = (
    "ministack.services.kms._create_key",
    "ministack.services.kms._keys",
    "ministack.services.kms._key_metadata",
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
Answer = tuple[int, dict[str, str], bytes]

DATA = "_data"  # of a record: the folder of its data
PORT = "_port"  # of a cluster's record: of the server that runs on its data while it has an instance
COMPLETE = "_complete"  # of a record: the data is whole
REAL_ENGINES = ("mariadb", "mysql", "postgres")
DEFAULT_KEY = "alias/aws/rds"
ALWAYS = "aws:managed"

NOT_WHOLE = "the embedded cloud was stopped before it was whole"

# How a record is known, its kind in events, and where its status stands: a snapshot names its database too.
_KINDS = (
    ("DBSnapshotIdentifier", "db-snapshot", "Status"),
    ("DBClusterSnapshotIdentifier", "db-cluster-snapshot", "Status"),
    ("DBInstanceIdentifier", "db-instance", "DBInstanceStatus"),
    ("DBClusterIdentifier", "db-cluster", "Status"),
)
_SAID = 400  # characters of an error: a server's log ends with what matters

log = logging.getLogger("slipway.rds")


class Storage:
    """The servers behind the records, and the emulated delay."""

    def __init__(self, context: Context) -> None:
        postgres = Postgres(context.data / "postgres", context.child_environment)
        mariadb = MariaDb(context.data / "mariadb", context.child_environment)
        self.all: tuple[Servers, ...] = (postgres, mariadb)
        self._of = {
            "aurora-mysql": mariadb,
            "aurora-postgresql": postgres,
            "mariadb": mariadb,
            "mysql": mariadb,
            "postgres": postgres,
        }
        self.delay_s = context.delay_s

    def of(self, record: Record) -> Servers:
        """The servers of the engine of an instance, a cluster, or a snapshot of one."""
        return self._of[record["Engine"]]

    def refusal(self, engine: str) -> Answer | None:
        """The answer to a request for a database whose servers this machine lacks, or that none has."""
        if not re.fullmatch(r"[a-z0-9-]*", engine):
            return error("InvalidParameterValue", f"Invalid DB engine: {escape(engine)}")
        missing = self._of[engine].missing() if engine in self._of else ""
        return error("InsufficientDBInstanceCapacity", missing) if missing else None

    def back_up(self, database: Record, copy: str) -> None:
        """A copy of the data as it is now, whether a server runs on it or not."""
        port = port_of(database)
        if port:
            self.of(database).back_up(port, copy)
        else:
            self.of(database).copy(database[DATA], copy)

    def later(self, work: Callable[[], None], on: Record | None = None) -> None:
        """Runs `work` after the delay, in this request's account and region; `on` has failed if it raises."""

        def run() -> None:
            threading.Event().wait(self.delay_s)
            try:
                work()
            except Exception as error:
                log.exception("work on a database failed")
                if on is not None:
                    fail(on, error)

        threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()


def fail(record: Record, error: object) -> None:
    """The status of an instance, a cluster or a snapshot, and the event that says why."""
    key, kind, status = next(each for each in _KINDS if each[0] in record)
    record[status] = "failed"
    said = " ".join(str(error).split())
    if len(said) > _SAID:
        said = f"{said[: _SAID // 4]} … {said[-_SAID:]}"
    rds._events[uuid.uuid4().hex] = {
        "SourceIdentifier": record[key],
        "SourceType": kind,
        "SourceArn": "",
        "Message": f"It was put into failed state: {said}",
        "Date": time.time(),
        "EventCategories": ["failure"],
    }


def port_of(database: Record) -> int:
    """Of the server that runs on the data of an instance or a cluster; 0 when none does."""
    return int(database["Endpoint"]["Port"] if "DBInstanceIdentifier" in database else database.get(PORT, 0))


def new_data() -> str:
    return uuid.uuid4().hex[:12]


def parameter(request: Request, name: str) -> str:
    return str(rds._p(request, name))


def values(request: Request, name: str) -> list[str]:
    """A list parameter, whatever its members are called."""
    numbered = [
        (int(key.rsplit(".", 1)[1]), str(rds._p(request, key)))
        for key in request
        if key.startswith(f"{name}.") and key.rsplit(".", 1)[1].isdigit()
    ]
    return [value for _, value in sorted(numbered)]


def bad_identifier(name: str, value: str, longest: int = 63) -> Answer | None:
    """The answer where the value of the parameter of that name is no identifier."""
    if re.fullmatch(r"(?i)[a-z](-?[a-z0-9])*", value) and len(value) <= longest:
        return None
    return error(
        "InvalidParameterValue",
        f"The parameter {name} is not a valid identifier: {escape(value)!r}. Identifiers must begin with a "
        "letter; contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain "
        "two consecutive hyphens.",
    )


def error(code: str, message: str, status: int = 400) -> Answer:
    answer: Answer = rds._error(code, message, status)
    return answer


def answer(action: str, inner: str) -> Answer:
    made: Answer = rds._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")
    return made


def set_tags(record: Record, arn: str, tags: list[dict[str, str]]) -> None:
    record["TagList"] = tags
    rds._tags[arn] = tags


def tags_of(request: Request) -> list[dict[str, str]]:
    found: list[dict[str, str]] = rds._parse_tags(request)
    return found


def arn(kind: str, name: str) -> str:
    return f"arn:aws:rds:{get_region()}:{get_account_id()}:{kind}:{name}"


def key_arn(wanted: str) -> str:
    """The ARN of the key that `wanted` names; of the account's default key for RDS where it is empty."""
    if wanted and wanted != DEFAULT_KEY:
        found = kms._resolve_key(wanted)
        return str(found["Arn"]) if found else wanted
    for key in kms._keys.values():
        if key.get(ALWAYS):
            return str(key["Arn"])
    kms._create_key({"Description": "Default key that protects my RDS database volumes"})
    key = list(kms._keys.values())[-1]
    key[ALWAYS] = True
    return str(key["Arn"])


def is_default_key(key: str) -> bool:
    found = kms._resolve_key(key) if key else None
    return bool(found and found.get(ALWAYS))


def install(context: Context) -> None:
    """DescribeKey tells AWS's own keys from the customer's."""
    metadata = kms._key_metadata

    def described(record: Record) -> Record:
        return {**metadata(record), **({"KeyManager": "AWS"} if record.get(ALWAYS) else {})}

    kms._key_metadata = described


def with_identifier(act: Callable[[Request], Answer], name: str) -> Callable[[Request], Answer]:
    """The action, which refuses what is no identifier: the emulator takes it, and answers in broken XML."""
    return lambda request: bad_identifier(name, parameter(request, name)) or act(request)
