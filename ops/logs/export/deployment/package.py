"""The processor's zip: its one source, and two libraries for the platform that the template's function has.

Where the zip runs on another platform the libraries do not load, and the processor does without them: the
same zip is right everywhere. The wheels come from the package index once, and are checked by their digests.
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
from ops.templates.functions import function_source

# The function's runtime and architecture: ops/templates/logs. A test holds the two together.
PYTHON, MACHINE = "3.13", "aarch64"
TAG = f"cp{PYTHON.replace('.', '')}"
FETCH_S = 60
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the same content is the same zip
INSTEAD = "The processor is deployed without it: slower, and just as exact."


@dataclass(frozen=True)
class Library:
    name: str
    version: str
    digest: str  # of its wheel: SHA-256
    platform: str

    @property
    def wheel(self) -> str:
        return f"{self.name}-{self.version}-{TAG}-{TAG}-{self.platform}.whl"


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
    """The zip, byte by byte the same. `folder` keeps the wheels. Raises NotFound where one cannot be had."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_entries(folder)):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def key(package: bytes) -> str:
    """Where the zip lies in the staging bucket."""
    return f"logs/processor-{hashlib.sha256(package).hexdigest()[:16]}.zip"


def _entries(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "index.py", function_source("log_processor").encode()
    for library in LIBRARIES:
        with zipfile.ZipFile(io.BytesIO(_wheel(library, folder))) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():  # a folder's own entry would have a file's permissions
                    yield entry.filename, archive.read(entry)


def _wheel(library: Library, folder: Path) -> bytes:
    kept = folder / library.wheel
    if kept.is_file() and hashlib.sha256(content := kept.read_bytes()).hexdigest() == library.digest:
        return content
    content = _fetched(library)
    folder.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_bytes(content)
    part.replace(kept)
    return content


def _fetched(library: Library) -> bytes:
    """The wheel as pip gets it, from whichever index this machine is set up for."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(f"{library.name}=={library.version} --hash=sha256:{library.digest}\n")
        platform = ("--platform", f"manylinux_2_17_{MACHINE}", "--implementation", "cp", "--abi", TAG)
        command = [
            *_pip(library), "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
            "--only-binary=:all:", "--require-hashes", *platform, "--python-version", PYTHON,
            "--dest", folder, "--requirement", str(wanted),
        ]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=FETCH_S)
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", "") or error).strip()
            raise NotFound(
                f"{library.name} {library.version} could not be fetched from the package index.",
                hint=INSTEAD,
                detail=said,
            ) from error
        return Path(folder, library.wheel).read_bytes()


def _pip(library: Library) -> list[str]:
    """This interpreter's pip or any other: all of them can fetch for another platform."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if found := which("pip") or which("pip3"):
        return [found]
    raise NotFound(f"There is no pip to fetch {library.name} with.", hint=INSTEAD)
