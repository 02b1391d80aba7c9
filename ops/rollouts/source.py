"""The rollout file and its template, read from disk."""

import json
from pathlib import Path
from typing import Any

from ops.errors import InputError
from ops.rollouts.rules.model import StackSource


def read_file(path: Path) -> str:
    """Return the text of the rollout file. Raises InputError."""
    return _read(path, "rollout", "Specify a file such as rollouts/shop.toml.")


def read_template(path: Path, source: StackSource) -> str:
    """Return the template of the rollout file at `path`. Paths in the file are relative to the file."""
    if source.template:
        hint = "In [what], template is a path relative to the rollout file."
        return _read(path.parent / source.template, "template", hint)
    folder = path.parent / source.assembly
    hint = "In [what], assembly is the output folder of `cdk synth`, relative to the rollout file."
    manifest = _json(_read(folder / "manifest.json", "assembly", hint), folder / "manifest.json")
    artifacts = manifest.get("artifacts", {})
    stacks = [
        name for name, artifact in artifacts.items() if artifact.get("type") == "aws:cloudformation:stack"
    ]
    if source.artifact not in stacks:
        raise InputError(
            f"{folder} has no stack {source.artifact!r}.",
            field="artifact",
            hint=f"In [what], set artifact to one of its stacks: {', '.join(stacks) or 'it has none'}.",
        )
    return _read(folder / artifacts[source.artifact]["properties"]["templateFile"], "assembly", hint)


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(
            f"Cannot read {path}: it is not valid JSON.",
            field="assembly",
            hint="Run `cdk synth` again.",
            detail=str(error),
        ) from error


def _read(path: Path, field: str, hint: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path}: {error}", field=field, hint=hint) from error
