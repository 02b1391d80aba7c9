"""The controller's package: it is complete, and the same sources give the same bytes."""

import subprocess
import sys
from pathlib import Path

from ops.rollouts import package

LOAD = """
import os, sys
import ops.functions.rollouts.handler
loaded = {name: module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "ops"}
assert all(file.startswith(sys.argv[1]) for file in loaded.values()), loaded
print(sorted(loaded))
"""


def test_the_handler_loads_from_the_package_alone(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(package.build())
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOAD, str(path)],
        env={"PYTHONPATH": str(path), "AWS_DEFAULT_REGION": "eu-west-1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "ops.rollouts.rules.rollout" in done.stdout


def test_the_same_sources_give_the_same_package() -> None:
    assert package.key(package.build()) == package.key(package.build())
