"""The processor's deployment package: its source file and two libraries for the function's platform.

On another platform the libraries do not load, and the processor works without them, so the same package
runs everywhere. The wheels are downloaded from the package index once and verified by their digests.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from ops.errors import NotFound
from ops.templates.functions import deployment_package, function_source, package_key

# The runtime and architecture of the function in ops/templates/logs; a test compares them.
PYTHON, MACHINE = "3.13", "aarch64"
ABI_TAG = f"cp{PYTHON.replace('.', '')}"
FETCH_S = 60
FALLBACK = "The processor is deployed without it: slower, but with the same output."


@dataclass(frozen=True)
class Library:
    name: str
    version: str
    digest: str  # SHA-256 of its wheel
    platform: str

    @property
    def wheel(self) -> str:
        return f"{self.name}-{self.version}-{ABI_TAG}-{ABI_TAG}-{self.platform}.whl"


LIBRARIES = (
    Library(
        "orjson",
        "3.13.0",
        "b081f0e7b600ff24513dec4ca75507fa05e904607847e386e8310d5b7b96b6c7",  # pragma: allowlist secret
        f"manylinux_2_17_{MACHINE}.manylinux2014_{MACHINE}",
    ),
    Library(
        "isal",
        "1.9.1",
        "bfc756a47cf2bb08286ee9073a3b6b9227e1cb17c4988c2492ad550c68a4802b",  # pragma: allowlist secret
        f"manylinux2014_{MACHINE}.manylinux_2_17_{MACHINE}.manylinux_2_28_{MACHINE}",
    ),
)


def build(folder: Path) -> bytes:
    """Build the zip, reproducibly; `folder` caches the wheels. Raises NotFound if a download fails."""
    return deployment_package(_entries(folder))


def key(package: bytes) -> str:
    """Return the key of the zip in the staging bucket."""
    return package_key("logs/processor", package)


def _entries(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "index.py", function_source("log_processor").encode()
    for library in LIBRARIES:
        with zipfile.ZipFile(io.BytesIO(_wheel(library, folder))) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():  # a folder's entry would get the permissions of a file
                    yield entry.filename, archive.read(entry)


def _wheel(library: Library, folder: Path) -> bytes:
    kept = folder / library.wheel
    if kept.is_file() and hashlib.sha256(content := kept.read_bytes()).hexdigest() == library.digest:
        return content
    content = _download(library)
    folder.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_bytes(content)
    part.replace(kept)
    return content


def _download(library: Library) -> bytes:
    """Download the wheel with pip, from the index that pip is configured for."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{library.name}=={library.version} --hash=sha256:{library.digest}\n")
        platform = ("--platform", f"manylinux_2_17_{MACHINE}", "--implementation", "cp", "--abi", ABI_TAG)
        command = [
            *_pip(library), "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
            "--only-binary=:all:", "--require-hashes", *platform, "--python-version", PYTHON,
            "--dest", folder, "--requirement", str(requirements),
        ]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_S)
        except (OSError, subprocess.SubprocessError) as error:
            output = str(getattr(error, "stderr", "") or error).strip()
            raise NotFound(
                f"Cannot download {library.name} {library.version} from the package index.",
                hint=FALLBACK,
                detail=output,
            ) from error
        return Path(folder, library.wheel).read_bytes()


def _pip(library: Library) -> list[str]:
    """Return this interpreter's pip or any other: every pip can download for another platform."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if command := which("pip") or which("pip3"):
        return [command]
    raise NotFound(f"Cannot download {library.name}: pip is not installed.", hint=FALLBACK)
