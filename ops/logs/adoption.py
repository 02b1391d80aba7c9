"""Replaces the stacks of CloudWatch2S3, central and additional account, by those of the log export.

The new export writes to the same bucket, below a prefix of its own: until the adopted stack is deleted, each
event is in both. The older objects stay below their prefix, which the explorer can read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.adoption import (
    Adoption,
    Comparison,
    KeptSetting,
    find_new_stack,
)
from ops.aws.cloudformation.resources import list_resources
from ops.aws.cloudformation.stacks import Stack, list_stacks
from ops.errors import InputError, NotFound
from ops.logs.datasets import Dataset
from ops.logs.export.deployment.actions import CENTRAL_ACTIONS, MEMBER_ACTIONS
from ops.logs.export.deployment.parameters import (
    CENTRAL_PARAMETERS,
    central_parameters,
    expected_value,
    member_parameters,
)
from ops.logs.export.deployment.plan import NEVER_REPLACE
from ops.logs.export.deployment.stacks import central_spec, member_spec
from ops.logs.export.ledger.counting import CountExported
from ops.logs.export.ledger.exported import counter
from ops.logs.lake.layout import Location, Scope
from ops.templates.logs import CENTRAL_DESCRIPTION

TOOL = "CloudWatch2S3"
_AUTHOR = "(by CloudSnorkel)"  # ends the descriptions of its templates
_BUCKET = "LogBucket"  # logical ID of a bucket that the stack has created
PREFIX = "slipway/"
DESTINATION = "SlipwayLogDestination"  # the adopted destination keeps its name
# A log group is subscribed within an hour; the buffers of both tools are written within half an hour.
SUBSCRIBED, DELIVERED = timedelta(hours=1), timedelta(minutes=30)
# Parameters of the central template of both that mean the same.
_SAME = (
    "LogFormat",
    "AllowedAccounts",
    "KeyArn",
    "LogGroupNamePrefix",
    "SubscribeSchedule",
    "ShardCount",
    "Retention",
    "BufferIntervalHint",
    "BufferSizeHint",
    "ProcessorBufferIntervalHint",
    "ProcessorBufferSizeHint",
)
_SAME_OF_MEMBER = ("LogGroupNamePrefix", "SubscribeSchedule")


def is_adoptable(stack: Stack) -> bool:
    """Whether the stack is one of CloudWatch2S3."""
    return stack.description.endswith(_AUTHOR) and not {"BucketName", "LogDestination"}.isdisjoint(
        stack.parameters
    )


def read_adoption(cloud: Cloud, place: Place, old: Stack) -> Adoption:
    """Return what replaces the stack. Raises InputError for a parameter that the new stack cannot have."""
    return _member(cloud, place, old) if "LogDestination" in old.parameters else _central(cloud, place, old)


def older_address(cloud: Cloud, adoption: Adoption) -> str:
    """Return where the older objects are, as the setting `logs` names it; empty for an additional account."""
    location = _location(adoption.place, adoption.old)
    return f"{adoption.place.account.name}={location}" if location else ""


def _location(place: Place, central: Stack) -> Location | None:
    bucket = central.outputs.get("Bucket", "").rpartition(":")[2]
    prefix = central.parameters.get("BucketPrefix", "")
    return Location(bucket, prefix, place.account.id, place.region) if bucket else None


def _central(cloud: Cloud, place: Place, old: Stack) -> Adoption:
    bucket = old.outputs.get("Bucket", "")
    if not bucket:
        raise NotFound(
            f"The stack {old.name} has no output Bucket.", hint="Wait until its creation is complete."
        )
    older_prefix = old.parameters.get("BucketPrefix", "")
    prefix = f"{older_prefix}{PREFIX}" if older_prefix.endswith("/") else PREFIX
    rows = [
        KeptSetting("BucketName", bucket, bucket),
        KeptSetting("BucketPrefix", older_prefix, prefix, "older objects stay below their prefix"),
        KeptSetting(
            "DestinationName",
            old.parameters.get("DestinationName", ""),
            DESTINATION,
            "until it is deleted, the adopted stack has the other name",
        ),
        *_kept(old, _SAME),
    ]
    parameters = central_parameters({}, {row.setting: row.after for row in rows}, ())
    created = {resource.logical_id for resource in list_resources(cloud, place, old.id)}
    return Adoption(
        TOOL,
        place,
        old,
        tuple(rows),
        central_spec(place, parameters),
        retained=(_BUCKET,) if _BUCKET in created else (),
        never_replaced=NEVER_REPLACE,
        actions=CENTRAL_ACTIONS,
    )


def _member(cloud: Cloud, place: Place, old: Stack) -> Adoption:
    destination = old.parameters["LogDestination"]
    central = _central_of(cloud, destination)
    target = central.outputs["LogDestination"]
    kept = tuple(_kept(old, _SAME_OF_MEMBER))
    requested = {row.setting: row.after for row in kept}
    parameters = member_parameters({}, requested, central.parameters, {"LogDestination": target})
    return Adoption(
        f"{TOOL}, additional account",
        place,
        old,
        (KeptSetting("LogDestination", destination, target, "that of the new central stack"), *kept),
        member_spec(place, parameters),
        actions=MEMBER_ACTIONS,
    )


def _central_of(cloud: Cloud, destination: str) -> Stack:
    """Return the new central stack that was deployed beside the one with this destination.

    Raises NotFound. After the adopted central stack is deleted, the only export of the account is meant.
    """
    place, old = _old_central_of(cloud, destination)
    if old and (new := find_new_stack(cloud, place, old)):
        return new
    stacks = list_stacks(cloud, place.account.id, place.region)
    exports = [stack for stack in stacks if stack.description == CENTRAL_DESCRIPTION]
    if len(exports) != 1 or "LogDestination" not in exports[0].outputs:
        raise NotFound(
            f"There is no new central stack in {place.account.name}, {place.region}.",
            hint="Adopt the central stack first: slipway adopt STACK start",
        )
    return exports[0]


def _old_central_of(cloud: Cloud, destination: str) -> tuple[Place, Stack | None]:
    """Return where the destination is, and the adopted central stack; None if it was deleted."""
    _, _, _, region, account, *_ = destination.split(":")
    place = Place(cloud.account(account), region)
    for stack in list_stacks(cloud, account, region):
        if stack.outputs.get("LogDestination") == destination and stack.description != CENTRAL_DESCRIPTION:
            return place, stack
    return place, None


def _kept(old: Stack, names: tuple[str, ...]) -> Iterator[KeptSetting]:
    """Yield the same parameters; a number outside of the new limits becomes the nearest limit."""
    for name in names:
        before, parameter = old.parameters.get(name, ""), CENTRAL_PARAMETERS[name]
        if name not in old.parameters:
            continue
        after, note = before, ""
        if name == "AllowedAccounts" and before == "0":
            after, note = "", "none"
        elif (wrong := expected_value(parameter, before)) and parameter.type == "Number":
            checks = dict(parameter.checks)
            after = str(min(max(float(before), checks["MinValue"]), checks["MaxValue"])).removesuffix(".0")
            note = wrong
        elif wrong:
            raise InputError(
                f"{name} of {old.name} is {before!r}, which the log export does not accept: {wrong}.",
                field=name,
                hint="Change the parameter of the adopted stack, then retry.",
            )
        yield KeptSetting(name, before, after, note)


def comparison_scope(new: Stack, now: datetime) -> Scope | None:
    """Return the time in which both should have every event; None if it is still empty."""
    start, end = (new.updated or new.created) + SUBSCRIBED, now - DELIVERED
    return Scope(start, end) if start < end else None


def compare(cloud: Cloud, adoption: Adoption, new: Stack, scope: Scope | None) -> Comparison:
    """Compare the events of both exports by log group, in the bucket of the central stacks.

    That of an additional account is compared with all accounts: older objects do not name the account.
    """
    if scope is None:
        return Comparison((), ("The comparison begins an hour after the deployment.",))
    place, old = adoption.place, adoption.old
    if destination := old.parameters.get("LogDestination"):
        place, central = _old_central_of(cloud, destination)
        if central is None:
            return Comparison(
                (), ("The adopted central stack no longer exists, so nothing can be compared.",)
            )
        old, new = central, _central_of(cloud, destination)
    before = _location(place, old)
    if before is None:
        return Comparison((), (f"The stack {old.name} has no output Bucket.",))
    after = replace(before, prefix=new.parameters["BucketPrefix"])
    older, newer = (counter(Dataset(cloud, location).duckdb) for location in (before, after))
    return compare_counts(older, newer, scope)


def compare_counts(before: CountExported, after: CountExported, scope: Scope) -> Comparison:
    """Compare by log group: an older object does not name the account of its events."""
    older, unread_before = _by_group(before, scope)
    newer, unread_after = _by_group(after, scope)
    rows: tuple[Mapping[str, object], ...] = tuple(
        {
            "log_group": group,
            "before": older[group],
            "after": newer[group],
            "missing": max(0, older[group] - newer[group]),
        }
        for group in sorted({*older, *newer})
    )
    missing = [
        f"{row['missing']:,} events of {row['log_group']} are missing in the new export."
        for row in rows
        if row["missing"]
    ]
    return Comparison(rows, (*unread_before, *unread_after, *missing))


def _by_group(count: CountExported, scope: Scope) -> tuple[Counter[str], tuple[str, ...]]:
    exported = count(scope)
    groups: Counter[str] = Counter()
    for hour, events in exported.counts:
        groups[hour.group] += events.events
    return groups, exported.unread
