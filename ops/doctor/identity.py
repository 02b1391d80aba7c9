"""Whose credentials Slipway has in each account."""

from collections.abc import Iterator

from ops.access import policy_text
from ops.aws import iam
from ops.doctor.findings import Finding, Question, Result
from ops.errors import AccessDenied, SlipwayError
from ops.templates.access.grants import Grant

CHECK = "identity"


def check(question: Question) -> Iterator[Finding]:
    place = question.place
    subject = place.account.role or "Credentials of the environment"
    try:
        account = iam.current_account(question.cloud, place)
    except AccessDenied as error:
        yield Finding(
            CHECK,
            subject,
            Result.REFUSED,
            place.account.name,
            reason=str(error),
            statement=policy_text([Grant(("sts:AssumeRole",), (subject,))], place)
            if place.account.role
            else "",
            hint="Add the statement to the principal that Slipway runs as, and name that principal in the "
            "role's trust policy: the parameter WorkbenchArn of the stack slipway-access.",
        )
        return
    except SlipwayError as error:
        yield Finding(
            CHECK, subject, Result.NOT_ASKED, place.account.name, reason=str(error), hint=error.hint
        )
        return
    if account == place.account.id:
        yield Finding(CHECK, subject, Result.WORKS, place.account.name, reason=f"in the account {account}")
        return
    yield Finding(
        CHECK,
        subject,
        Result.WOULD_FAIL,
        place.account.name,
        reason=f"the credentials are those of the account {account}, not of {place.account.id}",
        hint="Correct the id or the role of the account in slipway.toml.",
    )
