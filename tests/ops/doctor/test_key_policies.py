"""What a key policy allows an account, by statements that AWS's console and CDK write."""

import json
from typing import Any

import pytest

from ops.doctor.key_policies import KeyAccess, key_access, statement

ACCOUNT, OTHER = "111111111111", "222222222222"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/exporter"
DECRYPT, GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
BOTH = (DECRYPT, GENERATE)


def allow(principal: Any, action: Any = "kms:*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **more}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([allow({"AWS": ROOT})], KeyAccess()),
        ([allow({"AWS": ACCOUNT}, ["kms:decrypt", "kms:GenerateDataKey*"])], KeyAccess()),
        ([allow("*", Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}})], KeyAccess()),
        ([allow({"AWS": ROOT}, [DECRYPT])], KeyAccess(missing=(GENERATE,))),
        ([allow({"AWS": f"arn:aws:iam::{OTHER}:root"})], KeyAccess(missing=BOTH)),
        ([allow({"Service": "logs.amazonaws.com"})], KeyAccess(missing=BOTH)),
        ([allow({"AWS": [ROLE]})], KeyAccess(named=BOTH)),
        ([allow({"AWS": ROOT}), allow({"AWS": "*"}, [DECRYPT], "Deny")], KeyAccess(denied=(DECRYPT,))),
        ([allow({"AWS": ROOT}), allow({"AWS": "*"}, effect="Deny", Condition={"Bool": {}})], KeyAccess()),
        ([], KeyAccess(missing=BOTH)),
    ],
)
def test_access_of_the_account(statements: list[dict[str, Any]], expected: KeyAccess) -> None:
    assert key_access({"Statement": statements}, ACCOUNT, BOTH) == expected


def test_one_statement_need_not_be_a_list() -> None:
    assert key_access({"Statement": allow({"AWS": ROOT})}, ACCOUNT, BOTH) == KeyAccess()


def test_not_action_covers_everything_else() -> None:
    excluding = {**allow({"AWS": ROOT}), "NotAction": DECRYPT}
    del excluding["Action"]
    assert key_access({"Statement": [excluding]}, ACCOUNT, BOTH) == KeyAccess(missing=(DECRYPT,))


def test_the_statement_to_add_fixes_the_policy() -> None:
    added = json.loads(statement("aws-cn", ACCOUNT, BOTH))
    assert added["Principal"] == {"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"}
    assert key_access({"Statement": [added]}, ACCOUNT, BOTH) == KeyAccess()
