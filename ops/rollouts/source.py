"""The rollout file and the template that it names, read from disk."""

import json
from pathlib import Path
from typing import Any

from ops.errors import InputError
from ops.rollouts.rules.rollout import Rollout, What, parse


def read_file(path: Path) -> tuple[str, Rollout]:
    """The file's text and what it says. Raises InputError."""
    text = _read(path, "rollout", "Name a file such as rollouts/shop.toml.")
    return text, parse(text, str(path))


def read_template(path: Path, what: What) -> str:
    """The template that the rollout file at `path` names; its paths are relative to the file."""
    if what.template:
        hint = "[what] template is a path relative to the rollout file."
        return _read(path.parent / what.template, "template", hint)
    folder = path.parent / what.assembly
    hint = "[what] assembly is the folder that `cdk synth` writes, relative to the rollout file."
    manifest = _json(_read(folder / "manifest.json", "assembly", hint), folder / "manifest.json")
    artifacts = manifest.get("artifacts", {})
    stacks = [name for name, each in artifacts.items() if each.get("type") == "aws:cloudformation:stack"]
    if what.artifact not in stacks:
        raise InputError(
            f"{folder} has no stack {what.artifact!r}.",
            field="artifact",
            hint=f"It has {', '.join(stacks) or 'none'}.",
        )
    return _read(folder / artifacts[what.artifact]["properties"]["templateFile"], "assembly", hint)


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(
            f"{path} is not JSON.", field="assembly", hint="Synthesize it anew.", detail=str(error)
        ) from error


def _read(path: Path, field: str, hint: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", field=field, hint=hint) from error
