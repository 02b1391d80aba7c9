"""KMS keys that a service uses for its caller: the key exists, is enabled, and the caller may use it.

https://docs.aws.amazon.com/kms/latest/developerguide/control-access-overview.html
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
"""

from contextvars import ContextVar
from dataclasses import dataclass

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms, s3

from ops.embedded.iam import identity
from ops.embedded.rds.common import AWS_MANAGED

SEAMS = (
    "ministack.core.responses.request_scope",
    "ministack.services.kms._resolve_key",
    "ministack.services.s3._account_from_access_key",
)

# The access key of the caller of the current request; empty if nothing is to be checked.
caller: ContextVar[str] = ContextVar("caller", default="")


@dataclass(frozen=True)
class KeyProblem:
    """Why a key cannot be used: `missing`, `disabled`, or `denied`, and the message of KMS."""

    kind: str
    message: str


def problem(key: str, action: str, via: str, access_key: str) -> KeyProblem | None:
    """Return why the service `via`, such as `s3`, cannot perform the action with the key for the caller.

    The keys that AWS manages can be used by everybody in the account, and are not checked.
    """
    if "alias/aws/" in key:
        return None
    region, account = get_region(), get_account_id()
    if key.startswith("arn:"):
        region, account = key.split(":")[3:5]
    with request_scope(account, region):
        record = kms._resolve_key(key)
        if record is None:
            return KeyProblem("missing", f"Key '{key}' does not exist")
        if record.get(AWS_MANAGED):
            return None
        if record["KeyState"] != "Enabled":
            return KeyProblem("disabled", f"{record['Arn']} is {_state(record['KeyState'])}.")
        keys = {
            "kms:calleraccount": s3._account_from_access_key(access_key),
            "kms:viaservice": f"{via}.{region}.amazonaws.com",
            "kms:grantisforawsresource": "true",
        }
        denial = access_key and identity.denial_of(access_key, action, record["Arn"], keys)
    return KeyProblem("denied", denial) if denial else None


def _state(state: str) -> str:
    return "pending deletion" if state == "PendingDeletion" else state.lower()
