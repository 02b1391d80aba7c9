"""The rollout file and the files that it names, read from disk."""

import json
from pathlib import Path
from typing import Any

from ops.errors import InputError

ASSEMBLY_HINT = "In [what], assembly is the output folder of `cdk synth`, relative to the rollout file."


def read_file(path: Path) -> str:
    """Return the text of the rollout file. Raises InputError."""
    return read(path, "rollout", "Specify a file such as rollouts/shop.toml.")


def read_template(path: Path, template: str) -> str:
    """Return the template of the rollout file at `path`. Paths in the file are relative to the file."""
    return read(
        path.parent / template, "template", "In [what], template is a path relative to the rollout file."
    )


def read_json(path: Path) -> Any:
    """Return the content of a JSON file of a cloud assembly. Raises InputError."""
    try:
        return json.loads(read(path, "assembly", ASSEMBLY_HINT))
    except ValueError as error:
        raise InputError(
            f"Cannot read {path}: it is not valid JSON.",
            field="assembly",
            hint="Run `cdk synth` again.",
            detail=str(error),
        ) from error


def read(path: Path, field: str, hint: str) -> str:
    """Return the text of a file. Raises InputError."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path}: {error}", field=field, hint=hint) from error
