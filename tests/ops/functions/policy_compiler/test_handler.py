"""The custom resource that compiles a policy: forms of the policy, prefixes, and failures."""

import json
from typing import Any

import pytest

from ops.functions.policy_compiler import handler as compiler
from ops.snapshots.script_files import POLICY_FILE

TABLES = {"tables": {"customers": {"id": "keep", "email": "fake email", "engine": "keep"}}}
TOML = '[tables.customers]\nid = "keep"\nemail = "fake email"\nengine = "keep"\n'


class Bucket:
    """The objects of a bucket, and the responses to CloudFormation."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.responses: list[tuple[str, str, str]] = []

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Key]

    def get_paginator(self, name: str) -> "Bucket":
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Any:  # noqa: N803
        assert Prefix.startswith("snapshots/"), "the role allows no other prefix"
        yield {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def respond(self, request: Any, status: str, physical_id: str, reason: str = "") -> None:
        self.responses.append((status, physical_id, reason))

    def request(
        self, kind: str, policy: str, *, engine: str = "postgres", **more: str
    ) -> tuple[str, str, str]:
        properties = {"Bucket": "b", "Database": "shop", "Engine": engine, "Method": "in place"}
        compiler.handler(
            {"RequestType": kind, "ResourceProperties": {**properties, "Policy": policy}, **more}, None
        )
        return self.responses[-1]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    bucket = Bucket()
    monkeypatch.setattr(compiler, "s3", bucket)
    monkeypatch.setattr(compiler, "respond", bucket.respond)
    return bucket


@pytest.mark.parametrize("engine", ["postgres", "mysql"])
def test_json_on_one_line_and_toml_give_the_same_scripts(bucket: Bucket, engine: str) -> None:
    bucket.request("Create", TOML, engine=engine)
    from_toml = dict(bucket.objects)
    bucket.objects.clear()
    status, prefix, _ = bucket.request("Create", json.dumps(TABLES), engine=engine)
    assert status == "SUCCESS" and set(bucket.objects) == {
        f"{prefix}/{name.rpartition('/')[2]}" for name in from_toml
    }
    policies = [bucket.objects.pop(f"{prefix}/{POLICY_FILE}").decode()]
    policies += [text.decode() for name, text in from_toml.items() if name.endswith(POLICY_FILE)]
    assert all(policy.startswith(f'engine = "{engine}"') for policy in policies)
    scripts = {text for name, text in from_toml.items() if not name.endswith(POLICY_FILE)}
    assert set(bucket.objects.values()) == scripts


def test_a_policy_continues_in_the_next_parameter() -> None:
    text = json.dumps(TABLES)
    parts = {"Policy": text[:20], "PolicyPart2": text[20:50], "PolicyPart3": text[50:]}
    assert compiler.policy_text({**parts, "Engine": "postgres"}) == compiler.policy_text(
        {"Policy": text, "Engine": "postgres"}
    )


def test_a_deletion_deletes_the_scripts_of_its_prefix_only(bucket: Bucket) -> None:
    _, first, _ = bucket.request("Create", TOML)
    _, second, _ = bucket.request("Update", TOML + 'phone = "null"\n', PhysicalResourceId=first)
    bucket.objects["snapshots/shop/reports/run.json"] = b"{}"
    assert first != second
    bucket.request("Delete", TOML, PhysicalResourceId=first)
    assert {key.rpartition("/")[0] for key in bucket.objects} == {second, "snapshots/shop/reports"}


def test_a_creation_that_failed_deletes_nothing(bucket: Bucket) -> None:
    bucket.request("Create", TOML)
    objects = dict(bucket.objects)
    assert bucket.request("Delete", "", PhysicalResourceId=compiler.NOTHING)[0] == "SUCCESS"
    assert bucket.objects == objects


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ('engine = "mysql"', "The policy is for mysql, but the parameter Engine is postgres."),
        ("[tables", "line 1"),
        ('[tables.customers]\nid = "kep"', "tables.customers.id"),
    ],
)
def test_a_wrong_policy_fails_the_stack_with_its_reason(bucket: Bucket, policy: str, reason: str) -> None:
    status, prefix, words = bucket.request("Update", policy, PhysicalResourceId="snapshots/shop/before")
    assert (status, prefix) == ("FAILED", "snapshots/shop/before")
    assert reason in words and bucket.objects == {}
