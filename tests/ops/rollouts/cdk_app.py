"""Cloud assemblies for tests, in the form that `cdk synth` of aws-cdk-lib 2 writes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUALIFIER = "hnb659fds"
BOOTSTRAP = f"/cdk-bootstrap/{QUALIFIER}/version"
HERE = ("${AWS::AccountId}", "${AWS::Region}")
PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}


@dataclass(frozen=True)
class Synthesized:
    """A stack to write. `env` is its account and region, if it is bound to one."""

    name: str
    env: tuple[str, str] | None = None
    after: tuple[str, ...] = ()
    resources: dict[str, Any] = field(default_factory=lambda: {"Setting": PARAMETER})
    parameters: dict[str, Any] = field(default_factory=dict)
    folders: dict[str, dict[str, str]] = field(default_factory=dict)  # asset id → file → content
    images: tuple[str, ...] = ()
    bootstrap: int = 6
    label: str = ""
    stack_name: str = ""
    description: str = ""


def write_assembly(
    folder: Path, *stacks: Synthesized, stages: Mapping[str, Sequence[Synthesized]] | None = None
) -> Path:
    """Write the assembly of an app, with a folder for each Stage; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    artifacts: dict[str, Any] = {"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    for stage, inside in (stages or {}).items():
        name = f"assembly-{stage}"
        write_assembly(folder / name, *inside)
        artifacts[name] = {"type": "cdk:cloud-assembly", "properties": {"directoryName": name}}
    for stack in stacks:
        artifacts |= _stack(folder, stack)
    (folder / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
    return folder


def _stack(folder: Path, stack: Synthesized) -> dict[str, Any]:
    account, region = stack.env or HERE
    bound = {"region": region} if stack.env else {}
    publishing = f"arn:${{AWS::Partition}}:iam::{account}:role/cdk-{QUALIFIER}-file-publishing-role-{account}"
    to = {"bucketName": f"cdk-{QUALIFIER}-assets-{account}-{region}", **bound}
    to |= {"assumeRoleArn": f"{publishing}-{region}"}
    template = f"{stack.name}.template.json"
    (folder / template).write_text(json.dumps(_template(stack), indent=1))
    files = {"f" * 64: _file(template, to, f"{'f' * 64}.json", "file")}
    for id_, contents in stack.folders.items():
        (folder / f"asset.{id_}").mkdir(exist_ok=True)
        for name, content in contents.items():
            (folder / f"asset.{id_}" / name).write_text(content)
        files[id_] = _file(f"asset.{id_}", to, f"{id_}.zip", "zip")
    repository = f"cdk-{QUALIFIER}-container-assets-{account}-{region}"
    images = {
        id_: {"source": {"directory": "image"}, "destinations": {"current": _image(repository, id_, bound)}}
        for id_ in stack.images
    }
    manifest = {"version": "55.0.0", "files": files, "dockerImages": images}
    (folder / f"{stack.name}.assets.json").write_text(json.dumps(manifest))
    needs: dict[str, Any] = {
        "requiresBootstrapStackVersion": stack.bootstrap,
        "bootstrapStackVersionSsmParameter": BOOTSTRAP,
    }
    needs = needs if stack.bootstrap else {}
    environment = "/".join(stack.env or ("unknown-account", "unknown-region"))
    return {
        f"{stack.name}.assets": {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{stack.name}.assets.json", **needs},
        },
        stack.name: {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{environment}",
            "properties": {
                "templateFile": template,
                **({"stackName": stack.stack_name} if stack.stack_name else {}),
                **needs,
            },
            "dependencies": [f"{stack.name}.assets", *stack.after],
            "displayName": stack.label or stack.name,
        },
    }


def _file(path: str, to: dict[str, Any], key: str, packaging: str) -> dict[str, Any]:
    return {
        "source": {"path": path, "packaging": packaging},
        "destinations": {"current": {**to, "objectKey": key}},
    }


def _image(repository: str, tag: str, bound: dict[str, str]) -> dict[str, Any]:
    return {"repositoryName": repository, "imageTag": tag, **bound}


def _template(stack: Synthesized) -> dict[str, Any]:
    version = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": BOOTSTRAP}
    return {
        **({"Description": stack.description} if stack.description else {}),
        "Parameters": {**stack.parameters, "BootstrapVersion": version},
        "Resources": stack.resources,
    }
