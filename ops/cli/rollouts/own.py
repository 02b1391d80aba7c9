"""Drafts of rollouts for Slipway's own stacks: the rollout file and the template, ready to review."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.cli.rollouts.own_snapshots import parameters_by_place
from ops.errors import Conflict, InputError
from ops.logs.export.deployment.stacks import central_body, member_body
from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse
from ops.snapshots.pipeline.model import template_body as snapshots_template
from ops.templates.support_stacks import replication

Options = argparse.Namespace

OWN_TEMPLATES: dict[str, Callable[[], str]] = {
    "log-export": central_body,
    "log-export-member": member_body,
    "replication": lambda: str(replication().to_json()),
    "snapshots": snapshots_template,
}
FOLDER = Path("rollouts")
HINT = "Write the parameter as NAME=VALUE, with a name from the template."


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "draft", help="write a rollout file for one of Slipway's own stacks, or for any"
    )
    parser.add_argument("what", help=f"one of Slipway's own stacks ({', '.join(OWN_TEMPLATES)}), or a path")
    parser.add_argument("--stack", required=True, help="name of the stack in every target")
    parser.add_argument("--accounts", nargs="+", default=[], help="names or ids (default: all configured)")
    parser.add_argument("--regions", nargs="+", default=[], help="default: all configured")
    parser.add_argument("--first", default="", help="region of the first wave (default: the first region)")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    parser.add_argument(
        "--policy",
        type=Path,
        help="snapshots only: stage the policy's scripts in every target, and fill in network and bucket",
    )
    parser.add_argument(
        "--alarm", action="append", default=[], metavar="NAME", help="alarm in every target; repeatable"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"output folder (default: {FOLDER})")
    parser.set_defaults(command=draft)


def draft(context: Context, options: Options) -> None:
    body = _template(options.what)
    path, template = (options.folder / f"{options.stack}{end}" for end in (".toml", ".template.json"))
    for file in (path, template):
        if file.exists():
            raise Conflict(f"{file} already exists.", hint="Edit the file, or choose another stack name.")
    regions = options.regions or list(context.settings.regions) or [context.settings.home_region]
    accounts = options.accounts or [account.name for account in context.cloud.accounts]
    places = [Place(context.cloud.account(account), region) for region in regions for account in accounts]
    common, overrides = _parameters(context, options, places)
    made = Draft(
        stack=options.stack,
        template=template.name,
        accounts=[context.cloud.account(account).id for account in accounts],
        regions=regions,
        first=options.first or regions[0],
        parameters=common,
        capabilities=("CAPABILITY_NAMED_IAM",) if "AWS::IAM::" in body else (),
        alarms=options.alarm,
        overrides=overrides,
    )
    text = made.to_toml()
    parse(text, str(path))
    options.folder.mkdir(parents=True, exist_ok=True)
    template.write_text(body, "utf-8")
    path.write_text(text, "utf-8")
    context.echo(f"Wrote {path} and {template.name}. Review the plan: python -m ops rollouts plan {path}")


def _parameters(
    context: Context, options: Options, places: list[Place]
) -> tuple[Mapping[str, str], list[tuple[str, str, Mapping[str, str]]]]:
    """Return the common parameters, and those that differ by account and region."""
    given = dict(_pair(text) for text in options.parameter)
    if not options.policy:
        return given, []
    if options.what != "snapshots":
        raise InputError(
            f"--policy cannot be used with {options.what}.",
            field="policy",
            hint="Remove --policy, or draft snapshots.",
        )
    parameters = parameters_by_place(context, options.policy, given, places)
    first = next(iter(parameters.values()))
    common = {
        name: value
        for name, value in first.items()
        if all(values[name] == value for values in parameters.values())
    }
    return common, [
        (
            place.account.id,
            place.region,
            {name: value for name, value in values.items() if name not in common},
        )
        for place, values in parameters.items()
        if values != common
    ]


def _template(what: str) -> str:
    if what in OWN_TEMPLATES:
        return OWN_TEMPLATES[what]()
    try:
        return Path(what).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{what!r} is neither one of Slipway's own stacks nor a readable template.",
            field="what",
            hint=f"Specify a template's path, or one of: {', '.join(OWN_TEMPLATES)}.",
            detail=str(error),
        ) from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"Invalid parameter {text!r}.", field="parameter", hint=HINT)
    return name, value
