"""No verdict from what was not read: random inventories of which random readings are lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from ops.aws.cloudformation.resources import StackResource
from ops.aws.readings import Unread
from ops.errors import AccessDenied, SlipwayError, Throttled
from ops.support_stacks import facts
from ops.support_stacks.facts import Inventory
from ops.support_stacks.fingerprints import CONSTRUCT, StackKind
from ops.support_stacks.liveness import UsageGraph, UsageState, assess_usage
from tests.ops.support_stacks.samples import (
    ALIAS,
    CONTENTS,
    LONG_AGO,
    NAME,
    NOW,
    OTHER,
    REGION,
    STACK,
    TAGS,
    TOOLS,
    alias,
    bucket,
    inventory,
    pipeline,
    stack,
)

PLACES = [(TOOLS, REGION), (TOOLS, "us-east-1"), (OTHER, REGION)]
NUMBERS = range(3)
RECENT = NOW - timedelta(days=1)
ERRORS: list[SlipwayError] = [AccessDenied("no"), Throttled("slow")]
PARTS: dict[str, dict[str, Any]] = {
    "tags": {"tags": {}},
    "stack": {"stack": ("", "")},
    "policy": {"policy": None},
    "encryption": {"key": ""},
}
PARTS["contents"] = {"contents": None}


def bucket_name(number: int) -> str:
    return f"{number}{NAME}"


def alias_name(number: int) -> str:
    return f"{ALIAS[:-1]}{number}"


def stack_of(number: int) -> tuple[str, str]:
    return f"{number}{STACK[0]}", f"{STACK[1]}{number}"


def policy(account: str) -> dict[str, object]:
    return {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "*",
                "Resource": "*",
            }
        ]
    }


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Return an inventory of up to three support stacks with buckets, keys, and pipelines."""
    buckets, aliases, stacks, pipelines = [], [], [], []
    for number in NUMBERS:
        account, region = draw(st.sampled_from(PLACES))
        where = {"account": account, "region": region}
        has_stack = draw(st.booleans())
        inside = stack_of(number) if has_stack else ("", "")
        proven = draw(st.booleans())
        reach = draw(st.sampled_from([None, policy(TOOLS), policy(OTHER), policy("999999999999")]))
        if draw(st.booleans()):
            buckets.append(
                bucket(
                    name=bucket_name(number),
                    stack=inside,
                    tags=TAGS if proven else {},
                    origin="CloudFormation tags" if proven else "",
                    policy=reach,
                    key=draw(st.sampled_from(["", alias_name(number)])),
                    contents=replace(CONTENTS, last_written=draw(st.sampled_from([LONG_AGO, RECENT]))),
                    created=draw(st.sampled_from([LONG_AGO, RECENT])),
                    **where,
                )
            )
        if draw(st.booleans()):
            key = replace(alias().key, id=f"{alias().key.id[:-1]}{number}")
            aliases.append(
                alias(
                    name=alias_name(number),
                    key=key,
                    stack=inside,
                    origin="CloudFormation tags" if proven else "",
                    policy=reach or {},
                    **where,
                )
            )
        if has_stack:
            kind = draw(st.sampled_from([StackKind.SUPPORT, StackKind.SUPPORT, StackKind.ORDINARY]))
            resources = (
                StackResource(f"{CONSTRUCT}FC3227F2", "AWS::S3::Bucket", bucket_name(number)),
                StackResource(f"{CONSTRUCT}EncryptionAliasF1A0F37D", "AWS::KMS::Alias", alias_name(number)),
            )
            stacks.append(stack(name=inside[0], id=inside[1], kind=kind, resources=resources, **where))
        if draw(st.booleans()):
            # Only a pipeline of an account with access can use a bucket or a key.
            with_access = {
                account,
                OTHER if reach == policy(OTHER) else TOOLS if reach == policy(TOOLS) else account,
            }
            owner, home = draw(st.sampled_from([place for place in PLACES if place[0] in with_access]))
            store = draw(st.sampled_from([bucket_name(number), "elsewhere"]))
            named = draw(st.sampled_from(["", alias_name(number)]))
            pipelines.append(pipeline(f"Pipe{number}", store, named, account=owner, region=home))
    return inventory(
        buckets=tuple(buckets), aliases=tuple(aliases), stacks=tuple(stacks), pipelines=tuple(pipelines)
    )


