"""Replaces the AWS CLI in tasks on the embedded cloud: `aws s3 cp` in both directions, nothing else."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError

QUIET = ("--only-show-errors", "--quiet")
FLAGS = (*QUIET, "--no-progress", "--recursive")
USAGE = "aws s3 cp [--recursive] [--only-show-errors|--quiet|--no-progress] SOURCE TARGET"


class UnsupportedCommand(Exception):
    """A command that the AWS CLI supports and this program does not."""


def main(arguments: list[str]) -> int:
    try:
        pairs, quiet = _parse(arguments)
        for source, target in pairs:
            _copy(source, target)
            if not quiet:
                print(f"copied: {source} to {target}", flush=True)
    except UnsupportedCommand as error:
        print(f"aws: the embedded cloud supports only: {USAGE}\n{error}", file=sys.stderr)
        return 252
    except (Boto3Error, BotoCoreError, ClientError, OSError) as error:
        print(f"fatal error: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: list[str]) -> tuple[Iterator[tuple[str, str]], bool]:
    if arguments[:2] != ["s3", "cp"]:
        raise UnsupportedCommand(f"Unsupported command: aws {' '.join(arguments)}")
    flags = [word for word in arguments[2:] if word.startswith("-")]
    paths = [word for word in arguments[2:] if not word.startswith("-")]
    if unknown := [flag for flag in flags if flag not in FLAGS]:
        raise UnsupportedCommand(f"Unsupported option: {unknown[0]}")
    if len(paths) != 2 or _is_remote(paths[0]) == _is_remote(paths[1]):
        raise UnsupportedCommand("Specify one s3:// URI and one local path.")
    pairs = _tree(*paths) if "--recursive" in flags else iter([_file(*paths)])
    return pairs, any(flag in QUIET for flag in flags)


def _is_remote(path: str) -> bool:
    return path.startswith("s3://")


def _split(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _file(source: str, target: str) -> tuple[str, str]:
    """Return source and target of one file; if the target is a folder, append the source's name."""
    name = source.rsplit("/", 1)[-1]
    if target.endswith("/") or (not _is_remote(target) and Path(target).is_dir()):
        return source, f"{target.rstrip('/')}/{name}"
    return source, target


def _tree(source: str, target: str) -> Iterator[tuple[str, str]]:
    target = target.rstrip("/")
    if not _is_remote(source):
        for path in sorted(Path(source).rglob("*")):
            if path.is_file():
                yield str(path), f"{target}/{path.relative_to(source).as_posix()}"
        return
    bucket, prefix = _split(source)
    prefix = prefix and prefix.rstrip("/") + "/"
    for page in _s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):
                yield f"s3://{bucket}/{item['Key']}", f"{target}/{item['Key'].removeprefix(prefix)}"


def _copy(source: str, target: str) -> None:
    if _is_remote(source):
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        _s3().download_file(*_split(source), str(path))
    else:
        _s3().upload_file(source, *_split(target))


def _s3() -> Any:
    if "s3" in os.environ.get("SLIPWAY_UNREACHABLE_SERVICES", "").split():
        raise ConnectTimeoutError(endpoint_url=f"https://s3.{os.environ['AWS_REGION']}.amazonaws.com/")
    return boto3.client("s3")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
