"""The export's stacks in an account and region, and the log groups that each one selects."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import Stack, list_stacks
from ops.logs.lake.layout import Location
from ops.templates.logs import CENTRAL_DESCRIPTION, MEMBER_DESCRIPTION
from ops.templates.logs.subscriber import CANARY_GROUPS, OWN_GROUPS

NEVER_COMPLETE = (
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
)  # no complete stack was ever created


@dataclass(frozen=True)
class SubscriptionRules:
    """Which log groups a stack's subscriber exports and how, from the stack's parameters."""

    filter: str
    destination: str
    role: str = ""
    by_account: bool = False
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    own: tuple[str, ...] = (OWN_GROUPS,)
    canary: str = ""  # always exported

    def is_own(self, group: str) -> bool:
        """Whether the group belongs to the export itself: exporting it would be an endless loop."""
        return group.startswith(self.own)

    def exclusion_reason(self, group: str) -> str:
        """Return the reason why the parameters exclude the group; empty if they include it."""
        if self.canary and group == self.canary:
            return ""
        if not group.startswith(self.prefix):
            return f"its name does not start with {self.prefix} (LogGroupNamePrefix)"
        if self.include and not any(fnmatchcase(group, pattern) for pattern in self.include):
            return f"its name does not match {' or '.join(self.include)} (IncludePatterns)"
        for pattern in self.exclude:
            if fnmatchcase(group, pattern):
                return f"its name matches {pattern} (ExcludePatterns)"
        return ""

    def includes(self, group: str) -> bool:
        return not self.is_own(group) and not self.exclusion_reason(group)


@dataclass(frozen=True)
class Export:
    """A stack of the export: the central stack has the bucket, member stacks send to it."""

    place: Place
    stack: Stack
    central: bool

    @property
    def rules(self) -> SubscriptionRules:
        parameters = self.stack.parameters
        return SubscriptionRules(
            filter=subscription_filter_name(self.place.region),
            destination=self.stack.outputs.get("LogDestination", ""),
            role=self.stack.outputs.get("SubscriptionRole", ""),
            by_account=parameters.get("SubscribeBy") == "account",
            prefix=parameters.get("LogGroupNamePrefix", ""),
            include=_patterns(parameters.get("IncludePatterns", "")),
            exclude=_patterns(parameters.get("ExcludePatterns", "")),
            own=(OWN_GROUPS, f"/aws/lambda/{self.stack.name}-"),
            canary=f"{CANARY_GROUPS}{self.stack.name}",
        )

    @property
    def schedule(self) -> str:
        """When the subscriber checks all log groups."""
        return self.stack.parameters.get("SubscribeSchedule", "")

    @property
    def location(self) -> Location | None:
        """The bucket and prefix of a central stack; None for a member, and during stack creation."""
        bucket = self.stack.outputs.get("Bucket", "").rpartition(":")[2]
        if not self.central or not bucket:
            return None
        prefix = self.stack.parameters.get("BucketPrefix", "")
        return Location(bucket, prefix, self.place.account.id, self.place.region)


def find_exports(cloud: Cloud, place: Place) -> tuple[Export, ...]:
    """Return the export's stacks in an account and region, recognized by their descriptions."""
    central = {CENTRAL_DESCRIPTION: True, MEMBER_DESCRIPTION: False}
    return tuple(
        Export(place, stack, central[stack.description])
        for stack in list_stacks(cloud, place.account.id, place.region)
        if stack.description in central and stack.status not in NEVER_COMPLETE
    )


def subscription_filter_name(region: str) -> str:
    """Return the name of the subscriber's filters and account policy."""
    return f"slipway-{region}"


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())
