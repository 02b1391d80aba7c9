"""Amazon S3: owners, names, sizes, and keys of objects. Its XML is not read against a model, so it is here.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.services import iam, s3

from ops.embedded.context import OverlayContext
from ops.embedded.limits import keys
from ops.embedded.limits.problems import Problem

SEAMS = (
    "ministack.app.extract_access_key_id",
    "ministack.services.iam._roles",
    "ministack.services.iam._users",
    "ministack.services.s3._bucket_default_sse_headers",
    "ministack.services.s3._bucket_owner_account",
    "ministack.services.s3._buckets",
    "ministack.services.s3._dispatch",
    "ministack.services.s3._error",
)
PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
KEY_BYTES, METADATA_BYTES, POLICY_BYTES = 1024, 2048, 20 * 1024
DELETED, PARTS = 1000, 10_000
_SSE, _KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(?:.*/)?([^/]+)")
_CODES = {"missing": ("KMS.NotFoundException", 400), "disabled": ("KMS.DisabledException", 400)}

Headers = Mapping[str, str]
Query = Mapping[str, Any]


def install(context: OverlayContext) -> None:
    dispatch = s3._dispatch

    def checked(
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        for problem in _problems(method, bucket, key, headers, body, query):
            return s3._error(problem.code, problem.message, problem.status, f"/{bucket}/{key}")
        return dispatch(method, bucket, key, headers, body, query)

    s3._dispatch = checked


def _problems(
    method: str, bucket: str, key: str, headers: Headers, body: bytes, query: Query
) -> Iterator[Problem]:
    if not bucket:
        return
    if method == "PUT" and not key and not query:
        yield from _name(bucket)
        return
    yield from _owners(bucket, headers)
    if key:
        yield from _object(method, key, headers, query)
        yield from _encryption(method, bucket, key, headers, query)
    elif method == "POST" and "delete" in query and body.count(b"<Object>") > DELETED:
        yield Problem("MalformedXML", "The XML you provided was not well-formed or did not validate.")
    elif method == "PUT" and "policy" in query:
        yield from _policy(bucket, body)
    elif method == "PUT" and "lifecycle" in query:
        for rule in re.findall(rb"<Rule>.*?</Rule>", body, re.DOTALL):
            if not re.search(
                rb"<(Noncurrent\w+|Transition|Expiration|AbortIncompleteMultipartUpload)>", rule
            ):
                yield Problem("InvalidRequest", "At least one action needs to be specified in a rule.")


def _name(bucket: str) -> Iterator[Problem]:
    if bucket.startswith(PREFIXES) or bucket.endswith(SUFFIXES):
        yield Problem("InvalidBucketName", "The specified bucket is not valid.")


def _owners(bucket: str, headers: Headers) -> Iterator[Problem]:
    """Yield a bucket, or the bucket of a copy's source, that is not the expected owner's."""
    source = unquote(headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")[0]
    for name, expected in (
        (bucket, headers.get("x-amz-expected-bucket-owner")),
        (source, headers.get("x-amz-source-expected-bucket-owner")),
    ):
        owner = s3._bucket_owner_account(name) if name and expected else None
        if owner and owner != expected:
            yield Problem("AccessDenied", "Access Denied", 403)


def _object(method: str, key: str, headers: Headers, query: Query) -> Iterator[Problem]:
    if len(key.encode()) > KEY_BYTES:
        yield Problem("KeyTooLongError", "Your key is too long")
    if method not in ("PUT", "POST"):
        return
    metadata = {name[11:]: value for name, value in headers.items() if name.startswith("x-amz-meta-")}
    if sum(len(text.encode()) for pair in metadata.items() for text in pair) > METADATA_BYTES:
        yield Problem("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
    number = str(_first(query.get("partNumber", "1")))
    if not (number.isdigit() and 1 <= int(number) <= PARTS):
        yield Problem("InvalidArgument", f"Part number must be an integer between 1 and {PARTS}, inclusive")


def _encryption(method: str, bucket: str, key: str, headers: Headers, query: Query) -> Iterator[Problem]:
    """Yield a KMS key that the caller cannot read or write the object with."""
    if source := unquote(headers.get("x-amz-copy-source", "")).lstrip("/"):
        name, _, path = source.partition("/")
        yield from _unusable(_key_of(name, path.partition("?")[0]), "kms:Decrypt", headers, query)
    writes = method == "PUT" and not query.keys() - {"x-id", "versionId"}
    if writes or (method == "POST" and "uploads" in query):
        given = headers if headers.get(_SSE) else s3._bucket_default_sse_headers(bucket)
        used = given.get(_KEY, "") if given.get(_SSE) == "aws:kms" else ""
        yield from _unusable(used, "kms:GenerateDataKey", headers, query)
    elif method == "GET" and not query.keys() - {"x-id", "versionId", "partNumber"}:
        yield from _unusable(_key_of(bucket, key), "kms:Decrypt", headers, query)


def _key_of(bucket: str, key: str) -> str:
    """Return the KMS key that the object is encrypted with, or an empty string."""
    record = (s3._buckets.get(bucket) or {}).get("objects", {}).get(key) or {}
    stored = record.get("preserved_headers", {})
    return str(stored.get(_KEY, "")) if stored.get(_SSE) == "aws:kms" else ""


def _unusable(key: str, action: str, headers: Headers, query: Query) -> Iterator[Problem]:
    access_key = app.extract_access_key_id(headers, query)
    if key and (found := keys.problem(key, action, "s3", access_key)):
        code, status = _CODES.get(found.kind, ("AccessDenied", 403))
        yield Problem(code, found.message, status)


def _policy(bucket: str, body: bytes) -> Iterator[Problem]:
    try:
        policy = json.loads(body)
        statements = policy["Statement"]
    except (ValueError, KeyError, TypeError):
        yield Problem("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
        return
    if len(body) > POLICY_BYTES:
        yield Problem("MalformedPolicy", f"Bucket policies have at most {POLICY_BYTES} bytes")
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        for arn in _list(principal.get("AWS") if isinstance(principal, dict) else None):
            match = _ROLE.fullmatch(str(arn))
            records = iam._roles if match and match[2] == "role" else iam._users
            if match and records.get_scoped(match[1], None, match[3]) is None:
                yield Problem("MalformedPolicy", "Invalid principal in policy")
        for action in [*_list(statement.get("Action")), *_list(statement.get("NotAction"))]:
            if not re.fullmatch(r"s3:[A-Za-z*?]+|\*", str(action)):
                yield Problem("MalformedPolicy", "Policy has invalid action")
        for resource in [*_list(statement.get("Resource")), *_list(statement.get("NotResource"))]:
            own = re.fullmatch(r"arn:aws[a-z-]*:s3:::([^/]*)(/.*)?", str(resource))
            if not own or not fnmatchcase(bucket, own[1]):
                yield Problem("MalformedPolicy", "Policy has invalid resource")


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value