def readings(whole: Inventory) -> list[tuple[str, str, str]]:
    """Return every reading of the inventory, as the account, Region, and subject of its gap."""
    found = [
        (account, "", subject) for account in whole.accounts for subject in (facts.REGIONS, facts.BUCKETS)
    ]
    for subject in (facts.PIPELINES, facts.STACKS, facts.ALIASES, facts.TAGS):
        found += [(account, region, subject) for account, region in PLACES]
    found += [(one.account, one.region, facts.stack_subject(one.name)) for one in whole.stacks]
    found += [(one.account, one.region, facts.key_subject(one.name)) for one in whole.aliases]
    return found + [
        (one.account, one.region, f"{part} of {one.name}") for one in whole.buckets for part in PARTS
    ]


def blinded(seen: Inventory, lost: tuple[str, str, str], error: SlipwayError) -> Inventory:
    """Return the inventory without one reading, as `read_inventory` returns it."""
    account, region, subject = lost
    seen = replace(seen, gaps=(*seen.gaps, Unread(account, region, subject, error)))

    def kept(items: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(one for one in items if (one.account, one.region) != (account, region))

    if subject == facts.PIPELINES:
        return replace(seen, pipelines=kept(seen.pipelines))
    if subject == facts.STACKS:
        return replace(seen, stacks=kept(seen.stacks))
    if subject == facts.ALIASES:
        return replace(seen, aliases=kept(seen.aliases))
    if subject == facts.BUCKETS:
        return replace(seen, buckets=tuple(one for one in seen.buckets if one.account != account))
    if subject == facts.REGIONS:  # only the configured Regions are read: here, the first one
        return replace(
            seen,
            regions={**seen.regions, account: (REGION,)},
            pipelines=tuple(one for one in seen.pipelines if one.account != account or one.region == REGION),
            stacks=tuple(one for one in seen.stacks if one.account != account or one.region == REGION),
            aliases=tuple(one for one in seen.aliases if one.account != account or one.region == REGION),
        )
    if subject.startswith("stack "):
        return replace(
            seen, stacks=tuple(one for one in seen.stacks if facts.stack_subject(one.name) != subject)
        )
    if subject.startswith("key "):
        return replace(
            seen, aliases=tuple(one for one in seen.aliases if facts.key_subject(one.name) != subject)
        )
    part, _, name = subject.partition(" of ")
    if part in PARTS:
        return replace(
            seen,
            buckets=tuple(
                replace(one, missing=(*one.missing, part), **_without(part)) if one.name == name else one
                for one in seen.buckets
            ),
        )
    return seen  # tags of buckets: the names of these are known


def _without(part: str) -> dict[str, Any]:
    changed = PARTS[part]
    return changed | ({"origin": ""} if part == "tags" else {})


def graph(found: Inventory) -> UsageGraph:
    return assess_usage(found, NOW)


@settings(deadline=None)
@given(st.data())
def test_no_verdict_is_stronger_with_less_read(data: st.DataObject) -> None:
    whole = data.draw(inventories())
    lost = data.draw(st.lists(st.sampled_from(readings(whole)), max_size=3, unique=True))
    less = whole
    for reading in lost:
        less = blinded(less, reading, data.draw(st.sampled_from(ERRORS)))
    before, after = graph(whole), graph(less)
    for verdict in after.verdicts:
        known = before.by_key[verdict.key]
        event(f"{known.state} -> {verdict.state}")
        weaker = {known.state, UsageState.UNKNOWN}
        if known.state in (UsageState.IN_USE, UsageState.SHARED):
            # By the pipelines that could be read, or by none: then what is not a support stack's stays so.
            weaker |= {UsageState.IN_USE, UsageState.LEFT_ALONE}
        assert verdict.state in weaker, (lost, known, verdict)
