"""Slipway in every account of an organization: its roles, and the accounts in the settings.

The stack of the roles is deployed to each account with a role that the management account can assume there,
such as OrganizationAccountAccessRole. What is written to the settings was read: accounts whose stack is
deployed. Stacks that the set-up created have a tag, and only those are deleted again.
"""

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ops import files
from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.stacks import StackSpec, read_stack
from ops.aws.cloudformation.template_changes import read_template_changes
from ops.aws.organizations import Member
from ops.aws.readings import Reading
from ops.errors import InputError
from ops.operations import Operation
from ops.own_stacks import ROLES, stack_spec
from ops.plan import AuditedCall, Plan, Resource, Step, nest
from ops.settings import Account

ADMIN_ROLE = "OrganizationAccountAccessRole"  # Organizations creates it in each account that it creates
CREATED_BY = {"slipway:created-by": "setup organization"}
DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
AT_ONCE = 8
BEGIN = "# Accounts of the organization. `slipway setup organization` writes this part: do not edit it."
END = "# End of the accounts of the organization."
_BLOCK = re.compile(rf"\n*^{re.escape(BEGIN)}$.*?^{re.escape(END)}$\n?", re.MULTILINE | re.DOTALL)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True)
class RolesPlan:
    """What is planned, the accounts that are up to date, and those that could not be read."""

    plan: Plan
    current: tuple[Account, ...]
    unread: tuple[Reading[StackSpec | None], ...]

    @property
    def unread_ids(self) -> set[str]:
        return {reading.place.account.id for reading in self.unread}


def named(members: Iterable[Member], taken: Iterable[str] = ()) -> dict[str, Member]:
    """Return the members by their names in the settings; a name that is taken gets the account's ID."""
    names: dict[str, Member] = {}
    used = set(taken)
    for member in members:
        name = _NOT_IN_NAMES.sub("-", member.name.lower()).strip("-") or member.id
        name = f"{name}-{member.id}" if name in used else name
        used.add(name)
        names[name] = member
    return names


def administering(cloud: Cloud, members: Mapping[str, Member], principal: str, role: str) -> Cloud:
    """Return a Cloud that works in the members with the role, and without it in the principal's account."""
    partition, own = principal.split(":")[1], principal.split(":")[4]
    accounts = tuple(
        Account(name, each.id, "" if each.id == own else f"arn:{partition}:iam::{each.id}:role/{role}")
        for name, each in members.items()
    )
    return Cloud(replace(cloud.settings, accounts=accounts), cloud.endpoint)


def plan_roles(admin: Cloud, parameters: Mapping[str, str]) -> RolesPlan:
    """Plan to deploy the roles in every account of `admin` in which they are missing or differ."""

    def read(place: Place) -> StackSpec | None:
        spec = stack_spec(admin, ROLES, place, parameters)
        stack = read_stack(admin, spec.account, spec.region, spec.name)
        spec = replace(spec, tags=CREATED_BY if stack is None else stack.tags)
        unchanged = stack and stack.status in DEPLOYED and not read_template_changes(admin, spec)
        return None if unchanged else spec

    readings = admin.read(read, _homes(admin))
    steps: list[Step[object]] = []
    for reading in readings:
        if reading.error is None and reading.value:
            name, spec = reading.place.account.name, reading.value
            title = f"Deploy {spec.name} to {name}"
            plan = deploy.plan_stack(admin, spec, title=title, may_remove=lambda change: True)
            steps += nest(plan, name)
    return RolesPlan(
        _plan(f"Deploy Slipway's roles to {_count(steps)}", steps),
        tuple(each.place.account for each in readings if each.error is None and not each.value),
        tuple(each for each in readings if each.error),
    )


