"""What instances and snapshots share: where their data lies, RDS's answers, and work that takes time."""

import contextvars
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, rds

from ops.embedded.context import Context
from ops.embedded.postgres import Postgres

SEAMS = (
    "ministack.services.kms._create_key",
    "ministack.services.kms._keys",
    "ministack.services.kms._key_metadata",
    "ministack.services.rds._error",
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
COMPLETE = "_complete"  # of a record: the data is whole
REAL_ENGINES = ("postgres",)
DEFAULT_KEY = "alias/aws/rds"
ALWAYS = "aws:managed"

log = logging.getLogger("slipway.rds")


class Storage:
    """The servers behind the records, and the emulated delay."""

    def __init__(self, context: Context) -> None:
        self.postgres = Postgres(context.data / "postgres", context.child_environment)
        self.delay_s = context.delay_s

    def later(self, work: Callable[[], None], failed: Callable[[], None]) -> None:
        """Runs `work` after the delay, in this request's account and region; `failed` when it raises."""

        def run() -> None:
            threading.Event().wait(self.delay_s)
            try:
                work()
            except Exception:
                log.exception("work on a database failed")
                failed()

        threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()


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
