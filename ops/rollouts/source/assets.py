"""The assets of an assembly: its asset manifests, and the files that they name.

AWS CDK, "Asset manifest schema": `files` and `dockerImages`, each with a source and destinations.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.errors import InputError
from ops.rollouts.rules.app.model import FileAsset, ImageAsset
from ops.rollouts.source.files import read_json
from ops.templates.functions import zipped

STAGED = "assets/"  # keys in the controller's bucket
_DESTINATION = {"files": ("bucketName", "objectKey"), "dockerImages": ("repositoryName", "imageTag")}


def read_assets(
    manifests: Iterable[Path], *, template: Path
) -> tuple[dict[FileAsset, Path], tuple[ImageAsset, ...]]:
    """Return a stack's files with their paths, and its images. Its own template is left out.

    Raises InputError.
    """
    files: dict[FileAsset, Path] = {}
    images: list[ImageAsset] = []
    for manifest in manifests:
        for id_, asset in _entries(manifest, "files"):
            path = _path(manifest, id_, asset)
            if path.resolve() != template.resolve():
                files |= {_file(id_, to): path for to in asset["destinations"].values()}
        for _, asset in _entries(manifest, "dockerImages"):
            images += (
                ImageAsset(to["repositoryName"], to["imageTag"], str(manifest), to.get("region", ""))
                for to in asset["destinations"].values()
            )
    return files, tuple(dict.fromkeys(images))


def packaged(path: Path) -> bytes:
    """Return the content of a file, or a folder as a zip file, with the permissions of its files."""
    if not path.is_dir():
        return path.read_bytes()
    inside = [file for file in path.rglob("*") if file.is_file()]
    return zipped(
        (file.relative_to(path).as_posix(), file.read_bytes(), file.stat().st_mode & 0xFFFF)
        for file in inside
    )


def _entries(manifest: Path, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the assets of one kind that have what every asset has."""
    assets = read_json(manifest)
    for id_, asset in (assets.get(kind) or {}).items() if isinstance(assets, dict) else ():
        to = asset.get("destinations") if isinstance(asset, dict) else None
        places = to.values() if isinstance(to, dict) else [{}]
        if not all(
            isinstance(place, dict) and key in place for place in places for key in _DESTINATION[kind]
        ):
            raise InputError(
                f"{manifest}: the asset {id_} has a destination without {' or '.join(_DESTINATION[kind])}.",
                field="assembly",
                hint="Run `cdk synth` again.",
            )
        yield id_, asset


def _file(id_: str, to: Mapping[str, str]) -> FileAsset:
    # CDK names an asset after the hash of its content. The file may be packaged in two ways, and so the key's
    # ending counts as well.
    ending = Path(to["objectKey"]).suffix
    return FileAsset(
        staged=f"{STAGED}{id_}{ending}",
        bucket=to["bucketName"],
        key=to["objectKey"],
        region=to.get("region", ""),
        role=to.get("assumeRoleArn", ""),
        external_id=to.get("assumeRoleExternalId", ""),
    )


def _path(manifest: Path, id_: str, asset: Mapping[str, Any]) -> Path:
    """Return the path of the asset's source. Raises InputError if it does not exist."""
    path = asset.get("source", {}).get("path")
    if not isinstance(path, str):
        raise InputError(
            f"{manifest}: the asset {id_} is built by a command.",
            field="assembly",
            hint="Let the app bundle it: aws_s3_assets.Asset with a path or bundling.",
        )
    if not (found := manifest.parent / path).exists():
        raise InputError(
            f"The asset {found} does not exist.", field="assembly", hint="Run `cdk synth` again."
        )
    return found
