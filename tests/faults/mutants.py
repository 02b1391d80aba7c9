"""Deliberately broken pipelines: the matrix must detect each of them.

python -m tests.faults.mutants NAME   prints what it found, as JSON
"""

import json
import sys
from dataclasses import dataclass

from ops.templates.functions import function_source


@dataclass(frozen=True)
class Mutant:
    """A mutation of the handler: `old` becomes `new`; the cell that detects it, and how `wrong` starts."""

    old: str
    new: str
    state: str
    call: str
    fault: str
    wrong: str


MUTANTS = {
    "the clean-up does nothing": Mutant(
        '    remaining = []\n    for kind, database', '    return run\n    for kind, database',
        "Wait for database", "rds:DescribeDBInstances", "error", "left:",
    ),
    "the sweeper does nothing": Mutant(
        "    machine = event[", "    return\n    machine = event[",
        "Clean up after stop", "rds:DescribeDBInstances", "error", "left:",
    ),
    "the final snapshot is not temporary": Mutant(
        "        *temporary_tags(run),\n        {", "        *temporary_tags(run)[:2],\n        {",
        "Share", "rds:ModifyDBSnapshotAttribute", "error", "left:",
    ),
    "production's snapshot is shared": Mutant(
        'share(run["final"], SHARE_WITH)', 'share(run["source"], SHARE_WITH)',
        "Send notification", "sns:Publish", "error", "shared:",
    ),
}  # fmt: skip


def main() -> None:
    from tests.faults import runs
    from tests.faults.cells import Cell
    from tests.faults.cloud import start
    from tests.faults.matrix import Matrix

    mutant = MUTANTS[sys.argv[1]]
    source = function_source("snapshots")
    assert source.count(mutant.old) == 1, source.count(mutant.old)
    matrix = Matrix(start())
    scenario = "instance, stopped" if mutant.state == "Clean up after stop" else "instance"
    runs.CODE = compile(source.replace(mutant.old, mutant.new), "snapshots.py", "exec")
    verdict = matrix.judge(Cell(scenario, mutant.state, mutant.call, mutant.fault))
    print(json.dumps({"wrong": verdict.wrong}))


if __name__ == "__main__":
    main()
