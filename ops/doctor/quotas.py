"""Whether enough is left of the quotas for what Slipway creates."""

import json
from collections.abc import Iterator, Mapping

from ops.aws.inspection import quotas
from ops.aws.inspection.quotas import Quota
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.doctor.own_templates import OWN_TEMPLATES, resources
from ops.errors import SlipwayError
from ops.templates.access.grants import LOGS, SNAPSHOTS, Job

CHECK, OF_ACCOUNT = "quotas", "quotas of the account"
# What a run has at the same time: a copy of the database, a snapshot of it, and the sanitized snapshot.
RUN = {"DBInstances": 1, "ManualSnapshots": 2, "DBClusters": 1, "ManualClusterSnapshots": 2}
CONCURRENCY = 10  # the processor, the subscriber, and the handlers of state machines, when they are busy


def check(question: Question) -> Iterator[Finding]:
    """Check the quotas of one region."""
    cloud, place = question.cloud, question.place
    if question.concerns(SNAPSHOTS):
        try:
            found = quotas.database_quotas(cloud, place)
        except SlipwayError as error:
            yield refusal(CHECK, "Amazon RDS", question, error, SNAPSHOTS.name)
        else:
            yield from _enough(question, found, RUN, SNAPSHOTS)
    if question.concerns(LOGS):
        try:
            shards, streams = quotas.stream_quotas(cloud, place)
            log_policies = quotas.log_policies(cloud, place)
        except SlipwayError as error:
            yield refusal(CHECK, "Kinesis, CloudWatch Logs", question, error, LOGS.name)
        else:
            of_logs = {each.name: each for each in (shards, streams, log_policies)}
            yield from _enough(question, of_logs, dict.fromkeys(of_logs, 1), LOGS)
    concurrency = quotas.concurrency(cloud, place)
    yield from _enough(question, {concurrency.name: concurrency}, {concurrency.name: CONCURRENCY})


def check_account(question: Question) -> Iterator[Finding]:
    """Check the quotas of the account."""
    found = {each.name: each for each in quotas.identity_quotas(question.cloud, question.place)}
    roles, policies = found
    needed = {
        roles: _count(question, "AWS::IAM::Role"),
        policies: _count(question, "AWS::IAM::ManagedPolicy"),
    }
    yield from _enough(question, found, needed)


def _count(question: Question, kind: str) -> int:
    """Return the number of resources of a type if every stack of the jobs is deployed again."""
    bodies = [json.loads(each.body()) for each in OWN_TEMPLATES if question.concerns(each.job)]
    return sum(1 for body in bodies for _ in resources(body, kind))


def _enough(
    question: Question, found: Mapping[str, Quota], needed: Mapping[str, int], job: Job | None = None
) -> Iterator[Finding]:
    place, job_name = question.place, job.name if job else ""
    for name, number in needed.items():
        if quota := found.get(name):
            enough = quota.free >= number
            yield Finding(
                CHECK,
                quota.name,
                Result.WORKS if enough else Result.WOULD_FAIL,
                place.account.name,
                place.region,
                job_name,
                f"{quota.used:,} of {quota.limit:,} used; {number} needed",
                hint="" if enough else "Request a higher quota in Service Quotas, or delete what is unused.",
            )
        else:
            yield Finding(
                CHECK,
                name,
                Result.NOT_ASKED,
                place.account.name,
                place.region,
                job_name,
                "the service did not report this quota",
            )
