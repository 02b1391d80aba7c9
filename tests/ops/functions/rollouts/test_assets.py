"""The assets of a target: copied once, with the role of the manifest, and never taken for granted."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.functions.rollouts import assets, preview, store, targets
from ops.functions.rollouts.aws import TargetFailed
from ops.functions.rollouts.recorded import RecordedStack
from ops.rollouts.rules.app.model import AppStack, FileAsset, ImageAsset
from ops.rollouts.rules.decisions import TargetState
from ops.rollouts.rules.document import Document

A, REGION = "111111111111", "eu-west-1"
BUCKET = f"cdk-q-assets-{A}-{REGION}"
ROLE = f"arn:aws:iam::{A}:role/cdk-q-file-publishing-role-{A}-{REGION}"
FILE = FileAsset(
    "assets/a.zip",
    "cdk-q-assets-${AWS::AccountId}-${AWS::Region}",
    "a.zip",
    role="arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-q-file-publishing-role-${AWS::AccountId}-${AWS::Region}",
)
IMAGE = ImageAsset("cdk-q-images-${AWS::AccountId}", "0a", "cdk.out/Shop.assets.json")
SHOP = AppStack(
    "Shop", "Prod/Shop", "shop", "t1", files=(FILE,), bootstrap=6, bootstrap_parameter="/cdk/version"
)
TEXT = f"""[what]
assembly = "cdk.out"
[evidence]
none = "a test"
[[stage]]
where = {{ accounts = ["{A}"], regions = ["{REGION}"] }}
bake = "1h"
"""
EVENT = {"run": "shop-1", "target": f"{A}/{REGION}/shop"}


def error(code: str, operation: str = "an operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "a test"}}, operation)


@dataclass
class Account:
    """Buckets, parameters, and images of the target's account, and who did what to them."""

    objects: dict[str, bytes] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=lambda: {BUCKET: REGION})
    version: str = "21"
    images: tuple[str, ...] = ("0a",)
    denied: tuple[str, ...] = ()  # roles that may not be assumed, or that have no access
    loses: bool = False
    calls: list[tuple[str, str]] = field(default_factory=list)

    def client(self, service: str, account: str, region: str, role: str = "target") -> "Client":
        if role in self.denied and role != "target":
            raise error("AccessDenied", "AssumeRole")
        return Client(self, role)


@dataclass
class Client:
    """A client in one of the roles."""

    account: Account
    role: str

    def _check(self, bucket: str) -> None:
        if self.role in self.account.denied:
            raise error("403")
        if bucket not in self.account.buckets:
            raise error("404")

    def head_bucket(self, Bucket: str) -> dict[str, str]:  # noqa: N803
        self._check(Bucket)
        return {"BucketRegion": self.account.buckets[Bucket]}

    def head_object(self, Bucket: str, Key: str) -> dict[str, int]:  # noqa: N803
        self._check(Bucket)
        if Key not in self.account.objects:
            raise error("404")
        return {"ContentLength": len(self.account.objects[Key])}

    def upload_fileobj(self, body: Any, bucket: str, key: str) -> None:
        self._check(bucket)
        self.account.calls.append((self.role, key))
        self.account.objects[key] = body.read()[: 1 if self.account.loses else None]

    def get_parameter(self, Name: str) -> dict[str, Any]:  # noqa: N803
        if not self.account.version:
            raise error("ParameterNotFound")
        return {"Parameter": {"Value": self.account.version}}

    def describe_images(self, **asked: Any) -> None:
        if "denied" in self.account.images:
            raise error("AccessDeniedException")
        (image,) = asked["imageIds"]
        if image.get("imageTag", image.get("imageDigest")) not in self.account.images:
            raise error("ImageNotFoundException")


class Staged:
    """The controller's bucket."""

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert (Bucket, Key) == ("central", "assets/a.zip")
        return {"Body": io.BytesIO(b"content"), "ContentLength": 7}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setenv("PARTITION", "aws")
    monkeypatch.setenv("BUCKET", "central")
    monkeypatch.setattr(assets, "target_client", made.client)
    monkeypatch.setattr(
        assets,
        "client_in_role",
        lambda service, account, region, role, id_: made.client(service, account, region, role),
    )
    monkeypatch.setattr(assets, "central_client", lambda service: Staged())
    return made


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The run's items in the table."""
    items: dict[str, Any] = {}

    def put(run: str, item: str, values: dict[str, Any], *, new: bool = False) -> bool:
        known = item in items
        items.setdefault(item, values)
        return not known

    monkeypatch.setattr(store, "put", put)
    monkeypatch.setattr(store, "append_log", lambda run, did, **more: items.setdefault("log", []).append(did))
    monkeypatch.setattr(
        store, "list_items", lambda run, prefix: [{"item": name} for name in items if name.startswith(prefix)]
    )
    yield items


def use(monkeypatch: pytest.MonkeyPatch, stack: AppStack, **known: str) -> Document:
    document = Document("shop-1", "shop.toml", TEXT, {}, "", "Ada", divided=True, stacks=(stack,))
    target = document.targets[EVENT["target"]][1]
    monkeypatch.setattr(targets, "load_target", lambda event: (document, target, dict(known)))
    return document


