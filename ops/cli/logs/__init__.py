"""`python -m ops logs`: export and search CloudWatch logs.

explore     search, SQL, patterns, compaction, estimates
deployment  deploy and remove the export's stacks
coverage    which log groups are exported, and why not; subscribe, unsubscribe
ledger      missing events, replay, backfill, retention
"""

from typing import Any

from ops.cli.logs import coverage, deployment, explore, ledger


def add(commands: Any) -> None:
    group = commands.add_parser("logs", help="export and search CloudWatch logs")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    for module in (explore, deployment, coverage, ledger):
        module.add(verbs)
