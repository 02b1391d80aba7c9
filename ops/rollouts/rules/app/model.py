"""The stacks of a cloud assembly, and what must exist where one is deployed. Frozen data.

AWS CDK, "Cloud assembly schema": manifest.json and the asset manifests, as of aws-cdk-lib 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNKNOWN = ("unknown-account", "unknown-region")  # in the environment of a stack that is bound to neither


@dataclass(frozen=True)
class Location:
    """An account and a region, with what a placeholder of an asset manifest stands for there."""

    partition: str
    account: str
    region: str

    def fill(self, text: str) -> str:
        for name, value in (("Partition", self.partition), ("AccountId", self.account)):
            text = text.replace(f"${{AWS::{name}}}", value)
        return text.replace("${AWS::Region}", self.region)


@dataclass(frozen=True)
class FileAsset:
    """A file, or a folder as a zip file, that a stack reads from a bucket of its account.

    `staged` is its key in the controller's bucket. The other values may have placeholders; `region` is empty
    for that of the target, and `role` is the role that may write to the bucket, if the manifest names one.
    A file of a packaged template is not staged; `local` is whether its bucket must be in the target's region.
    """

    staged: str
    bucket: str
    key: str
    region: str = ""
    role: str = ""
    external_id: str = ""
    local: bool = False


@dataclass(frozen=True)
class ImageAsset:
    """A container image that a stack runs, and the asset manifest that can push it.

    `tag` is a tag, or a digest such as `sha256:…`. `account` is empty for that of the target. Names may have
    placeholders.
    """

    repository: str
    tag: str
    manifest: str = ""
    region: str = ""
    account: str = ""


@dataclass(frozen=True)
class AppStack:
    """A stack of an app. `account` and `region` are empty where it is bound to none.

    `artifact` is unique in the app, and `label` is what `cdk list` prints. `template` is the SHA-256 of the
    template's text, `parameters` are those that it declares. `order` is 0 for a stack that depends on no
    other, or one more than the highest order of those that it depends on: `after`. `bootstrap_parameter` is
    the SSM parameter with the version of the bootstrap stack, `bootstrap` the lowest version that will do.
    """

    artifact: str
    label: str
    name: str
    template: str
    account: str = ""
    region: str = ""
    parameters: Sequence[str] = ()
    after: Sequence[str] = ()
    order: int = 0
    files: Sequence[FileAsset] = ()
    images: Sequence[ImageAsset] = ()
    bootstrap: int = 0
    bootstrap_parameter: str = ""

    @property
    def environment(self) -> str:
        """Return the environment as the CDK writes it."""
        return f"aws://{self.account or UNKNOWN[0]}/{self.region or UNKNOWN[1]}"

    def is_for(self, account: str, region: str) -> bool:
        return self.account in ("", account) and self.region in ("", region)


def app_stack(values: Mapping[str, Any]) -> AppStack:
    """Return the stack from its JSON values."""
    files = tuple(FileAsset(**asset) for asset in values["files"])
    images = tuple(ImageAsset(**asset) for asset in values["images"])
    texts = {name: tuple(values[name]) for name in ("parameters", "after")}
    return AppStack(**{**values, **texts, "files": files, "images": images})
