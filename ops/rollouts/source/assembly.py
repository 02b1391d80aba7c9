"""The stacks of a cloud assembly, the output of `cdk synth`, with those of its Stages.

AWS CDK, "Cloud assembly schema": a Stage is an artifact with a folder and a manifest of its own. A stack's
name is `stackName`, or else the id of its artifact.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ops.errors import InputError
from ops.rollouts.rules.app.model import UNKNOWN, AppStack, FileAsset
from ops.rollouts.source.assets import read_assets
from ops.rollouts.source.files import read, read_json

STACK, STAGE, ASSETS = "aws:cloudformation:stack", "cdk:cloud-assembly", "cdk:asset-manifest"
SYNTH_AGAIN = "Run `cdk synth` again."


@dataclass(frozen=True)
class Assembly:
    """The chosen stacks in the order of deployment, their templates by SHA-256, their files by staged key."""

    stacks: tuple[AppStack, ...]
    templates: Mapping[str, str]
    files: Mapping[str, Path]


@dataclass(frozen=True)
class _Stack:
    """A stack as it was found, with the text of its template, and the path of each of its files."""

    stack: AppStack
    text: str
    files: Mapping[FileAsset, Path]


def read_assembly(folder: Path, patterns: Sequence[str]) -> Assembly:
    """Return the stacks that the patterns choose, or all.

    A pattern is compared with what `cdk list` prints (`Prod/Api`, `Prod/*`), the stack's name, and the id of
    its artifact. Dependencies on stacks that are not chosen are left out. Raises InputError.
    """
    read_now = list(_stacks(folder, ""))
    stacks = _ordered(folder, _chosen(folder, [each.stack for each in read_now], patterns))
    artifacts = {stack.artifact for stack in stacks}
    deployed = [each for each in read_now if each.stack.artifact in artifacts]
    return Assembly(
        stacks,
        {each.stack.template: each.text for each in deployed},
        {asset.staged: path for each in deployed for asset, path in each.files.items()},
    )


def _chosen(folder: Path, found: Sequence[AppStack], patterns: Sequence[str]) -> list[AppStack]:
    if unused := next((each for each in patterns if not any(_matches(stack, each) for stack in found)), ""):
        raise InputError(
            f"{folder} has no stack {unused!r}.",
            field="artifact",
            hint=f"In [what], set artifact to its stacks: {_names(found) or 'it has none'}.",
        )
    chosen = [stack for stack in found if not patterns or any(_matches(stack, each) for each in patterns)]
    if not chosen:
        raise InputError(f"{folder} has no stack.", field="assembly", hint="Add a stack to the app.")
    return chosen


def _matches(stack: AppStack, pattern: str) -> bool:
    names = (stack.label, stack.name, stack.artifact, stack.artifact.rpartition("/")[2])
    return any(fnmatchcase(name, pattern) for name in names)


def _names(stacks: Iterable[AppStack]) -> str:
    return ", ".join(stack.label for stack in stacks)


def _ordered(folder: Path, stacks: Sequence[AppStack]) -> tuple[AppStack, ...]:
    """Return the stacks, each after those that it depends on, with its order."""
    known = {stack.artifact: stack for stack in stacks}
    after = {name: tuple(each for each in stack.after if each in known) for name, stack in known.items()}
    orders: dict[str, int] = {}
    try:
        for name in TopologicalSorter(after).static_order():
            orders[name] = 1 + max((orders[each] for each in after[name]), default=-1)
    except CycleError as error:
        raise InputError(
            f"The stacks of {folder} depend on each other: {' → '.join(error.args[1])}.",
            field="assembly",
            hint="Remove one of the dependencies from the app.",
        ) from error
    ordered = (replace(stack, after=after[name], order=orders[name]) for name, stack in known.items())
    return tuple(sorted(ordered, key=lambda stack: stack.order))


def _stacks(folder: Path, inside: str) -> Iterator[_Stack]:
    """Yield the stacks of the assembly in `folder`, and of its Stages; `inside` is the Stage's path."""
    manifest = _Manifest(folder, inside)
    for name, artifact in manifest.artifacts.items():
        if artifact.get("type") == STACK:
            yield manifest.stack(name)
        elif artifact.get("type") == STAGE:
            yield from _stacks(folder / manifest.property(name, "directoryName"), f"{inside}{name}/")


