"""Whether the configured regions are enabled in the account."""

from collections.abc import Iterator

from ops.aws.regions import region_statuses
from ops.doctor.findings import Finding, Question, Result

CHECK = "regions"
ENABLED = ("ENABLED", "ENABLED_BY_DEFAULT")


def check(question: Question) -> Iterator[Finding]:
    account = question.place.account
    statuses = region_statuses(question.cloud, account.id)
    settings = question.cloud.settings
    for region in dict.fromkeys([settings.home_region, *(account.regions or settings.regions)]):
        status = statuses.get(region, "not a Region of this account")
        yield Finding(
            CHECK,
            region,
            Result.WORKS if status in ENABLED else Result.WOULD_FAIL,
            account.name,
            region,
            reason=status,
            hint=""
            if status in ENABLED
            else f"Enable the Region (`aws account enable-region --region-name {region}`), or remove it from "
            "slipway.toml.",
        )
