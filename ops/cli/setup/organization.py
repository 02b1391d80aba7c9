"""`slipway setup organization`: the roles and the settings for every account of an organization."""

from collections.abc import Sequence
from dataclasses import replace

import click

from ops import organization as accounts_of_organization
from ops.aws import iam
from ops.aws.cloud import Cloud, Place
from ops.aws.organizations import ALL, TAG, UNIT, Member, list_members
from ops.cli.context import NOT_READ, Context
from ops.cli.doctor import show_findings
from ops.cli.verbs import confirm_option, dry_run_option, pairs, several_option, verb
from ops.doctor.checks import examine
from ops.doctor.findings import Finding, exit_status
from ops.errors import InputError
from ops.organization import ADMIN_ROLE, RolesPlan
from ops.settings import FILE, Account

FAILED = 1


@verb
@click.option(
    "--unit", default="", metavar="ID", help="Organizational unit. Default: the whole organization."
)
@click.option("--tag", default="", metavar="KEY=VALUE", help="Only accounts with this tag.")
@click.option(
    "--admin-role",
    default=ADMIN_ROLE,
    show_default=True,
    help="Role in each account that your credentials can assume, and that may create roles.",
)
@click.option("--workbench", default="", metavar="ARN", help="Principal that runs Slipway. Default: yours.")
@several_option("--set", "NAME=VALUE", "Other parameters of the roles' template; others keep their values.")
@click.option("--undo", is_flag=True, help="Delete the roles that this command created, and their settings.")
@confirm_option("COUNT")
@dry_run_option
def organization(
    context: Context,
    unit: str,
    tag: str,
    admin_role: str,
    workbench: str,
    set: tuple[str, ...],
    undo: bool,
    confirm: str,
    dry_run: bool,
) -> int:
    """Returns exit status 1 if something failed, and 4 if an account could not be read."""
    if (unit and tag) or (undo and (unit or tag)):
        raise click.UsageError("--unit, --tag, and --undo cannot be used together.")
    text = FILE.read_text("utf-8") if FILE.exists() else ""
    written = accounts_of_organization.written_accounts(text)
    base = _with_credentials(context)
    principal = iam.current_principal(base, Place(base.accounts[0], base.settings.home_region))
    if undo:
        return _undo(context, text, written, principal, admin_role, confirm=confirm, dry_run=dry_run)

    others = [each for each in context.settings.accounts if each.id not in {own.id for own in written}]
    members = _members(base, unit, tag, {each.id for each in others})
    named = accounts_of_organization.named(members, (each.name for each in others))
    admin = accounts_of_organization.administering(base, named, principal, admin_role)
    trusted = workbench or principal
    planned = accounts_of_organization.plan_roles(admin, dict(pairs(set, "--set"), WorkbenchArn=trusted))
    _show_unread(context, planned)
    if dry_run:
        context.carry_out(planned.plan, dry_run=True, confirmed="")
        return NOT_READ if planned.unread else 0
    ok = not planned.plan.steps or context.attempt(planned.plan, confirmed=confirm).ok

    accounts = accounts_of_organization.kept_accounts(
        written,
        accounts_of_organization.deployed(admin),
        {member.id for member in members},
        planned.unread_ids,
        whole=not unit and not tag,
    )
    context.perform(accounts_of_organization.write_call(FILE, text, accounts, base.accounts[0].id))
    findings = _check(context, base, accounts) if trusted == principal else []
    if trusted != principal:
        context.echo(f"Not checked: only {trusted} can assume the roles. Run there: slipway doctor")
    _show_result(context, accounts, planned, findings)
    return FAILED if not ok else exit_status(findings) or (NOT_READ if planned.unread else 0)


def _undo(
    context: Context,
    text: str,
    written: Sequence[Account],
    principal: str,
    admin_role: str,
    *,
    confirm: str,
    dry_run: bool,
) -> int:
    members = {each.name: Member(each.id, each.name) for each in written}
    if not members:
        context.echo(f"{FILE} has no accounts of an organization.")
        return 0
    base = context.cloud
    admin = accounts_of_organization.administering(base, members, principal, admin_role)
    planned = accounts_of_organization.plan_removal(admin)
    _show_unread(context, planned)
    if dry_run:
        context.carry_out(planned.plan, dry_run=True, confirmed="")
        return NOT_READ if planned.unread else 0
    ok = not planned.plan.steps or context.attempt(planned.plan, confirmed=confirm).ok
    after = accounts_of_organization.plan_removal(admin)
    left = after.unread_ids | {step.resource.account for step in after.plan.steps}
    accounts = tuple(each for each in written if each.id in left)
    context.perform(accounts_of_organization.write_call(FILE, text, accounts, base.accounts[0].id))
    _show_result(context, accounts, after, [])
    return FAILED if not ok else (NOT_READ if after.unread else 0)


def _with_credentials(context: Context) -> Cloud:
    """Return a Cloud with the credentials as they are, and use it for the audit log too.

    The roles that the settings name are what the command deploys and deletes.
    """
    cloud = context.cloud
    context.cloud = Cloud(replace(cloud.settings, accounts=()), cloud.endpoint)
    return context.cloud


def _members(base: Cloud, unit: str, tag: str, configured: set[str]) -> list[Member]:
    """Return the accounts to set up: active, and not in `configured`. Raises InputError if there are none."""
    kind = UNIT if unit else TAG if tag else ALL
    if tag and "=" not in tag:
        raise InputError(f"Cannot read {tag!r}: --tag takes KEY=VALUE.", field="--tag", hint="Add the value.")
    members = [each for each in list_members(base, kind, unit or tag) if each.id not in configured]
    if not members:
        raise InputError(
            "There is no account to set up: none that is active and not configured already.",
            field=f"--{kind}",
            hint="Check the unit or the tag on the page AWS accounts of the Organizations console.",
        )
    return members


def _check(context: Context, base: Cloud, accounts: tuple[Account, ...]) -> list[Finding]:
    """Check what works in the accounts, with the roles that were written to the settings."""
    cloud = Cloud(replace(base.settings, accounts=accounts), base.endpoint)
    return (
        examine(cloud, cloud.places, report=lambda does: context.echo(f"Checking: {does}"))
        if accounts
        else []
    )


def _show_unread(context: Context, planned: RolesPlan) -> None:
    for reading in planned.unread:
        account = reading.place.account
        context.echo(f"Not read: {account.name} ({account.id}): {reading.error}")


def _show_result(
    context: Context, accounts: Sequence[Account], planned: RolesPlan, findings: list[Finding]
) -> None:
    if context.as_json:
        unread = [{"account": each.place.account.id, "error": str(each.error)} for each in planned.unread]
        context.print_json({"accounts": accounts, "not_read": unread, "findings": findings})
        return
    context.echo(f"{FILE} has {len(accounts)} accounts of the organization.")
    if findings:
        show_findings(context, findings)
