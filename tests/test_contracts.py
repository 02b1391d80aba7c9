"""The import contracts detect violations: each case adds an import to a copy of the sources."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAMBDA = "Lambda sources import only what their packages contain"
RULES = "Rollout rules import only errors, and durations and TOML of ops.text"


@pytest.mark.parametrize(
    ("module", "source", "broken"),
    [
        ("ops/functions/log_processor/planted.py", "import ops.embedded", LAMBDA),
        ("ops/functions/rollouts/planted.py", "from ops.rollouts import runs", LAMBDA),
        ("ops/rollouts/rules/planted.py", "from ops.rollouts import source", "ops.rollouts: runs"),
        ("ops/rollouts/rules/planted.py", "from ops.settings import Settings", RULES),
        ("ops/rollouts/rules/planted.py", "from ops.text import quoting", RULES),
        ("ops/snapshots/planted.py", "import ops.logs", "ops: cli"),
        ("ops/planted.py", "", "ops: cli"),
        ("app/logs/planted.py", "from app.rollouts import views", "app: main"),
        ("app/planted.py", "", "app: main"),
        ("app/shared/planted.py", "import pages.logs", "pages → app → ops"),
        ("pages/planted.py", "import boto3", "Only ops.aws"),
    ],
)
def test_forbidden_import_breaks_its_contract(module: str, source: str, broken: str, tmp_path: Path) -> None:
    for folder in ("ops", "app", "pages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / module).write_text(f'"""Planted."""\n\n{source}\n')
    command = [str(Path(sys.executable).with_name("lint-imports")), "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert any(line.startswith(broken) and line.endswith("BROKEN") for line in done.stdout.splitlines()) or (
        re.search(rf"{re.escape(broken)}.*missing", done.stdout + done.stderr, re.DOTALL)
    ), done.stdout


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        # The contract names the modules of snapshots that no package contains.
        (LAMBDA, {"errors", "functions", "rollouts", "snapshots", "text"}),
        (RULES, {"errors", "rollouts", "text"}),
    ],
)
def test_contract_lists_all_other_modules(name: str, allowed: set[str]) -> None:
    forbidden = next(contract["forbidden_modules"] for contract in CONTRACTS if contract["name"] == name)
    listed = {module.split(".")[1] for module in forbidden if re.fullmatch(r"ops\.\w+", module)}
    modules = {path.stem for path in (ROOT / "ops").iterdir() if path.suffix in ("", ".py")}
    assert listed == modules - allowed - {"__init__", "__pycache__"}


def test_contract_of_lambda_sources_lists_all_of_rollouts_but_the_rules() -> None:
    forbidden = next(contract["forbidden_modules"] for contract in CONTRACTS if contract["name"] == LAMBDA)
    listed = {module.split(".")[2] for module in forbidden if module.startswith("ops.rollouts.")}
    folder = ROOT / "ops/rollouts"
    modules = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/*.py")
    }
    assert listed == modules - {"__init__", "rules"}
