"""Every call of every state fails in five ways: no leftovers, no leaks, and every failure is reported."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.mutants import MUTANTS
from tests.faults.processes import answers, started

FAULTS = ("error", "throttled", "timeout", "stop", "missing")
PROCESSES = 2


def table(verdicts: list[dict[str, Any]]) -> str:
    """Format the outcomes as a table: a row per call, a column per fault."""
    cells = {tuple(each["cell"].values()): each for each in verdicts}
    rows = list(dict.fromkeys(key[:3] for key in cells))
    lines = [f"{'scenario':24}{'state':28}{'call':40}" + "".join(f"{fault:38}" for fault in FAULTS)]
    for row in rows:
        found = [cells[(*row, fault)] for fault in FAULTS]
        words = ["WRONG" if each["wrong"] else each["became"] for each in found]
        lines.append(f"{row[0]:24}{row[1]:28}{row[2]:40}" + "".join(f"{word:38}" for word in words))
    return "\n".join(lines)


def test_every_fault_is_handled(capsys: pytest.CaptureFixture[str]) -> None:
    shards = [started("tests.faults.matrix", str(n), str(PROCESSES)) for n in range(PROCESSES)]
    with ThreadPoolExecutor(PROCESSES) as pool:  # a full pipe would block its writer
        verdicts = [verdict for found in pool.map(answers, shards) for verdict in found]
    with capsys.disabled():
        print(f"\n{table(verdicts)}\n{len(verdicts)} cells")
    assert [each for each in verdicts if each["wrong"]] == []
    covered = {(each["cell"]["state"], each["cell"]["call"]) for each in verdicts}
    assert ("Sanitize", "ecs:RunTask") in covered
    assert ("Share", "rds:ModifyDBClusterSnapshotAttribute") in covered
    assert ("Clean up after stop", "rds:DeleteDBInstance") in covered


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_pipeline_is_detected(mutant: str) -> None:
    (found,) = answers(started("tests.faults.mutants", mutant))
    assert any(wrong.startswith(MUTANTS[mutant].wrong) for wrong in found["wrong"]), found
