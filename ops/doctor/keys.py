"""The KMS keys of deployed stacks: their state and their policies."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.aws import kms
from ops.aws.cloudformation import stacks as cloudformation
from ops.aws.cloudformation.stacks import Stack
from ops.doctor import key_policies
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.errors import SlipwayError
from ops.templates import logs, snapshots
from ops.templates.access.grants import LOGS, SNAPSHOTS, Job

CHECK = "keys"
OF_SNAPSHOTS = ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
OF_LOGS = ("kms:Decrypt", "kms:GenerateDataKey")
TO_COPY = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
)  # in the accounts that a snapshot is shared with


@dataclass(frozen=True)
class KeyUse:
    """A key of a stack, with the actions that each account needs on it."""

    job: Job
    stack: str
    key: str
    actions: dict[str, tuple[str, ...]]


def check(question: Question) -> Iterator[Finding]:
    place = question.place
    stacks = cloudformation.list_stacks(question.cloud, place.account.id, place.region)
    for use in (found for stack in stacks for found in _uses(stack, place.account.id)):
        if question.concerns(use.job):
            subject = f"{use.stack}: {use.key}"
            try:
                yield from _findings(question, subject, use)
            except SlipwayError as error:
                yield refusal(CHECK, subject, question, error, use.job.name)


def _uses(stack: Stack, account: str) -> Iterator[KeyUse]:
    parameters = stack.parameters
    if stack.description == snapshots.DESCRIPTION and (key := parameters.get("KmsKeyArn")):
        shares = filter(None, parameters.get("ShareWith", "").split(","))
        yield KeyUse(SNAPSHOTS, stack.name, key, {**dict.fromkeys(shares, TO_COPY), account: OF_SNAPSHOTS})
    export = stack.description in (logs.CENTRAL_DESCRIPTION, logs.MEMBER_DESCRIPTION)
    if export and (key := parameters.get("KeyArn")):
        yield KeyUse(LOGS, stack.name, key, {account: OF_LOGS})


def _findings(question: Question, subject: str, use: KeyUse) -> Iterator[Finding]:
    place, job = question.place, use.job.name

    def finding(result: Result, reason: str, *, statement: str = "", hint: str = "") -> Finding:
        return Finding(CHECK, subject, result, place.account.name, place.region, job, reason, statement, hint)

    key = kms.read_key(question.cloud, place, use.key)
    if key is None or key.state != "Enabled":
        state = f"the key is {key.state}" if key else "the key does not exist"
        hint = "Enable the key, or cancel its deletion." if key else "Deploy the stack with another key."
        yield finding(Result.WOULD_FAIL, state, hint=hint)
        return
    policy = kms.read_key_policy(question.cloud, place, use.key)
    problems = 0
    for account, actions in use.actions.items():
        access = key_policies.key_access(policy, account, actions)
        if access.denied:
            yield finding(
                Result.WOULD_FAIL,
                f"the key policy denies {', '.join(access.denied)} to the account {account}",
                hint="Remove the statement that denies it from the key policy.",
            )
        if access.missing:
            partition = key.arn.split(":")[1]
            yield finding(
                Result.WOULD_FAIL,
                f"the key policy does not allow {', '.join(access.missing)} to the account {account}",
                statement=key_policies.statement(partition, account, access.missing),
                hint="Add the statement to the key policy.",
            )
        if access.named:
            yield finding(
                Result.NOT_ASKED,
                f"the key policy allows {', '.join(access.named)} only to single principals of the account "
                f"{account}; whether Slipway's roles are among them is not checked",
            )
        problems += bool(access.denied or access.missing or access.named)
    if not problems:
        yield finding(Result.WORKS, "enabled, and the key policy delegates to IAM")
