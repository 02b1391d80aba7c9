"""Query permissions: Athena reads tables and objects and writes results with the caller's permissions.

A call that names a query is authorized on the query's work group; the emulator authorizes it on no resource.
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

from ops.embedded.athena.tables import AthenaQueryFailed
from ops.embedded.context import OverlayContext
from ops.embedded.iam import identity

SEAMS = (
    "ministack.app.extract_access_key_id",
    "ministack.core.iam_actions.extract_resource_arn",
    "ministack.core.iam_evaluator.caller_arn",
    "ministack.services.athena._arn_workgroup",
    "ministack.services.athena._executions",
)

# Who started the running query: a query's task inherits the value that its API call has set.
_caller: ContextVar[identity.RoleSession | None] = ContextVar("athena_caller", default=None)


def install(context: OverlayContext) -> None:
    emulated = iam_actions.extract_resource_arn

    def extract(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any
    ) -> str:
        if service != "athena":
            return str(emulated(service, method, path, headers, body, *rest))
        key = app.extract_access_key_id(headers, {})
        _caller.set(identity.RoleSession(iam_evaluator.caller_arn() or "", key, "", ""))
        query = athena._executions.get(json.loads(body or b"{}").get("QueryExecutionId", ""))
        if query:
            return str(athena._arn_workgroup(query["WorkGroup"]))
        return str(emulated(service, method, path, headers, body, *rest))

    iam_actions.extract_resource_arn = extract


def require_table_access(database: str, table: str) -> None:
    """Raise AthenaQueryFailed unless the caller may read the table: catalog, database, and table."""
    for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
        _require("glue:GetTable", f"arn:aws:glue:{get_region()}:{get_account_id()}:{resource}")


def require_object_access(action: str, bucket: str, key: str) -> None:
    """Raise AthenaQueryFailed unless the caller may perform the action (`GetObject`) on the object."""
    _require(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}")


def _require(action: str, resource: str) -> None:
    caller = _caller.get()
    if caller and (message := identity.denial_message(caller, action, resource)):
        raise AthenaQueryFailed(f"Access denied: {message}")
