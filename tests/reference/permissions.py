"""The reference of the IAM permissions of each job."""

from collections.abc import Iterable

from ops.templates.access.grants import JOBS, Grant

INTRODUCTION = (
    "# Permissions",
    "`make golden` generates this page from `ops/templates/access/grants.py`; a test compares that file with "
    "the API calls in the code. The stack `slipway-access` creates roles with these permissions: see "
    "[Deploy the IAM roles](../real-aws.md#deploy-the-iam-roles). `slipway doctor` shows which are missing.",
)
USES = (
    ("Read", "for the pages and the reading commands"),
    ("Write", "for the operations"),
    ("Deploy", "for CloudFormation, which creates the resources of the stacks with them"),
)


def page() -> str:
    parts = [*INTRODUCTION]
    for job in JOBS:
        parts.append(f"## {job.name}\n\n{job.does}.")
        for (use, purpose), grants in zip(USES, (job.reads, job.changes, job.deploys), strict=True):
            if grants:
                parts.append(f"### {use}: {job.name}\n\nPermissions {purpose}.\n\n{_table(grants)}")
    return "\n\n".join(parts)


def _table(grants: Iterable[Grant]) -> str:
    rows = [f"| {_cell(grant.actions)} | {_cell(grant.resources)} |" for grant in grants]
    return "\n".join(["| Actions | Resources |", "|---|---|", *rows])


def _cell(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
