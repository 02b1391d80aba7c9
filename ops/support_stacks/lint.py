"""Reads a synthesized CDK app: which support stacks would it create, and which mapping avoids them?"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.aws.cloudformation.resources import StackResource
from ops.errors import InputError
from ops.support_stacks.fingerprints import CONSTRUCT, StackKind, stack_kind
from ops.support_stacks.replication import bucket_name

DEPTH = 8  # stages inside stages


@dataclass(frozen=True)
class Finding:
    """A replication bucket that deploying the app would create: in a support stack, or inside another one.

    `pipelines` are the names of the stacks whose pipelines use it.
    """

    stack: str
    account: str
    region: str
    bucket: str
    key: bool
    own_stack: bool
    pipelines: tuple[str, ...]


@dataclass(frozen=True)
class _Stack:
    name: str
    account: str
    region: str
    template: Mapping[str, Any]

    def of(self, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for logical_id, resource in self.template.get("Resources", {}).items():
            if resource.get("Type") == kind:
                yield logical_id, resource.get("Properties", {})


def lint(folder: Path) -> list[Finding]:
    """Every support stack of the app, by region. Raises InputError for a folder that is no cloud assembly."""
    stacks = list(_stacks(folder, DEPTH))
    return sorted(_findings(stacks), key=lambda finding: (finding.region, finding.stack))


def _findings(stacks: list[_Stack]) -> Iterator[Finding]:
    users: dict[str, list[str]] = {}
    for stack in stacks:
        for _, pipeline in stack.of("AWS::CodePipeline::Pipeline"):
            for store in _locations(pipeline):
                users.setdefault(store, []).append(stack.name)
    for stack in stacks:
        resources = [
            StackResource(id, resource.get("Type", ""), "")
            for id, resource in stack.template.get("Resources", {}).items()
        ]
        kind = stack_kind(stack.name, resources)
        for logical_id, properties in stack.of("AWS::S3::Bucket"):
            if CONSTRUCT not in logical_id:
                continue
            name = str(properties.get("BucketName", ""))
            yield Finding(
                stack=stack.name,
                account=stack.account,
                region=stack.region,
                bucket=name,
                key=any(CONSTRUCT in id for id, _ in stack.of("AWS::KMS::Key")),
                own_stack=kind is StackKind.SUPPORT,
                pipelines=tuple(dict.fromkeys(users.get(name, ()))),
            )


def _locations(pipeline: Mapping[str, Any]) -> Iterator[str]:
    """Names of the buckets in other regions: that of the own one is a reference."""
    for item in pipeline.get("ArtifactStores", ()):
        location = item.get("ArtifactStore", {}).get("Location")
        if isinstance(location, str):
            yield location


def _stacks(folder: Path, depth: int) -> Iterator[_Stack]:
    manifest = _read(folder / "manifest.json")
    artifacts = manifest.get("artifacts")
    if not isinstance(artifacts, dict):
        raise InputError(
            f"{folder / 'manifest.json'} is not that of a cloud assembly.",
            hint="Name the folder that `cdk synth` wrote, cdk.out by default.",
        )
    for id, artifact in artifacts.items():
        properties = artifact.get("properties", {})
        if artifact.get("type") == "aws:cloudformation:stack":
            account, _, region = artifact.get("environment", "").removeprefix("aws://").partition("/")
            template = _read(folder / properties["templateFile"])
            yield _Stack(properties.get("stackName", id), account, region, template)
        elif artifact.get("type") == "cdk:cloud-assembly" and depth:
            yield from _stacks(folder / properties["directoryName"], depth - 1)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"There is no {path}.", hint="Run `cdk synth` first, then name the folder that it wrote."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="Run `cdk synth` again.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is not an object.", hint="Run `cdk synth` again.")
    return found


def placeholders(findings: list[Finding]) -> dict[str, dict[str, str]]:
    """The mapping that avoids the findings, as `cdk_code.as_mapping` has it, before anything is set up."""
    return {
        finding.region: {
            "bucketName": bucket_name(finding.account, finding.region),
            "keyArn": f"arn:aws:kms:{finding.region}:{finding.account}:key/KEY-ID",
        }
        for finding in findings
    }
