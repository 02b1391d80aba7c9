"""Amazon S3: owners, names, sizes, and policies."""

import json
from typing import Any

import pytest
from botocore.handlers import validate_bucket_name

from tests.conformance.callers import Account, allow, error, unique

HERE = {"LocationConstraint": "eu-west-1"}


def bucket(account: Account) -> str:
    name = unique("limits")
    account.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=HERE)
    return name


OWNED: list[Any] = [
    pytest.param("put_object", {"Key": "k", "Body": b"x"}, id="put"),
    pytest.param("get_object", {"Key": "existing"}, id="get"),
    pytest.param("list_objects_v2", {}, id="list"),
    pytest.param("delete_object", {"Key": "existing"}, id="delete"),
    pytest.param("get_bucket_tagging", {}, id="tags"),
    pytest.param("head_bucket", {}, id="head"),
]


@pytest.mark.parametrize(("operation", "given"), OWNED)
def test_an_expected_owner_is_compared(account: Account, operation: str, given: dict[str, Any]) -> None:
    """A request that names an expected bucket owner is denied if the bucket is somebody else's.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    s3, name = account.client("s3"), bucket(account)
    s3.put_object(Bucket=name, Key="existing", Body=b"x")
    call = getattr(s3, operation)
    code, _ = error(call, Bucket=name, ExpectedBucketOwner=account.other().id, **given)
    assert code in ("AccessDenied", "403")
    if operation != "get_bucket_tagging":  # there are none
        call(Bucket=name, ExpectedBucketOwner=account.id, **given)


def test_the_expected_owner_of_a_source_is_compared(account: Account) -> None:
    """A copy that names an expected owner of its source is denied if the source is somebody else's.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    s3, name = account.client("s3"), bucket(account)
    s3.put_object(Bucket=name, Key="from", Body=b"x")
    copy = {"Bucket": name, "Key": "to", "CopySource": {"Bucket": name, "Key": "from"}}
    denied = error(s3.copy_object, ExpectedSourceBucketOwner=account.other().id, **copy)
    assert denied[0] == "AccessDenied"
    s3.copy_object(ExpectedSourceBucketOwner=account.id, **copy)


@pytest.mark.parametrize("name", ["xn--bucket", "sthree-bucket", "amzn-s3-demo-b", "b-s3alias", "b--ol-s3"])
def test_names_of_buckets_have_reserved_parts(account: Account, name: str) -> None:
    """Some prefixes and suffixes of bucket names are reserved.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    s3 = account.client("s3")
    s3.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    code, _ = error(s3.create_bucket, Bucket=name, CreateBucketConfiguration=HERE)
    assert code == "InvalidBucketName"


LARGE: list[Any] = [
    pytest.param({"Key": "\N{SNOWMAN}" * 342}, "KeyTooLongError", id="key"),
    pytest.param({"Key": "k", "Metadata": {"note": "x" * 2045}}, "MetadataTooLarge", id="metadata"),
]


@pytest.mark.parametrize(("given", "code"), LARGE)
def test_keys_and_metadata_have_limits(account: Account, given: dict[str, Any], code: str) -> None:
    """An object's key has at most 1,024 bytes, and its metadata 2 KB.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    """
    s3, name = account.client("s3"), bucket(account)
    assert error(s3.put_object, Bucket=name, Body=b"x", **given)[0] == code


def test_a_request_deletes_a_thousand_objects(account: Account) -> None:
    """A request deletes at most 1,000 objects.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    s3, name = account.client("s3"), bucket(account)
    keys = [{"Key": str(number)} for number in range(1001)]
    s3.delete_objects(Bucket=name, Delete={"Objects": keys[:1000]})
    assert error(s3.delete_objects, Bucket=name, Delete={"Objects": keys})[0] == "MalformedXML"


@pytest.mark.parametrize("number", [0, 10_001])
def test_an_upload_has_ten_thousand_parts(account: Account, number: int) -> None:
    """The parts of an upload are numbered from 1 to 10,000.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    """
    s3, name = account.client("s3"), bucket(account)
    id_ = s3.create_multipart_upload(Bucket=name, Key="k")["UploadId"]
    code, message = error(s3.upload_part, Bucket=name, Key="k", UploadId=id_, PartNumber=number, Body=b"x")
    assert code == "InvalidArgument" and "between 1 and 10000" in message


POLICIES: list[Any] = [
    pytest.param({}, "valid JSON", id="no statement"),
    pytest.param({"Principal": {"AWS": "arn:aws:iam::{id}:role/none"}}, "Invalid principal", id="principal"),
    pytest.param({"Action": "sqs:SendMessage"}, "invalid action", id="action"),
    pytest.param({"Resource": "arn:aws:s3:::another/*"}, "invalid resource", id="resource"),
]


@pytest.mark.parametrize(("wrong", "said"), POLICIES)
def test_a_bucket_policy_is_valid(account: Account, wrong: dict[str, Any], said: str) -> None:
    """A bucket policy has principals that exist, actions of Amazon S3, and resources of the bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
    """
    s3, name = account.client("s3"), bucket(account)
    statement = {
        **allow("s3:GetObject", f"arn:aws:s3:::{name}/*"),
        "Principal": {"AWS": account.id},
        **wrong,
    }
    policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [statement]}
    text = json.dumps(policy if wrong else {"Version": "2012-10-17"}).replace("{id}", account.id)
    code, message = error(s3.put_bucket_policy, Bucket=name, Policy=text)
    assert code == "MalformedPolicy" and said in message
    policy["Statement"] = [{**statement, **{key: value for key, value in valid(account, name).items()}}]
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def valid(account: Account, name: str) -> dict[str, Any]:
    return {
        "Principal": {"AWS": account.role("lambda.amazonaws.com")},
        "Action": ["s3:Get*", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }


def test_a_lifecycle_rule_has_an_action(account: Account) -> None:
    """A rule of a lifecycle configuration has at least one action.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    """
    put, name = account.client("s3").put_bucket_lifecycle_configuration, bucket(account)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}
    configuration = {"Rules": [{**rule, "Expiration": {"Days": 1}}, {**rule, "ID": "s"}]}
    assert error(put, Bucket=name, LifecycleConfiguration=configuration)[0] == "InvalidRequest"
    put(Bucket=name, LifecycleConfiguration={"Rules": configuration["Rules"][:1]})
