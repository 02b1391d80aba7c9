"""`python -m ops rollouts`: deploy stacks to many accounts and regions in waves, with automatic rollback.

setup          deploys the controller, and the roles in target accounts
own            drafts rollout files for Slipway's own stacks
own_snapshots  the parameters of snapshot pipelines in many accounts and regions
files          validates, plans, and simulates rollout files
running        starts, shows, and controls runs
"""

from typing import Any

from ops.cli.rollouts import files, own, running, setup


def add(commands: Any) -> None:
    group = commands.add_parser("rollouts", help="deploy a stack to many accounts and regions in waves")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    for module in (setup, own, files, running):
        module.add(verbs)
