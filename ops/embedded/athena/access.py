"""What a query may: Athena reads tables and objects, and writes, with the rights of who started it.

A call that names a query is authorized on the query's work group; the emulator checks it on none.
https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
"""

import json
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import athena

from ops.embedded.athena.tables import QueryFailed
from ops.embedded.context import Context
from ops.embedded.iam import identity

SEAMS = (
    "ministack.app.extract_access_key_id",
    "ministack.core.iam_actions.extract_resource_arn",
    "ministack.core.iam_evaluator.caller_arn",
    "ministack.services.athena._arn_workgroup",
    "ministack.services.athena._executions",
)

# Who started the query that is run: the task of a query begins with what was set when its call came.
_caller: ContextVar[identity.Session | None] = ContextVar("athena_caller", default=None)


def install(context: Context) -> None:
    emulated = iam_actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> str:
        if service != "athena":
            return str(emulated(service, method, path, headers, body, *rest))
        key = app.extract_access_key_id(headers, {})
        _caller.set(identity.Session(iam_evaluator.caller_arn() or "", key, "", ""))
        query = athena._executions.get(json.loads(body or b"{}").get("QueryExecutionId", ""))
        if query:
            return str(athena._arn_workgroup(query["WorkGroup"]))
        return str(emulated(service, method, path, headers, body, *rest))

    iam_actions.extract_resource_arn = extract


def demand_table(database: str, table: str) -> None:
    """Raises QueryFailed unless the table's definition may be read: catalogue, database and table."""
    for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
        _demand("glue:GetTable", f"arn:aws:glue:{get_region()}:{get_account_id()}:{resource}")


def demand_object(action: str, bucket: str, key: str) -> None:
    """Raises QueryFailed unless the action (as `GetObject`) is allowed on the object."""
    _demand(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}")


def _demand(action: str, resource: str) -> None:
    caller = _caller.get()
    if caller and (refused := identity.denial(caller, action, resource)):
        raise QueryFailed(f"Access denied: {refused}")
