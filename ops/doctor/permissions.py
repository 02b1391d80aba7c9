"""What IAM's policy simulator says about the permissions of the principal in use and of Slipway's roles.

The simulator knows neither service control policies of other accounts nor resource-based policies.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ops.access import PermissionStatus, Use, policy_text, read_permissions
from ops.aws import iam
from ops.aws.cloud import Cloud, Place
from ops.doctor.findings import Finding, Question, Result
from ops.errors import SlipwayError
from ops.logs.datasets import location_of
from ops.logs.export.installed import find_exports
from ops.operations import Operation
from ops.templates.access.grants import DEPLOY, LOGS, Grant, Job
from ops.templates.access.roles import READ_ROLE, ROLE, STACK_BOUNDARY

CHECK = "permissions"
MAX_REASONS = 5
LOG_BUCKET = "${LogBucket}"


def check(question: Question) -> Iterator[Finding]:
    cloud, place = question.cloud, question.place
    current = iam.current_principal(cloud, place)
    roles = (iam.find_role(cloud, place, name) for name in (ROLE, READ_ROLE))
    bucket = _log_bucket(cloud, place) if question.concerns(LOGS) else ""
    jobs = tuple(_in_account(job, bucket) for job in question.jobs)
    for principal in dict.fromkeys([current, *filter(None, roles)]):
        yield from _of_principal(question, principal, jobs)


def _log_bucket(cloud: Cloud, place: Place) -> str:
    """Return the bucket of exported logs in the account, or an empty string: it is in one account only."""
    account = place.account
    for text in cloud.settings.logs:
        with suppress(SlipwayError):  # of an account that is not configured
            location = location_of(cloud, text)
            if (location.account or cloud.account().id) == account.id:
                return location.bucket
    regions = dict.fromkeys((place.region, *(account.regions or cloud.settings.regions)))
    exports = (each for region in regions for each in find_exports(cloud, Place(account, region)))
    return next((each.location.bucket for each in exports if each.location), "")


def _in_account(job: Job, bucket: str) -> Job:
    """Return the job with its permissions for the bucket, or without those if there is none."""

    def grants(found: tuple[Grant, ...]) -> tuple[Grant, ...]:
        return tuple(
            Grant(grant.actions, tuple(arn.replace(LOG_BUCKET, bucket) for arn in grant.resources))
            for grant in found
            if bucket or not any(LOG_BUCKET in arn for arn in grant.resources)
        )

    return replace(job, reads=grants(job.reads), changes=grants(job.changes), deploys=grants(job.deploys))


def _of_principal(question: Question, principal: str, jobs: tuple[Job, ...]) -> Iterator[Finding]:
    place, name = question.place, principal.rsplit("/", 1)[-1]
    uses = (Use.READ,) if name == READ_ROLE else tuple(Use)
    account = read_permissions(question.cloud, place, principal, jobs, uses)
    for each in account.permissions:
        subject = f"{name}: {each.job.name}, {each.use}"
        if each.status is PermissionStatus.ALLOWED:
            yield Finding(CHECK, subject, Result.WORKS, place.account.name, job=each.job.name)
        elif each.status is PermissionStatus.UNKNOWN:
            yield Finding(
                CHECK, subject, Result.NOT_ASKED, place.account.name, job=each.job.name, reason=each.reason
            )
        else:
            reasons = [f"{denial.action}: {denial.reason}" for denial in each.denials]
            more = f", and {len(reasons) - MAX_REASONS} more" if len(reasons) > MAX_REASONS else ""
            explicit = {denial.action for denial in each.denials if denial.explicit}
            addable = [grant for grant in each.missing if not explicit.issuperset(grant.actions)]
            yield Finding(
                CHECK,
                subject,
                Result.WOULD_FAIL,
                place.account.name,
                job=each.job.name,
                reason="; ".join(reasons[:MAX_REASONS]) + more,
                statement=policy_text(addable, place, principal) if addable else "",
                hint=" ".join(
                    filter(None, (_affected(each.job, each.use), _boundary_hint(question, explicit)))
                ),
            )


def _affected(job: Job, use: Use) -> str:
    """Return the commands that fail."""
    if use is Use.READ:
        return "Affects the pages and the read commands of the job."
    commands = [
        command
        for operation in Operation
        for command in operation.commands
        if (command.startswith(f"{job.name} ") or (job.name == DEPLOY.name and " deploy" in command))
        and (use is Use.WRITE or command.endswith(" deploy"))
    ]
    return f"Affects: {', '.join(dict.fromkeys(commands))}." if commands else ""


def _boundary_hint(question: Question, explicit: set[str]) -> str:
    if "iam:CreateRole" in explicit and not question.cloud.settings.permissions_boundary:
        return (
            "The role may create only roles with a permissions boundary: "
            f'set permissions_boundary = "{STACK_BOUNDARY}" in slipway.toml.'
        )
    return "A policy denies what is explicitDeny: change that policy." if explicit else ""
