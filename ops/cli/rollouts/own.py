"""Drafts of rollouts for Slipway's own stacks: the rollout file and the template, ready to review."""

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from ops.aws.cloud import Place
from ops.cli.context import Context
from ops.cli.rollouts.own_snapshots import parameters_by_place
from ops.cli.verbs import pairs, several_option, verb
from ops.errors import Conflict, InputError
from ops.logs.export.deployment.stacks import central_body, member_body
from ops.rollouts.draft import Draft
from ops.rollouts.writing import check_template, write_call
from ops.snapshots.pipeline.model import template_body as snapshots_template
from ops.templates.support_stacks import replication

OWN_TEMPLATES: dict[str, Callable[[], str]] = {
    "log-export": central_body,
    "log-export-member": member_body,
    "replication": lambda: str(replication().to_json()),
    "snapshots": snapshots_template,
}
FOLDER = Path("rollouts")
# The central stack and its members have the same name in AWS, but need a rollout file each.
FILE_SUFFIXES = {"log-export-member": "-member"}


@verb
@click.argument("what", metavar=f"{{{'|'.join(OWN_TEMPLATES)}|PATH}}")
@click.option("--stack", required=True, help="Name of the stack in every target.")
@several_option("--accounts", "ACCOUNT", "Names or IDs. Default: all configured accounts.")
@several_option("--regions", "REGION", "Default: all configured Regions.")
@click.option("--first", default="", help="Region of the first wave. Default: the first Region.")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Stack parameter; repeatable."
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    help="Snapshots only: stage the policy's scripts in every target, and fill in network and bucket.",
)
@click.option("--alarm", "alarms", multiple=True, metavar="NAME", help="Alarm in every target; repeatable.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=FOLDER,
    help=f"Output folder. Default: {FOLDER}.",
)
def draft(
    context: Context,
    what: str,
    stack: str,
    accounts: tuple[str, ...],
    regions: tuple[str, ...],
    first: str,
    parameters: tuple[str, ...],
    policy: Path | None,
    alarms: tuple[str, ...],
    folder: Path,
) -> None:
    """`what` is one of Slipway's own stacks, or the path of a template."""
    body = _template(what)
    suffix = FILE_SUFFIXES.get(what, "")
    name = stack.removesuffix(suffix) + suffix
    path, template = (folder / f"{name}{end}" for end in (".toml", ".template.json"))
    if path.exists():  # before scripts are staged
        raise Conflict(f"{path} already exists.", hint="Edit the file, or choose another stack name.")
    settings = context.settings
    regions = regions or tuple(settings.regions) or (settings.home_region,)
    chosen = [context.cloud.account(name) for name in accounts] or context.cloud.accounts
    places = [Place(account, region) for region in regions for account in chosen]
    common, overrides = _parameters(context, what, policy, pairs(parameters, "--parameter"), places)
    result = Draft(
        stack=stack,
        template=template.name,
        accounts=[account.id for account in chosen],
        regions=regions,
        first=first or regions[0],
        parameters=common,
        capabilities=("CAPABILITY_NAMED_IAM",) if "AWS::IAM::" in body else (),
        alarms=alarms,
        overrides=overrides,
    )
    context.perform(write_call(folder, name, result, body))
    context.echo(f"Wrote {path} and {template.name}. Review the plan: slipway rollouts plan {path}")
    if context.as_json:
        context.print_json({"file": path, "template": template})


def _parameters(
    context: Context, what: str, policy: Path | None, given: Mapping[str, str], places: list[Place]
) -> tuple[Mapping[str, str], list[tuple[str, str, Mapping[str, str]]]]:
    """Return the common parameters, and those that differ by account and Region."""
    if not policy:
        return given, []
    if what != "snapshots":
        raise InputError(
            f"--policy cannot be used with {what}.",
            field="policy",
            hint="Remove --policy, or draft snapshots.",
        )
    parameters = parameters_by_place(context, policy, given, places)
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
        return check_template(what, Path(what).read_bytes())
    except OSError as error:
        raise InputError(
            f"{what!r} is neither one of Slipway's own stacks nor a readable template.",
            field="what",
            hint=f"Specify a template's path, or one of: {', '.join(OWN_TEMPLATES)}.",
            detail=str(error),
        ) from error
