"""KMS keys that a service uses for its caller."""

import json
from typing import Any

import pytest

from tests.conformance.callers import Account, Statement, allow, error, unique
from tests.conformance.test_limits_rds import instance
from tests.conformance.test_limits_s3 import bucket

S3, RDS = allow("s3:*"), allow("rds:*")
VIA_S3 = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
VIA_RDS = {"StringEquals": {"kms:ViaService": "rds.eu-west-1.amazonaws.com"}}


def key(account: Account) -> str:
    return str(account.client("kms").create_key()["KeyMetadata"]["Arn"])


def encrypted(account: Account, key_: str) -> dict[str, str]:
    """Put an object that the key encrypts; return its bucket and key."""
    where = {"Bucket": bucket(account), "Key": "secret"}
    account.client("s3").put_object(**where, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key_)
    return where


def test_an_encrypted_object_is_read_with_its_key(account: Account) -> None:
    """An object that a KMS key encrypts is read and copied with `kms:Decrypt` on the key.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    where = encrypted(account, own := key(account))
    without = account.caller(S3).client("s3")
    code, message = error(without.get_object, **where)
    assert code == "AccessDenied"
    assert f"is not authorized to perform: kms:Decrypt on resource: {own}" in message
    code, _ = error(without.copy_object, Bucket=where["Bucket"], Key="copy", CopySource=where)
    assert code == "AccessDenied"
    via: Statement = allow("kms:Decrypt", own, **VIA_S3)
    assert account.caller(S3, via).client("s3").get_object(**where)["Body"].read() == b"x"
    without.head_object(**where)


@pytest.mark.parametrize("default", [True, False])
def test_an_object_is_encrypted_with_permission_for_the_key(account: Account, default: bool) -> None:
    """An object is encrypted with `kms:GenerateDataKey` on the key, also on that of the bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    own, name = key(account), bucket(account)
    encryption: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": own}
    if default:
        rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": own}
        account.client("s3").put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
        )
        encryption = {}
    put = {"Bucket": name, "Key": "k", "Body": b"x", **encryption}
    code, message = error(account.caller(S3).client("s3").put_object, **put)
    assert code == "AccessDenied" and "kms:GenerateDataKey" in message
    account.caller(S3, allow("kms:GenerateDataKey", own)).client("s3").put_object(**put)


def test_a_key_policy_denies_its_use(account: Account) -> None:
    """The key's policy must allow the use as well, for its account or for the caller.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
    """
    kms = account.client("kms")
    where = encrypted(account, own := key(account))
    other = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account.other().id}:root"}}
    kms.put_key_policy(
        KeyId=own,
        PolicyName="default",
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [other]}),
        BypassPolicyLockoutSafetyCheck=True,
    )
    reader = account.caller(S3, allow("kms:*")).client("s3")
    assert error(reader.get_object, **where)[0] == "AccessDenied"


def test_a_key_is_used_while_it_is_enabled(account: Account) -> None:
    """What a key encrypts is read only while the key is enabled, and written only with a key that exists.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
    """
    where = encrypted(account, own := key(account))
    s3, kms = account.client("s3"), account.client("kms")
    kms.disable_key(KeyId=own)
    assert error(s3.get_object, **where)[0] == "KMS.DisabledException"
    kms.enable_key(KeyId=own)
    s3.get_object(**where)
    missing = f"{own[:-12]}000000000000"
    put = {**where, "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": missing}
    assert error(s3.put_object, **put)[0] == "KMS.NotFoundException"


def test_an_encrypted_database_needs_its_key(account: Account) -> None:
    """A database is created, restored, and copied with permission for the KMS key that encrypts it.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
    """
    rds, own = account.client("rds"), key(account)
    without = account.caller(RDS).client("rds")
    may = account.caller(RDS, allow(["kms:CreateGrant", "kms:Decrypt"], own, **VIA_RDS)).client("rds")
    given = instance(StorageEncrypted=True, KmsKeyId=own)
    name, snapshot = given["DBInstanceIdentifier"], unique("snapshot")
    not_accessible = "KMSKeyNotAccessibleFault"
    assert error(without.create_db_instance, **given)[0] == not_accessible
    may.create_db_instance(**given)
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 1})
    rds.create_db_snapshot(DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snapshot, WaiterConfig={"Delay": 1})
    restore = {"DBInstanceIdentifier": unique("restored"), "DBSnapshotIdentifier": snapshot}
    copy = {"SourceDBSnapshotIdentifier": snapshot, "TargetDBSnapshotIdentifier": unique("copy")}
    for operation, arguments in (
        ("restore_db_instance_from_db_snapshot", restore),
        ("copy_db_snapshot", {**copy, "KmsKeyId": own}),
    ):
        assert error(getattr(without, operation), **arguments)[0] == not_accessible
        getattr(may, operation)(**arguments)
    account.client("kms").disable_key(KeyId=own)
    again = {**restore, "DBInstanceIdentifier": unique("restored")}
    assert error(may.restore_db_instance_from_db_snapshot, **again)[0] == not_accessible