def test_a_file_is_copied_once_with_the_role_of_the_manifest(
    monkeypatch: pytest.MonkeyPatch, account: Account, published: dict[str, Any]
) -> None:
    document = use(monkeypatch, SHOP)
    assert [target.id for target in assets.unpublished(document, 0)] == [EVENT["target"]]
    for _ in range(2):  # the second as after a lost answer
        assets.publish(EVENT)
    assert account.objects == {"a.zip": b"content"} and account.calls == [(ROLE, "a.zip")]
    assert assets.unpublished(document, 0) == () and published["log"] == ["published"]


def test_the_target_role_copies_where_the_role_cannot_be_assumed(
    monkeypatch: pytest.MonkeyPatch, account: Account, published: dict[str, Any]
) -> None:
    use(monkeypatch, SHOP)
    account.denied = (ROLE,)
    assets.publish(EVENT)
    assert account.calls == [("target", "a.zip")]


def test_a_target_that_failed_or_was_started_is_not_published(
    monkeypatch: pytest.MonkeyPatch, account: Account, published: dict[str, Any]
) -> None:
    document = use(monkeypatch, SHOP, state=TargetState.FAILED)
    assert assets.publish(EVENT) == {} and account.calls == []
    published[f"target {EVENT['target']}"] = {"state": TargetState.FAILED}
    assert assets.unpublished(document, 0) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"buckets": {}}, f"bucket {BUCKET}.* does not exist. Run: cdk bootstrap aws://{A}/{REGION}"),
        ({"denied": (ROLE, "target")}, f"access to the bucket {BUCKET} is denied. Deploy the roles again"),
        ({"version": ""}, f"aws://{A}/{REGION} is not bootstrapped"),
        ({"version": "5"}, "has version 5, and Prod/Shop needs 6. Run: cdk bootstrap"),
        ({"version": "x"}, "has version x, and Prod/Shop needs 6"),
        ({"loses": True}, f"s3://{BUCKET}/a.zip is not there after it was copied, or is incomplete"),
        (
            {"images": ()},
            "image cdk-q-images-1{12}:0a does not exist .* npx cdk-assets publish --path cdk.out/S",
        ),
        ({"images": ("denied",)}, "access to the image cdk-q-images-1{12} in eu-west-1 is denied"),
    ],
    ids=[
        "no bucket",
        "denied",
        "not bootstrapped",
        "old",
        "unreadable",
        "incomplete",
        "no image",
        "image denied",
    ],
)
def test_what_is_missing_fails_the_target_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
    published: dict[str, Any],
    change: dict[str, Any],
    message: str,
) -> None:
    use(monkeypatch, replace(SHOP, images=(IMAGE,)))
    for name, value in change.items():
        setattr(account, name, value)
    with pytest.raises(TargetFailed, match=message):
        assets.publish(EVENT)
    assert published == {}


def packaged(account: Account, template: str) -> tuple[list[str], list[str]]:
    document = Document("shop-1", "shop.toml", TEXT, {}, "", "Ada", divided=True, stacks=(SHOP,))
    return assets.missing_for_template(document.targets[EVENT["target"]][1], template)


def test_the_files_of_a_packaged_template_exist_in_the_targets_region(account: Account) -> None:
    template = "CodeUri: s3://code/a.zip\nTemplateURL: https://s3.amazonaws.com/code/n.json\n"
    account.buckets, account.objects = {"code": REGION}, {"a.zip": b"", "n.json": b""}
    assert packaged(account, template) == ([], [])
    account.objects = {"a.zip": b""}
    assert packaged(account, template)[0] == [
        "s3://code/n.json does not exist: upload it, or package the template again"
    ]
    account.buckets, account.objects = {"code": "us-east-1"}, {"a.zip": b"", "n.json": b""}
    (elsewhere,) = packaged(account, template)[0]
    assert "bucket code is in us-east-1, and Lambda reads code only from its own region" in elsewhere
    account.denied = ("target",)
    assert packaged(account, template)[0] == [] and len(packaged(account, template)[1]) == 2


def test_an_image_of_a_packaged_template_is_looked_for_in_its_registry(account: Account) -> None:
    image = f"222222222222.dkr.ecr.eu-west-1.amazonaws.com/api@sha256:{'0a' * 32}"
    (missing,) = packaged(account, f"Image: {image}\n")[0]
    assert f"api@sha256:{'0a' * 32} does not exist in the registry of 222222222222, eu-west-1" in missing


def test_a_preview_copies_files_only_for_nested_stacks(
    monkeypatch: pytest.MonkeyPatch, account: Account
) -> None:
    had_role = RecordedStack(True, role="arn:role")
    for template, copied in (('{"Type": "AWS::SNS::Topic"}', 0), ('"AWS::CloudFormation::Stack"', 1)):
        document = use(monkeypatch, SHOP)
        monkeypatch.setattr(store, "template", lambda run, name, text=template: text)
        assert preview._needs(document, document.targets[EVENT["target"]][1], had_role) == ([], [])
        assert len(account.calls) == copied