@dataclass(frozen=True)
class _Manifest:
    """The manifest of one assembly. `inside` is the path of the Stage that it belongs to."""

    folder: Path
    inside: str

    @cached_property
    def artifacts(self) -> Mapping[str, Mapping[str, Any]]:
        manifest = read_json(self.folder / "manifest.json")
        artifacts = manifest.get("artifacts", {}) if isinstance(manifest, dict) else None
        if not isinstance(artifacts, dict) or not all(isinstance(each, dict) for each in artifacts.values()):
            raise InputError(
                f"{self.folder / 'manifest.json'} is not the manifest of a cloud assembly.",
                field="assembly",
                hint=SYNTH_AGAIN,
            )
        return artifacts

    def property(self, name: str, key: str, default: str | None = None) -> str:
        value = self.artifacts[name].get("properties", {}).get(key, default)
        if not isinstance(value, str):
            raise InputError(
                f"{self.folder / 'manifest.json'}: {name} has no {key}.", field="assembly", hint=SYNTH_AGAIN
            )
        return value

    def stack(self, name: str) -> _Stack:
        artifact = self.artifacts[name]
        file = self.folder / self.property(name, "templateFile")
        template = read(file, "assembly", SYNTH_AGAIN)
        account, region = _environment(str(artifact.get("environment", "")))
        manifests = [each for each in self._needed(name) if self.artifacts[each].get("type") == ASSETS]
        files, images = read_assets(
            [self.folder / self.property(each, "file") for each in manifests], template=file
        )
        needed = [self.artifacts[each].get("properties", {}) for each in (name, *manifests)]
        versions = [int(each.get("requiresBootstrapStackVersion", 0)) for each in needed]
        parameters = [str(each.get("bootstrapStackVersionSsmParameter", "")) for each in needed]
        stack = AppStack(
            artifact=self.inside + name,
            label=str(artifact.get("displayName") or self.inside + name),
            name=self.property(name, "stackName", name),
            template=hashlib.sha256(template.encode()).hexdigest(),
            account=account,
            region=region,
            parameters=_parameters(file, template),
            after=tuple(dict.fromkeys(self._stacks_before(name))),
            files=tuple(files),
            images=images,
            bootstrap=max(versions),
            bootstrap_parameter=next(filter(None, parameters), ""),
        )
        return _Stack(stack, template, files)

    def _needed(self, name: str) -> list[str]:
        """Return the artifacts that the artifact depends on directly."""
        artifact = self.artifacts[name]
        named = [
            *artifact.get("dependencies", ()),
            *artifact.get("properties", {}).get("additionalDependencies", ()),
        ]
        return [each for each in dict.fromkeys(named) if each in self.artifacts]

    def _stacks_before(self, name: str) -> Iterator[str]:
        """Yield the stacks that must be deployed before the stack, those of a Stage included."""
        for needed in self._needed(name):
            kind = self.artifacts[needed].get("type")
            if kind == STACK:
                yield self.inside + needed
            elif kind == STAGE:
                folder = self.folder / self.property(needed, "directoryName")
                yield from (each.stack.artifact for each in _stacks(folder, f"{self.inside}{needed}/"))


def _environment(text: str) -> tuple[str, str]:
    """Return account and region of `aws://111111111111/eu-west-1`; what is unknown is empty."""
    account, _, region = text.removeprefix("aws://").partition("/")
    return ("" if account == UNKNOWN[0] else account), ("" if region == UNKNOWN[1] else region)


def _parameters(file: Path, template: str) -> tuple[str, ...]:
    try:
        return tuple(json.loads(template).get("Parameters", {}))
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{file} is not a template in JSON.", field="assembly", hint=SYNTH_AGAIN, detail=str(error)
        ) from error
