"""Everything that Slipway can change, and who may: the one list behind the check, the pages and the docs.

A plan names its operation, so what is not in this list cannot be planned.
"""

from dataclasses import dataclass
from enum import Enum

from ops.roles import Role


@dataclass(frozen=True)
class _Entry:
    does: str
    role: Role
    command: str  # after `python -m ops`; several are separated by commas
    page: str


OPERATOR, ADMINISTRATOR = Role.OPERATOR, Role.ADMINISTRATOR


class Operation(Enum):
    """One row of the table. `role` is the least that may."""

    PREPARE_STACK = _Entry(
        "Stage a stack's template and make its change set",
        ADMINISTRATOR,
        "snapshots deploy, rollouts deploy, setup deploy",
        "Snapshot pipeline",
    )
    DEPLOY_STACK = _Entry(
        "Execute a change set that was shown",
        ADMINISTRATOR,
        "snapshots deploy, rollouts deploy, setup deploy",
        "Snapshot pipeline",
    )
    DISCARD_CHANGES = _Entry(
        "Forget a change set that was shown",
        ADMINISTRATOR,
        "snapshots deploy, rollouts deploy, setup deploy",
        "Snapshot pipeline",
    )
    DELETE_STACK = _Entry("Delete a pipeline's stack", ADMINISTRATOR, "snapshots delete", "Snapshot pipeline")
    REFRESH_SNAPSHOT = _Entry(
        "Start a run that makes a sanitized snapshot", OPERATOR, "snapshots refresh", "Snapshots"
    )
    STOP_REFRESH = _Entry("Stop a run and delete what it had made", OPERATOR, "snapshots stop", "Snapshots")
    CLEAN_UP_REFRESH = _Entry(
        "Delete what is left of a run that has ended", OPERATOR, "snapshots clean-up", "Snapshots"
    )
    RESTORE_SNAPSHOT = _Entry(
        "Restore a sanitized snapshot as a database", ADMINISTRATOR, "snapshots restore", "Snapshots"
    )
    DEPLOY_EXPORT = _Entry(
        "Deploy or change the log export in accounts and regions", ADMINISTRATOR, "logs deploy", "Log export"
    )
    REMOVE_EXPORT = _Entry(
        "Unsubscribe and remove the log export", ADMINISTRATOR, "logs remove", "Log export"
    )
    SUBSCRIBE_GROUPS = _Entry("Export chosen log groups", OPERATOR, "logs subscribe", "Log export")
    UNSUBSCRIBE_GROUPS = _Entry(
        "End the export of chosen log groups", ADMINISTRATOR, "logs unsubscribe", "Log export"
    )
    REPLAY_RECORDS = _Entry(
        "Put failed log records into the stream again", OPERATOR, "logs replay", "Log export"
    )
    BACKFILL_LOGS = _Entry(
        "Fetch log events from before the subscription", OPERATOR, "logs backfill", "Log export"
    )
    SET_RETENTION = _Entry(
        "Set the retention of exported log groups", ADMINISTRATOR, "logs retention", "Log export"
    )
    COMPACT_LOGS = _Entry("Merge exported objects into larger ones", OPERATOR, "logs compact", "")
    PREVIEW_ROLLOUT = _Entry(
        "Make a change set in every target of a rollout, and delete it again",
        OPERATOR,
        "rollouts plan, rollouts start",
        "Rollouts",
    )
    START_ROLLOUT = _Entry("Start a rollout", OPERATOR, "rollouts start", "Rollouts")
    ORDER_ROLLOUT = _Entry(
        "Pause, resume, roll back a rollout, skip a bake, override blockers",
        OPERATOR,
        "rollouts pause, rollouts resume, rollouts roll-back, rollouts skip-bake, rollouts override",
        "Rollouts",
    )
    FREEZE_ROLLOUTS = _Entry(
        "Freeze every rollout, or lift the freeze", OPERATOR, "rollouts freeze, rollouts unfreeze", "Rollouts"
    )
    CLEAN_UP_SUPPORT = _Entry(
        "Delete orphaned support stacks, buckets and keys",
        ADMINISTRATOR,
        "support-stacks clean-up",
        "Support stacks",
    )
    SHARE_REPLICATION = _Entry(
        "Set up shared replication buckets and keys",
        ADMINISTRATOR,
        "support-stacks replication deploy",
        "Support stacks",
    )

    @property
    def does(self) -> str:
        return self.value.does

    @property
    def role(self) -> Role:
        return self.value.role

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(self.value.command.split(", "))

    @property
    def page(self) -> str:
        return self.value.page

    def may(self, role: Role) -> bool:
        """Whether somebody in that role may."""
        return role.includes(self.role)

    def refusal(self, role: Role) -> str:
        """Why somebody in that role may not; empty where they may."""
        return "" if self.may(role) else f"Needs the role {self.role}; you are {role}."


def table() -> list[dict[str, str]]:
    """Every operation with a column for each role."""
    return [
        {
            "operation": each.does,
            **{str(role): "yes" if each.may(role) else "no" for role in Role},
            "command": ", ".join(each.commands),
            "page": each.page or "–",
        }
        for each in Operation
    ]


def markdown() -> str:
    """The page of the docs."""
    head = ["Operation", *(str(role) for role in Role), "Command", "Page"]
    rows = [head, ["---"] * len(head)]
    for row in table():
        commands = ", ".join(f"`{each}`" for each in row["command"].split(", "))
        rows.append([row["operation"], *(row[role] for role in Role), commands, row["page"]])
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        "# Operations and roles\n\nEverything that Slipway can change, and who may. Written by `make golden` "
        "from `ops/operations.py`, which is what `ops.plan.execute` checks: a plan without an operation of "
        "this list cannot be made. What is not here only reads.\n\n" + lines + "\n"
    )
