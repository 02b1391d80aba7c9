"""What a check returns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

from ops.access import policy_text
from ops.aws.cloud import Cloud, Place
from ops.errors import AccessDenied, AwsError, SlipwayError
from ops.templates.access.grants import JOBS, Grant, Job

FINE, FAILS, NOT_READ = 0, 1, 4  # exit status


class Result(StrEnum):
    """The result of a check. The values are part of the JSON output."""

    WORKS = "works"
    REFUSED = "refused"  # AWS rejected the request; the reason is its message
    WOULD_FAIL = "would fail"  # AWS answered, and with this answer an operation fails
    NOT_ASKED = "not asked"  # there is no answer, so nothing is known


@dataclass(frozen=True)
class Finding:
    """The result of a check of one thing. `job` is empty if it concerns all jobs, `region` if all regions.

    `reason` is AWS's message, or why it was not asked. `statement` is the IAM policy to add, as JSON, if a
    permission is missing; `hint` is what else to do.
    """

    check: str
    subject: str
    result: Result
    account: str
    region: str = ""
    job: str = ""
    reason: str = ""
    statement: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Question:
    """What a check is called with: where to ask, and for which jobs."""

    cloud: Cloud
    place: Place
    jobs: tuple[Job, ...] = JOBS

    def concerns(self, job: Job) -> bool:
        return job in self.jobs


def refusal(check: str, subject: str, question: Question, error: SlipwayError, job: str = "") -> Finding:
    """Return the finding for an error. Without a permission, AWS refused; any other error is no answer."""
    place = question.place
    if not isinstance(error, AccessDenied):
        refused = isinstance(error, AwsError) and error.code in ("ValidationError", "InvalidDefinition")
        result = Result.REFUSED if refused else Result.NOT_ASKED
        return Finding(
            check, subject, result, place.account.name, place.region, job, str(error), hint=error.hint
        )
    denied = "explicit deny" in error.detail
    return Finding(
        check,
        subject,
        Result.REFUSED,
        place.account.name,
        place.region,
        job,
        str(error),
        statement="" if denied else policy_text([Grant((_action(error),))], place),
        hint="A policy denies it, so adding a statement does not help. Change that policy."
        if denied
        else "Add the statement to the role in use.",
    )


def _action(error: AccessDenied) -> str:
    """Return the IAM action of the error's operation, which only AWS's message has with its service."""
    words = error.detail.replace(",", " ").split()
    named = (word for word in words if word.count(":") == 1 and word.endswith(f":{error.operation}"))
    after = (action for verb, action in pairwise(words) if verb == "perform:" and action.count(":") == 1)
    return next(named, "") or next(after, error.operation)


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 0 if everything works, 1 if something fails, and 4 if something was not asked."""
    results = {finding.result for finding in findings}
    if results & {Result.REFUSED, Result.WOULD_FAIL}:
        return FAILS
    return NOT_READ if Result.NOT_ASKED in results or not results else FINE


def merged(findings: Sequence[Finding]) -> list[tuple[Finding, str]]:
    """Return the findings that differ in more than the account and Region, each with its places."""
    places: dict[Finding, list[str]] = {}
    for finding in findings:
        where = " ".join(filter(None, (finding.account, finding.region)))
        places.setdefault(replace(finding, account="", region=""), []).append(where)
    return [(finding, ", ".join(where)) for finding, where in places.items()]


def summary(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return a row for each check: how many of its results are of each kind."""
    rows: dict[str, dict[str, Any]] = {}
    for finding in findings:
        row = rows.setdefault(
            finding.check, {"check": finding.check, **{str(result).replace(" ", "_"): 0 for result in Result}}
        )
        row[str(finding.result).replace(" ", "_")] += 1
    return list(rows.values())
