"""Slipway's own stacks as rollouts: the file and the template, ready to be looked at and started."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.cli.rollouts.own_snapshots import per_place
from ops.errors import Conflict, InputError
from ops.logs.export.deployment.stacks import central_body, member_body
from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse
from ops.snapshots.pipeline.model import template_body as snapshots_template
from ops.templates.support_stacks import replication

Options = argparse.Namespace

OWN: dict[str, Callable[[], str]] = {
    "log-export": central_body,
    "log-export-member": member_body,
    "replication": lambda: str(replication().to_json()),
    "snapshots": snapshots_template,
}
FOLDER = Path("rollouts")
HINT = "See the template's parameters for those it needs."


def add(verbs: Any) -> None:
    parser = verbs.add_parser("draft", help="write a rollout file: of one of Slipway's own stacks, or of any")
    parser.add_argument("what", help=f"{', '.join(OWN)}: Slipway's own; or a template's path")
    parser.add_argument("--stack", required=True, help="name of the stack in every target")
    parser.add_argument("--accounts", nargs="+", default=[], help="names or ids (default: the configured)")
    parser.add_argument("--regions", nargs="+", default=[], help="default: the configured")
    parser.add_argument("--first", default="", help="the quiet region (default: the first of the regions)")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    parser.add_argument(
        "--policy",
        type=Path,
        help="of snapshots: stages its scripts in every target, and fills in each one's network and bucket",
    )
    parser.add_argument("--alarm", action="append", default=[], metavar="NAME", help="of every target")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"default {FOLDER}")
    parser.set_defaults(command=draft)


def draft(context: Context, options: Options) -> None:
    body = _template(options.what)
    path, template = (options.folder / f"{options.stack}{end}" for end in (".toml", ".template.json"))
    for each in (path, template):
        if each.exists():
            raise Conflict(f"{each} exists already.", hint="Edit it, or choose another stack's name.")
    regions = options.regions or list(context.wanted.regions) or [context.wanted.home_region]
    accounts = options.accounts or [account.name for account in context.cloud.accounts]
    places = [Place(context.cloud.account(account), region) for region in regions for account in accounts]
    common, differing = _parameters(context, options, places)
    made = Draft(
        stack=options.stack,
        template=template.name,
        accounts=[context.cloud.account(account).id for account in accounts],
        regions=regions,
        first=options.first or regions[0],
        parameters=common,
        capabilities=("CAPABILITY_NAMED_IAM",) if "AWS::IAM::" in body else (),
        alarms=options.alarm,
        overrides=differing,
    )
    text = made.to_toml()
    parse(text, str(path))
    options.folder.mkdir(parents=True, exist_ok=True)
    template.write_text(body, "utf-8")
    path.write_text(text, "utf-8")
    context.say(f"Wrote {path} and {template.name}. Look at it: python -m ops rollouts plan {path}")


def _parameters(
    context: Context, options: Options, places: list[Place]
) -> tuple[Mapping[str, str], list[tuple[str, str, Mapping[str, str]]]]:
    """What is the same everywhere, and what differs by account and region."""
    given = dict(_pair(each) for each in options.parameter)
    if not options.policy:
        return given, []
    if options.what != "snapshots":
        raise InputError(
            f"{options.what} has no policy.", field="policy", hint="Leave --policy out, or draft snapshots."
        )
    each = per_place(context, options.policy, given, places)
    first = next(iter(each.values()))
    common = {k: v for k, v in first.items() if all(found[k] == v for found in each.values())}
    return common, [
        (place.account.id, place.region, {k: v for k, v in found.items() if k not in common})
        for place, found in each.items()
        if found != common
    ]


def _template(what: str) -> str:
    if what in OWN:
        return OWN[what]()
    try:
        return Path(what).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{what!r} is neither one of Slipway's own stacks nor a template that can be read.",
            field="what",
            hint=f"Slipway's own: {', '.join(OWN)}.",
            detail=str(error),
        ) from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"{text!r} is not NAME=VALUE.", field="parameter", hint=HINT)
    return name, value
