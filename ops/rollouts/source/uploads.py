"""What the controller needs in its bucket: the run's document, its templates, and the assets of its app."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.errors import InputError
from ops.rollouts.rules.document import WANTED, Document
from ops.rollouts.source.assembly import read_assembly


@dataclass(frozen=True)
class Uploads:
    """Objects by key: `documents` with their text, `assets` with the path of a file or folder.

    The key of an asset is the hash of its content, so an asset that exists need not be packaged again.
    """

    documents: Mapping[str, str]
    assets: Mapping[str, Path]


def uploads(document: Document) -> Uploads:
    """Return what to upload; an app is read again. Raises InputError if it has changed since."""
    prefix = f"runs/{document.run}"
    templates, assets = {WANTED: document.template}, dict[str, Path]()
    if document.stacks:
        source = document.rollout.source
        folder = Path(document.file).parent / source.assembly
        assembly = read_assembly(folder, source.artifacts)
        if assembly.stacks != tuple(document.stacks):
            raise InputError(
                f"{folder} was changed after the rollout had been prepared.",
                field="assembly",
                hint="Prepare the rollout again.",
            )
        templates, assets = dict(assembly.templates), dict(assembly.files)
    texts = {f"{prefix}/templates/{name}": text for name, text in templates.items()}
    return Uploads(texts | {f"{prefix}/document.json": document.to_json()}, assets)
