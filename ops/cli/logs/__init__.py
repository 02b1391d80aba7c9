"""`python -m ops logs`: export, exploration and accounts of CloudWatch logs.

explore     search, SQL, templates, compaction, estimates
deployment  the stacks of the export
coverage    which groups are exported, and why not; subscribe, unsubscribe
ledger      what was lost, replay, backfill, retention
"""

from typing import Any

from ops.cli.logs import coverage, deployment, explore, ledger


def add(commands: Any) -> None:
    group = commands.add_parser("logs", help="export of CloudWatch logs, and what became of them")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    for module in (explore, deployment, coverage, ledger):
        module.add(verbs)
