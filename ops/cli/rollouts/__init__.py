"""`python -m ops rollouts`: stacks to many accounts and regions, in waves, watched and rolled back.

setup    the engine, and the roles in target accounts
own      rollout files of Slipway's own stacks
files    what a rollout file says: validated, planned, simulated
running  runs: started, watched, given orders
"""

from typing import Any

from ops.cli.rollouts import files, own, running, setup


def add(commands: Any) -> None:
    group = commands.add_parser("rollouts", help="deploy a stack to many accounts and regions, in waves")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    for module in (setup, own, files, running):
        module.add(verbs)
