"""A linter for synthesized CDK apps: the support stacks they would create, and the mapping to avoid them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.aws.regions import partition_of
from ops.errors import InputError
from ops.support_stacks.fingerprints import CONSTRUCT
from ops.support_stacks.replication import bucket_name

MAX_DEPTH = 8  # nested stages


@dataclass(frozen=True)
class LintFinding:
    """A replication bucket that deploying the app would create.

    `pipelines` are the names of the stacks whose pipelines use the bucket, and `homes` the regions of these.
    """

    stack: str
    account: str
    region: str
    bucket: str
    key: bool
    pipelines: tuple[str, ...]
    homes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stack:
    name: str
    account: str
    region: str
    template: Mapping[str, Any]

    def resources(self, resource_type: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for logical_id, resource in self.template.get("Resources", {}).items():
            if resource.get("Type") == resource_type:
                yield logical_id, resource.get("Properties", {})


def lint(folder: Path) -> list[LintFinding]:
    """Return the support stacks of the app by region. Raises InputError for an invalid cloud assembly."""
    stacks = list(_stacks(folder, MAX_DEPTH))
    return sorted(_findings(stacks), key=lambda finding: (finding.region, finding.stack))


def _findings(stacks: list[_Stack]) -> Iterator[LintFinding]:
    users: dict[str, list[_Stack]] = {}
    for stack in stacks:
        for _, pipeline in stack.resources("AWS::CodePipeline::Pipeline"):
            for store in _locations(pipeline):
                users.setdefault(store, []).append(stack)
    for stack in stacks:
        for logical_id, properties in stack.resources("AWS::S3::Bucket"):
            if CONSTRUCT not in logical_id:
                continue
            name = str(properties.get("BucketName", ""))
            yield LintFinding(
                stack=stack.name,
                account=stack.account,
                region=stack.region,
                bucket=name,
                key=any(CONSTRUCT in id for id, _ in stack.resources("AWS::KMS::Key")),
                pipelines=tuple(dict.fromkeys(user.name for user in users.get(name, ()))),
                homes=tuple(dict.fromkeys(user.region for user in users.get(name, ()))),
            )


def _locations(pipeline: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the buckets in other regions; the bucket of its own region is a reference."""
    for item in pipeline.get("ArtifactStores", ()):
        location = item.get("ArtifactStore", {}).get("Location")
        if isinstance(location, str):
            yield location


def _stacks(folder: Path, depth: int) -> Iterator[_Stack]:
    manifest = _read(folder / "manifest.json")
    artifacts = manifest.get("artifacts")
    if not isinstance(artifacts, dict):
        raise InputError(
            f"{folder / 'manifest.json'} is not the manifest of a cloud assembly.",
            hint="Pass the output folder of `cdk synth`, by default cdk.out.",
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
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{path} does not exist.", hint="Run `cdk synth`, then pass its output folder."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read {path}: {error}", hint="Run `cdk synth` again.") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a JSON object.", hint="Run `cdk synth` again.")
    return document


def placeholders(findings: list[LintFinding]) -> dict[str, dict[str, dict[str, str]]]:
    """Return the mapping that avoids the findings, by account and region, with placeholders for key IDs.

    That of an account is as `cdk_code.as_mapping` returns it. It contains the pipelines' own regions too:
    without them, CDK creates an artifact bucket for each pipeline there.
    """
    mappings: dict[str, dict[str, dict[str, str]]] = {}
    for finding in findings:
        for region in (finding.region, *finding.homes):
            key = f"{finding.account}:key/KEY-ID"
            mappings.setdefault(finding.account, {})[region] = {
                "bucketName": bucket_name(finding.account, region),
                "keyArn": f"arn:{partition_of(region)}:kms:{region}:{key}",
            }
    return {account: dict(sorted(mapping.items())) for account, mapping in sorted(mappings.items())}
