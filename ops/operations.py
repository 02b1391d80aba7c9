"""All operations that change something in AWS or write a file that others use, with the role each requires.

Every plan names its operation, so nothing outside this list can be executed. The role check, the pages, and
docs/operations.md all use this list.
"""

from dataclasses import dataclass
from enum import Enum

from ops.roles import Role


@dataclass(frozen=True)
class _Entry:
    does: str
    role: Role
    command: str  # after `slipway`; comma-separated
    page: str


OPERATOR, ADMINISTRATOR = Role.OPERATOR, Role.ADMINISTRATOR


class Operation(Enum):
    """An operation. `role` is the lowest role that is allowed to run it."""

    PREPARE_STACK = _Entry(
        "Upload a stack's template and create a change set",
        ADMINISTRATOR,
        "snapshots deploy, rollouts deploy, setup deploy",
        "Snapshot pipeline",
    )
    DEPLOY_STACK = _Entry(
        "Execute a change set",
        ADMINISTRATOR,
        "snapshots deploy, rollouts deploy, setup deploy",
        "Snapshot pipeline",
    )
    DISCARD_CHANGES = _Entry(
        "Delete a change set without executing it",
        ADMINISTRATOR,
        "snapshots deploy, rollouts deploy, setup deploy",
        "Snapshot pipeline",
    )
    TRY_CHANGE_SETS = _Entry(
        "Create change sets of new stacks to see what CloudFormation says, and delete them",
        ADMINISTRATOR,
        "doctor",
        "",
    )
    PROVE = _Entry(
        "Deploy everything in a sandbox account, run it, and delete it again", ADMINISTRATOR, "prove", ""
    )
    SET_UP_ORGANIZATION = _Entry(
        "Deploy or delete Slipway's roles in the accounts of an organization, and write the settings",
        ADMINISTRATOR,
        "setup organization",
        "",
    )
    DELETE_STACK = _Entry(
        "Delete a snapshot pipeline's stack", ADMINISTRATOR, "snapshots delete", "Snapshot pipeline"
    )
    ADOPT_STACK = _Entry(
        "Deploy a stack beside that of another tool, then delete one of the two", ADMINISTRATOR, "adopt", ""
    )
    REFRESH_SNAPSHOT = _Entry(
        "Start a run that creates a sanitized snapshot", OPERATOR, "snapshots refresh", "Snapshots"
    )
    STOP_REFRESH = _Entry(
        "Stop a run and delete its temporary resources", OPERATOR, "snapshots stop", "Snapshots"
    )
    CLEAN_UP_REFRESH = _Entry(
        "Delete the remaining temporary resources of a run", OPERATOR, "snapshots clean-up", "Snapshots"
    )
    RESTORE_SNAPSHOT = _Entry(
        "Restore a database from a sanitized snapshot", ADMINISTRATOR, "snapshots restore", "Snapshots"
    )
    DEPLOY_EXPORT = _Entry(
        "Deploy or update the log export in accounts and regions", ADMINISTRATOR, "logs deploy", "Log export"
    )
    REMOVE_EXPORT = _Entry(
        "Unsubscribe log groups and remove the log export", ADMINISTRATOR, "logs remove", "Log export"
    )
    SUBSCRIBE_GROUPS = _Entry("Subscribe log groups", OPERATOR, "logs subscribe", "Log export")
    UNSUBSCRIBE_GROUPS = _Entry("Unsubscribe log groups", ADMINISTRATOR, "logs unsubscribe", "Log export")
    REPLAY_RECORDS = _Entry("Replay failed log records", OPERATOR, "logs replay", "Log export")
    BACKFILL_LOGS = _Entry(
        "Backfill log events from before the subscription", OPERATOR, "logs backfill", "Log export"
    )
    SET_RETENTION = _Entry(
        "Set the retention of exported log groups", ADMINISTRATOR, "logs retention", "Log export"
    )
    COMPACT_LOGS = _Entry("Compact exported objects into larger ones", OPERATOR, "logs compact", "")
    CREATE_LOG_TABLES = _Entry(
        "Create Athena tables for logs of AWS services", OPERATOR, "logs create-tables", ""
    )
    PREVIEW_ROLLOUT = _Entry(
        "Preview a rollout: create and delete a change set in every target",
        OPERATOR,
        "rollouts plan, rollouts start",
        "Rollouts",
    )
    START_ROLLOUT = _Entry("Start a rollout", OPERATOR, "rollouts start", "Rollouts")
    CONTROL_ROLLOUT = _Entry(
        "Control a rollout: pause, resume, roll back, approve a stage, skip a bake, override blockers",
        OPERATOR,
        "rollouts pause, rollouts resume, rollouts roll-back, rollouts skip-bake, rollouts override, "
        "rollouts approve",
        "Rollouts",
    )
    FREEZE_ROLLOUTS = _Entry(
        "Freeze or unfreeze all rollouts", OPERATOR, "rollouts freeze, rollouts unfreeze", "Rollouts"
    )
    WRITE_ROLLOUT = _Entry(
        "Upload a template and write a rollout file", ADMINISTRATOR, "rollouts draft", "Rollouts"
    )
    SAVE_QUERY = _Entry("Save a log query for everybody", OPERATOR, "", "Logs")
    CHANGE_ALERTS = _Entry(
        "Create, test, pause, resume, or delete an alert on exported logs",
        OPERATOR,
        "logs alerts add, logs alerts test, logs alerts pause, logs alerts resume, logs alerts delete",
        "Logs",
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

    def allows(self, role: Role) -> bool:
        """Return whether the role is allowed to run this operation."""
        return role.includes(self.role)

    def refusal(self, role: Role) -> str:
        """Return why the role is not allowed to run this operation, or an empty string if it is."""
        return "" if self.allows(role) else f"Requires the role {self.role}. Your role is {role}."


def table() -> list[dict[str, str]]:
    """Return a row for every operation, with a column for each role."""
    return [
        {
            "operation": operation.does,
            **{str(role): "yes" if operation.allows(role) else "no" for role in Role},
            "command": ", ".join(operation.commands),
            "page": operation.page or "–",
        }
        for operation in Operation
    ]


def markdown() -> str:
    """Return docs/operations.md."""
    head = ["Operation", *(role.capitalize() for role in Role), "Command", "Page"]
    rows = [head, ["---"] * len(head)]
    for row in table():
        commands = ", ".join(f"`{command}`" for command in row["command"].split(", ") if command) or "–"
        rows.append([row["operation"], *(row[role] for role in Role), commands, row["page"]])
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        "# Operations and roles\n\n"
        "Every operation that changes something in AWS or writes a file that others use, and the roles that "
        "are allowed to run it. Everything else in Slipway is read-only. To assign roles, see "
        "[Sign-in and roles](sign-in.md).\n\n"
        f"{lines}\n\n"
        "This page is generated from `ops/operations.py` by `make golden`. Slipway checks the role when it "
        "executes a plan (`ops.plan.execute`), not only on the page.\n"
    )
