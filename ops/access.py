"""What we may do in an account, job by job, by simulation; and the statement that is missing."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ops.aws import iam
from ops.aws.cloud import Cloud, Place
from ops.errors import SlipwayError
from ops.templates.access.grants import ALL, JOBS, Grant, Job

SIMULATION = Grant(("iam:GetRole", "iam:SimulatePrincipalPolicy"))


class Verdict(StrEnum):
    MAY = "may"
    LACKS = "lacks something"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Right:
    """Whether a job may read or change what it needs; what is missing, or the reason why one cannot tell."""

    job: Job
    changes: bool
    verdict: Verdict
    missing: tuple[Grant, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Rights:
    """Of one account: who we are there, and every right."""

    place: Place
    principal: str
    rights: tuple[Right, ...]

    def statement(self, grants: Iterable[Grant]) -> str:
        """The policy that adds the grants, as JSON to copy."""
        statements = [
            {
                "Effect": "Allow",
                "Action": list(grant.actions),
                "Resource": [_filled(each, self.place, self.principal) for each in grant.resources],
            }
            for grant in grants
        ]
        return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def read_rights(cloud: Cloud, place: Place) -> Rights:
    """Asks IAM of every job. What it does not let us ask is UNKNOWN, never a guess."""
    kinds = [(job, changes) for job in JOBS for changes in (False, True)]
    try:
        principal = iam.our_principal(cloud, place)
        rights = tuple(_right(cloud, place, principal, job, changes) for job, changes in kinds)
    except SlipwayError as error:
        unknown = (Right(job, changes, Verdict.UNKNOWN, (), str(error)) for job, changes in kinds)
        return Rights(place, "", tuple(unknown))
    return Rights(place, principal, rights)


def _right(cloud: Cloud, place: Place, principal: str, job: Job, changes: bool) -> Right:
    if principal.endswith(":root"):
        return Right(job, changes, Verdict.MAY, (), "the account's root user")
    grants = job.changes if changes else job.reads
    missing = tuple(filter(None, (_missing(cloud, place, principal, grant) for grant in grants)))
    return Right(job, changes, Verdict.LACKS if missing else Verdict.MAY, missing)


def _missing(cloud: Cloud, place: Place, principal: str, grant: Grant) -> Grant | None:
    """What of the grant is allowed on none of its resources: not every action is for every kind of them."""
    denied = grant.actions
    for resource in grant.resources:
        example = _filled(resource, place, principal)
        if resource not in ALL:
            example = example.replace("*", "example")
        denied = tuple(iam.denied_actions(cloud, place, principal, denied, example))
        if not denied:
            return None
    return Grant(denied, grant.resources)


def _filled(resource: str, place: Place, principal: str) -> str:
    """The ARN with what a template's Fn::Sub would fill in; a bucket that nobody named stays open."""
    known = {
        "AWS::Partition": principal.split(":")[1] if principal else "aws",
        "AWS::AccountId": place.account.id,
        "AWS::Region": place.region,
        "LogBucket": "*",
    }
    for name, value in known.items():
        resource = resource.replace(f"${{{name}}}", value)
    return resource
