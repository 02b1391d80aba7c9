"""Check the IAM permissions that each job needs, with the IAM policy simulator."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ops.aws import iam
from ops.aws.cloud import Cloud, Place
from ops.aws.iam import Denial
from ops.errors import SlipwayError
from ops.templates.access.grants import ALL, IAM, JOBS, Grant, Job

SIMULATION = Grant(("iam:GetRole", "iam:SimulatePrincipalPolicy"))
BOUNDARY_KEY = "iam:PermissionsBoundary"  # the working role may create only roles with a certain boundary


class PermissionStatus(StrEnum):
    ALLOWED = "allowed"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Use(StrEnum):
    """What permissions are for: a job's pages, its operations, or its stacks."""

    READ = "read"
    WRITE = "write"
    DEPLOY = "deploy"


@dataclass(frozen=True)
class JobPermission:
    """Whether a job has its permissions for a use, with the missing ones or the reason for UNKNOWN.

    `denials` say why they are missing.
    """

    job: Job
    use: Use
    status: PermissionStatus
    missing: tuple[Grant, ...] = ()
    denials: tuple[Denial, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class AccountPermissions:
    """The permissions of a principal in one account."""

    place: Place
    principal: str
    permissions: tuple[JobPermission, ...]

    def statement(self, grants: Iterable[Grant]) -> str:
        """Return an IAM policy with the grants, as JSON."""
        return policy_text(grants, self.place, self.principal)


def policy_text(grants: Iterable[Grant], place: Place, principal: str = "") -> str:
    """Return an IAM policy with the grants, as JSON. The partition is that of the principal's ARN."""
    statements = [
        {
            "Effect": "Allow",
            "Action": list(grant.actions),
            "Resource": [_resolve(arn, place, principal) for arn in grant.resources],
        }
        for grant in grants
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def read_permissions(
    cloud: Cloud,
    place: Place,
    principal: str = "",
    jobs: Sequence[Job] = JOBS,
    uses: Sequence[Use] = tuple(Use),
) -> AccountPermissions:
    """Simulate the permissions of jobs; by default, all of the current principal.

    If simulation is denied, they are UNKNOWN.
    """
    wanted = [(job, use) for job in jobs for use in uses if _grants(job, use)]
    try:
        principal = principal or iam.current_principal(cloud, place)
        found = _simulate(
            cloud, place, principal, [grant for job, use in wanted for grant in _grants(job, use)]
        )
    except SlipwayError as error:
        status, reason = PermissionStatus.UNKNOWN, str(error)
        unknown = (JobPermission(job, use, status, reason=reason) for job, use in wanted)
        return AccountPermissions(place, "", tuple(unknown))
    return AccountPermissions(place, principal, tuple(_permission(job, use, found) for job, use in wanted))


def _grants(job: Job, use: Use) -> tuple[Grant, ...]:
    return {Use.READ: job.reads, Use.WRITE: job.changes, Use.DEPLOY: job.deploys}[use]


def _permission(job: Job, use: Use, found: Mapping[Grant, tuple[Denial, ...]]) -> JobPermission:
    denied = {grant: found[grant] for grant in _grants(job, use) if found[grant]}
    missing = tuple(
        Grant(tuple(denial.action for denial in denials), grant.resources)
        for grant, denials in denied.items()
    )
    status = PermissionStatus.MISSING if missing else PermissionStatus.ALLOWED
    return JobPermission(
        job, use, status, missing, tuple(each for denials in denied.values() for each in denials)
    )


def _simulate(
    cloud: Cloud, place: Place, principal: str, grants: Iterable[Grant]
) -> dict[Grant, tuple[Denial, ...]]:
    """Return what each grant lacks: actions that are allowed on none of its resources.

    An action need not be allowed on all of them: not every action applies to every resource type. Grants are
    simulated together, resource by resource, because calls of the simulator are throttled.
    """
    if principal.endswith(":root"):  # no policy limits the account's root user
        return dict.fromkeys(grants, ())
    left = {grant: grant.actions for grant in grants}
    found: dict[Grant, tuple[Denial, ...]] = dict.fromkeys(left, ())
    for number in range(max((len(grant.resources) for grant in left), default=0)):
        asked: dict[str, set[str]] = {}
        for grant, actions in left.items():
            if number < len(grant.resources):
                asked.setdefault(grant.resources[number], set()).update(actions)
        denied = {
            resource: {each.action: each for each in _denials(cloud, place, principal, actions, resource)}
            for resource, actions in asked.items()
            if actions
        }
        for grant, actions in left.items():
            if number < len(grant.resources) and actions:
                refused = denied[grant.resources[number]]
                found[grant] = tuple(refused[action] for action in actions if action in refused)
                left[grant] = tuple(denial.action for denial in found[grant])
    return found


def _denials(
    cloud: Cloud, place: Place, principal: str, actions: Iterable[str], resource: str
) -> list[Denial]:
    example = _resolve(resource, place, principal)
    if resource not in ALL:
        example = example.replace("*", "example")
    context = {}
    if boundary := cloud.settings.permissions_boundary:
        context[BOUNDARY_KEY] = _resolve(f"{IAM}:policy/{boundary}", place, principal)
    return iam.denials(cloud, place, principal, tuple(sorted(actions)), example, context)


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
