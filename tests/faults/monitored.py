"""Handlers of the snapshot pipeline that break an invariant during the run, and end as a correct one does.

python -m tests.faults.monitored   prints the violations of each, as JSON
"""

import json
from dataclasses import dataclass

from ops.templates.functions import function_source
from tests.faults.cells import Cell

NO_FAULT = Cell("instance", "no state", "no call", "error")


@dataclass(frozen=True)
class Mutant:
    """A mutation of the handler: `old` becomes `new`; the broken invariant, and words of the report."""

    old: str
    new: str
    invariant: int
    says: str
    cell: Cell = NO_FAULT


_PASSWORD = "    _all_available(run)\n    try:\n"
_READ = "    _all_available(run)\n    secret = _password()\n"
_UNSHARE = """    getattr(rds, xform_name(f"Modify{kind.snap}Attribute"))(
        **{f"{kind.snap}Identifier": run["source"]}, AttributeName="restore", ValuesToRemove=[*SHARE_WITH]
    )
"""

MUTANTS = {
    "shared during the run, and withdrawn": Mutant(
        "def restore_database(run: Record) -> Record:\n",
        "def restore_database(run: Record) -> Record:\n    kind = KINDS[run['kind']]\n"
        f"    kind.share(run['source'], SHARE_WITH)\n{_UNSHARE}",
        1, "before it is proven clean",
    ),
    "the final snapshot is taken of production": Mutant(
        'KINDS[run["kind"]].create_snapshot(run, run["final"], database, tags)',
        'KINDS[run["kind"]].create_snapshot(run, run["final"], SOURCE, tags)',
        1, "before it is proven clean",
    ),
    "a rebuild takes the final snapshot of the copy": Mutant(
        'database = run["new"] if run.get("rebuild") else run["temporary"]', 'database = run["temporary"]',
        1, "before it is proven clean", Cell("instance, rebuild", "no state", "no call", "error"),
    ),
    "the password of a new database in the state": Mutant(
        'password=_password())\n    return run\n',
        'password=_password())\n    return {**run, "p": _password()}\n',
        3, "the history of run-2", Cell("instance, rebuild", "no state", "no call", "error"),
    ),
    "the report is not read to its end": Mutant(
        "if not ends or len(checks) != int(ends[-1].split()[1]):", "if not checks:",
        1, "before it is proven clean", Cell("instance", "Sanitize", "ecs:RunTask", "short"),
    ),
    "tagged as sanitized before the proof": Mutant(
        "def restore_database(run: Record) -> Record:\n",
        "def restore_database(run: Record) -> Record:\n"
        "    arn = _snapshot(run, run['source']).arn\n"
        "    tags = [{'Key': 'slipway:sanitized', 'Value': 'true'}]\n"
        "    rds.add_tags_to_resource(ResourceName=arn, Tags=tags)\n"
        "    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=['slipway:sanitized'])\n",
        8, "tagged as sanitized before it is proven",
    ),
    "the password in the state": Mutant(
        _PASSWORD, f"{_READ}    run = {{**run, 'seen': secret}}\n    try:\n", 3, "the history of run-2",
    ),
    "the password printed": Mutant(_PASSWORD, f"{_READ}    print(secret)\n    try:\n", 3, "a log"),
    "the password in a tag": Mutant(
        _PASSWORD,
        f"{_READ}    arn = _snapshot(run, run['source']).arn\n"
        "    rds.add_tags_to_resource(ResourceName=arn, Tags=[{'Key': 'p', 'Value': secret}])\n    try:\n",
        3, "a call of rds:AddTagsToResource",
    ),
    "shared with everybody": Mutant(
        "KINDS[run[\"kind\"]].share(run[\"final\"], SHARE_WITH)",
        "KINDS[run[\"kind\"]].share(run[\"final\"], (*SHARE_WITH, 'all'))",
        9, "shared with everybody",
    ),
    "the temporary database on the internet": Mutant(
        '"PubliclyAccessible": False', '"PubliclyAccessible": True', 1, "reachable from the internet",
    ),
    "a success that leaves its database": Mutant(
        "    remaining = []\n    for kind, database", "    return run\n    for kind, database",
        2, "succeeded and left",
    ),
    "an old snapshot of somebody else deleted": Mutant(
        "def delete_old(run: Record) -> Record:\n",
        "def delete_old(run: Record) -> Record:\n    KINDS[run['kind']].delete_snapshot('prod-by-hand')\n",
        5, "prod-by-hand is deleted, which Slipway has not created",
    ),
}  # fmt: skip


def main() -> None:
    from tests.faults import runs
    from tests.faults.cloud import start
    from tests.faults.matrix import Matrix

    matrix = Matrix(start())
    for name, mutant in MUTANTS.items():
        source = function_source("snapshots")
        assert source.count(mutant.old) == 1, (name, source.count(mutant.old))
        runs.CODE = compile(source.replace(mutant.old, mutant.new), "snapshots.py", "exec")
        verdict = matrix.judge(mutant.cell)
        print(json.dumps({"mutant": name, "wrong": verdict.wrong}), flush=True)


if __name__ == "__main__":
    main()
