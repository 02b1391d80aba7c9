"""The files and images that a single template refers to by name, and its macros.

`aws cloudformation package` writes bucket and key, `s3://bucket/key`, or an HTTPS address; the CDK writes
bucket and key with the account and region of the stack. The text is searched, not parsed, because a template
can be YAML with CloudFormation's short forms.
"""

import re

from ops.rollouts.rules.app.model import FileAsset, ImageAsset

_VALUE = r"""["']?\s*:\s*(?:\{?\s*["']?Fn::Sub["']?\s*:\s*|!Sub\s+)?["']?"""
_NAME = r"""((?:\$\{AWS::\w+\}|[^"'\s,}{$])+)"""
_NEXT = r"""["']?\s*\}?\s*,?\s*["']?"""
_BUCKET_KEY = re.compile(f"S3Bucket{_VALUE}{_NAME}{_NEXT}S3Key{_VALUE}{_NAME}")
_KEY_BUCKET = re.compile(f"S3Key{_VALUE}{_NAME}{_NEXT}S3Bucket{_VALUE}{_NAME}")
_CODE = re.compile(f"(?:CodeUri|ContentUri){_VALUE}s3://([^/\"'\\s]+)/{_NAME}")
_URI = re.compile(f"s3://([a-z0-9][-.a-z0-9]+)/{_NAME}")
# Path style and virtual-hosted style: Amazon S3 User Guide, "Methods for accessing a bucket".
_PATH = re.compile(rf"https://s3[-.a-z0-9]*\.amazonaws\.com(?:\.cn)?/([-.a-z0-9]+)/{_NAME}")
_HOST = re.compile(rf"https://([-.a-z0-9]+?)\.s3[-.a-z0-9]*\.amazonaws\.com(?:\.cn)?/{_NAME}")
_IMAGE = re.compile(
    r"(\d{12})\.dkr\.ecr\.([-a-z0-9]+)\.amazonaws\.com(?:\.cn)?/([-._/a-z0-9]+)"
    r"(?::([-.\w]+)|@(sha256:[0-9a-f]{64}))"
)
_MACRO = re.compile(r"""(?:^|[{,])\s*["']?Transform["']?\s*:|Fn::Transform|!Transform""", re.MULTILINE)


def packaged_files(template: str) -> tuple[FileAsset, ...]:
    """Return the S3 objects that the template names; those with a function's code are `local`."""
    code = [*_BUCKET_KEY.findall(template), *((b, k) for k, b in _KEY_BUCKET.findall(template))]
    code += _CODE.findall(template)
    others = [found for pattern in (_URI, _PATH, _HOST) for found in pattern.findall(template)]
    files = {(bucket, key): False for bucket, key in others} | dict.fromkeys(code, True)
    return tuple(FileAsset("", bucket, key, local=local) for (bucket, key), local in files.items())


def packaged_images(template: str) -> tuple[ImageAsset, ...]:
    """Return the images in Amazon ECR that the template names."""
    return tuple(
        ImageAsset(repository, tag or digest, "", region, account)
        for account, region, repository, tag, digest in dict.fromkeys(_IMAGE.findall(template))
    )


def has_macros(template: str) -> bool:
    """Return whether CloudFormation expands the template with a macro, such as that of AWS SAM."""
    return bool(_MACRO.search(template))
