"""Whether the endpoints of AWS can be reached from this machine."""

from collections.abc import Iterator

from ops.aws.inspection.endpoints import SERVICES, unreachable
from ops.doctor.findings import Finding, Question, Result

CHECK = "endpoints"


def check(question: Question) -> Iterator[Finding]:
    place = question.place
    failures = unreachable(question.cloud, place)
    for url, reason in failures.items():
        yield Finding(
            CHECK,
            url,
            Result.WOULD_FAIL,
            place.account.name,
            place.region,
            reason=reason,
            hint="Allow HTTPS to it: a proxy (HTTPS_PROXY), a firewall rule, or a VPC endpoint.",
        )
    if not failures:
        subject = f"Endpoints of {len(SERVICES)} services"
        yield Finding(CHECK, subject, Result.WORKS, place.account.name, place.region, reason="reachable")
