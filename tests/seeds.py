"""Saved folders of the embedded cloud: made once, then copied by every test process that starts from one.

Starting from a copy takes a sixth of the CPU time that filling a new cloud with the sample data takes.
"""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ops import embedded

ROOT = Path(__file__).parents[1]
SEEDS = ROOT / ".pytest_cache/seeds"
DELAY_S = 0.2
KEPT_S = 900  # the sample data is dated relative to when it was made: an older seed is made again


def sample(data: Path) -> None:
    """Make the folder of a cloud with the sample data. Its rollout starts with each copy."""
    embedded.start(data, delay_s=DELAY_S, owner=True, rollout=False)
    embedded.stop(data)


def planted(data: Path, make: Callable[[Path], None] = sample) -> Path:
    """Copy the folder that `make` makes to `data`, which must not exist; return `data`."""
    SEEDS.mkdir(parents=True, exist_ok=True)
    name = f"{make.__module__}.{make.__qualname__}"
    seed = SEEDS / f"{name}-{_version()}"
    with (SEEDS / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _delete_old(name)
        if not seed.exists():
            _save(make, seed)
        fcntl.flock(lock, fcntl.LOCK_SH)
        data.parent.mkdir(parents=True, exist_ok=True)
        _copy(seed, data)
    return data


def _version() -> str:
    """Return a hash of everything that a seed is made from: the code, and the versions of what it uses."""
    digest = hashlib.sha256((ROOT / "requirements-embedded.txt").read_bytes())
    for path in sorted((ROOT / "ops").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _delete_old(name: str) -> None:
    for seed in SEEDS.glob(f"{name}-*"):
        if time.time() - seed.stat().st_mtime > KEPT_S:
            shutil.rmtree(seed)


def _save(make: Callable[[Path], None], seed: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-seed-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's user must enter it, and may not enter the project
        made = Path(folder) / "embedded"
        make(made)
        (made / "port").unlink()  # every copy takes a port of its own
        part = SEEDS / f"part.{seed.name}"
        shutil.rmtree(part, ignore_errors=True)  # of a process that failed
        _copy(made, part)
        part.touch()
        part.rename(seed)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)  # keeps the owner of the databases