def plan_removal(admin: Cloud) -> RolesPlan:
    """Plan to delete the stacks that the set-up created in the accounts of `admin`. Only reads."""
    found = admin.read(
        lambda place: read_stack(admin, place.account.id, place.region, ROLES.name), _homes(admin)
    )
    steps: list[Step[object]] = []
    for reading in found:
        stack = reading.value
        if stack and CREATED_BY.items() <= stack.tags.items():
            place = reading.place
            steps += nest(
                deploy.plan_delete(admin, stack, place.account.id, place.region), place.account.name
            )
    unread = tuple(Reading[StackSpec | None](each.place, error=each.error) for each in found if each.error)
    return RolesPlan(_plan(f"Delete Slipway's roles in {_count(steps)}", steps), (), unread)


def deployed(admin: Cloud) -> tuple[Account, ...]:
    """Return the accounts of `admin` in which the roles are deployed, with the role to work in."""
    readings = admin.read(
        lambda place: read_stack(admin, place.account.id, place.region, ROLES.name), _homes(admin)
    )
    return tuple(
        Account(each.place.account.name, each.place.account.id, each.value.outputs["RoleArn"])
        for each in readings
        if each.value and each.value.status in DEPLOYED
    )


def with_accounts(text: str, accounts: Sequence[Account]) -> str:
    """Return the text of slipway.toml with these accounts as those of the organization; without any, none."""
    text = _BLOCK.sub("\n", text)
    if not accounts:
        return text
    tables = (
        f"[accounts.{json.dumps(each.name)}]\nid = {json.dumps(each.id)}\nrole = {json.dumps(each.role)}\n"
        for each in accounts
    )
    before = f"{text.rstrip()}\n\n" if text.strip() else ""
    return before + "\n".join([BEGIN, *tables, END]) + "\n"


def written_accounts(text: str) -> tuple[Account, ...]:
    """Return the accounts of the organization in the text of slipway.toml."""
    found = _BLOCK.search(text)
    tables = tomllib.loads(found.group())["accounts"] if found else {}
    return tuple(Account(name, table["id"], table["role"]) for name, table in tables.items())


def kept_accounts(
    written: Sequence[Account],
    deployed: Sequence[Account],
    listed: Collection[str],
    unread: Collection[str],
    *,
    whole: bool,
) -> tuple[Account, ...]:
    """Return the accounts for the settings: `deployed`, and what was written before and is not refuted.

    `listed` are the IDs of the accounts that were listed, and `unread` of those that could not be read: they
    stay. If the `whole` organization was listed, an account that is not among them has left it.
    """
    ids = {each.id for each in deployed}
    stay = {each.id for each in written if each.id in unread or (each.id not in listed and not whole)}
    kept = [each for each in written if each.id in stay - ids]
    return tuple(sorted((*deployed, *kept), key=lambda each: each.name))


def write_call(path: Path, text: str, accounts: Sequence[Account], owner: str) -> AuditedCall[None]:
    """Write the settings file with these accounts of the organization. The audit log names `owner`."""
    new = with_accounts(text, accounts)

    def act(run: object) -> None:
        try:
            files.write(path, new.encode(), mode=0o644)
        except OSError as error:
            raise InputError(
                f"Cannot write {path}: {error.strerror}.",
                hint="Make the folder writable and run the command again.",
            ) from error

    step = Step(
        id="settings",
        does=f"Write {len(accounts)} accounts to {path}",
        resource=Resource("file", str(path), owner, ""),
        act=act,
        parameters={"accounts": ", ".join(each.id for each in accounts)},
    )
    return AuditedCall(step, Operation.SET_UP_ORGANIZATION)


def _homes(admin: Cloud) -> list[Place]:
    return [Place(account, admin.settings.home_region) for account in admin.accounts]


def _plan(title: str, steps: Sequence[Step[object]]) -> Plan:
    confirm = _count(steps) if steps else ""
    return Plan(title, tuple(steps), Operation.SET_UP_ORGANIZATION, confirm=confirm, at_once=AT_ONCE)


def _count(steps: Iterable[Step[object]]) -> str:
    number = len({step.resource.account for step in steps})
    return f"{number} account{'' if number == 1 else 's'}"
