"""Check the IAM permissions that each job needs, with the IAM policy simulator."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ops.aws import iam
from ops.aws.cloud import Cloud, Place
from ops.errors import SlipwayError
from ops.templates.access.grants import ALL, JOBS, Grant, Job

SIMULATION = Grant(("iam:GetRole", "iam:SimulatePrincipalPolicy"))


class PermissionStatus(StrEnum):
    ALLOWED = "allowed"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class JobPermission:
    """Whether a job has its read or write permissions, with the missing ones or the reason for UNKNOWN."""

    job: Job
    changes: bool
    status: PermissionStatus
    missing: tuple[Grant, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class AccountPermissions:
    """The permissions of the current principal in one account."""

    place: Place
    principal: str
    permissions: tuple[JobPermission, ...]

    def statement(self, grants: Iterable[Grant]) -> str:
        """Return an IAM policy with the grants, as JSON."""
        statements = [
            {
                "Effect": "Allow",
                "Action": list(grant.actions),
                "Resource": [_resolve(arn, self.place, self.principal) for arn in grant.resources],
            }
            for grant in grants
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def read_permissions(cloud: Cloud, place: Place) -> AccountPermissions:
    """Simulate the permissions of every job. If simulation is denied, they are UNKNOWN."""
    kinds = [(job, changes) for job in JOBS for changes in (False, True)]
    try:
        principal = iam.current_principal(cloud, place)
        permissions = tuple(_simulate(cloud, place, principal, job, changes) for job, changes in kinds)
    except SlipwayError as error:
        status, reason = PermissionStatus.UNKNOWN, str(error)
        unknown = (JobPermission(job, changes, status, (), reason) for job, changes in kinds)
        return AccountPermissions(place, "", tuple(unknown))
    return AccountPermissions(place, principal, permissions)


def _simulate(cloud: Cloud, place: Place, principal: str, job: Job, changes: bool) -> JobPermission:
    if principal.endswith(":root"):
        return JobPermission(job, changes, PermissionStatus.ALLOWED, (), "the account's root user")
    grants = job.changes if changes else job.reads
    missing = tuple(filter(None, (_missing(cloud, place, principal, grant) for grant in grants)))
    status = PermissionStatus.MISSING if missing else PermissionStatus.ALLOWED
    return JobPermission(job, changes, status, missing)


def _missing(cloud: Cloud, place: Place, principal: str, grant: Grant) -> Grant | None:
    """Return the grant's actions that are allowed on none of its resources, or None.

    An action need not be allowed on all of them: not every action applies to every resource type.
    """
    denied = grant.actions
    for resource in grant.resources:
        example = _resolve(resource, place, principal)
        if resource not in ALL:
            example = example.replace("*", "example")
        denied = tuple(iam.denied_actions(cloud, place, principal, denied, example))
        if not denied:
            return None
    return Grant(denied, grant.resources)


def _resolve(resource: str, place: Place, principal: str) -> str:
    """Return the ARN with its `${…}` variables replaced. The name of the log bucket becomes a wildcard."""
    variables = {
        "AWS::Partition": principal.split(":")[1] if principal else "aws",
        "AWS::AccountId": place.account.id,
        "AWS::Region": place.region,
        "LogBucket": "*",
    }
    for name, value in variables.items():
        resource = resource.replace(f"${{{name}}}", value)
    return resource
