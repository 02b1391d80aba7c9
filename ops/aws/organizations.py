"""AWS Organizations: the accounts of an organization, of an organizational unit, or with a tag."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_organizations.type_defs import AccountTypeDef

ALL, UNIT, TAG = "all", "unit", "tag"


@dataclass(frozen=True)
class Member:
    """An active account of the organization."""

    id: str
    name: str


def accounts_of(cloud: Cloud, kind: str, name: str) -> tuple[str, ...]:
    """Return the ids of the accounts that `list_members` returns, sorted."""
    return tuple(sorted(member.id for member in list_members(cloud, kind, name)))


def list_members(cloud: Cloud, kind: str, name: str = "") -> tuple[Member, ...]:
    """Return the active accounts of the organization, of a unit and its children, or with a tag, by name.

    `kind` is ALL, UNIT, or TAG; `name` is the id of the unit, or `key=value`. The first configured account
    must be the management account or a delegated administrator.
    """
    client: OrganizationsClient = cloud.client("organizations")
    subject = "organization" if kind == ALL else f"{kind} {name}"
    with translated(f"Reading the accounts of the {subject}"):
        if kind == UNIT:
            accounts = _of_unit(client, name)
        elif kind == TAG:
            accounts = _of_tag(client, *name.split("=", 1))
        else:
            accounts = _all(client)
        found = {account["Id"]: Member(account["Id"], account["Name"]) for account in accounts}
    return tuple(sorted(found.values(), key=lambda member: (member.name.lower(), member.id)))


def _of_unit(client: "OrganizationsClient", unit: str) -> "Iterator[AccountTypeDef]":
    for page in client.get_paginator("list_accounts_for_parent").paginate(ParentId=unit):
        yield from (account for account in page["Accounts"] if account["Status"] == "ACTIVE")
    for units in client.get_paginator("list_organizational_units_for_parent").paginate(ParentId=unit):
        for child in units["OrganizationalUnits"]:
            yield from _of_unit(client, child["Id"])


def _of_tag(client: "OrganizationsClient", key: str, value: str) -> "Iterator[AccountTypeDef]":
    return (account for account in _all(client) if _tags(client, account["Id"]).get(key) == value)


def _all(client: "OrganizationsClient") -> "Iterator[AccountTypeDef]":
    for page in client.get_paginator("list_accounts").paginate():
        yield from (account for account in page["Accounts"] if account["Status"] == "ACTIVE")


def _tags(client: "OrganizationsClient", account: str) -> dict[str, str]:
    pages = client.get_paginator("list_tags_for_resource").paginate(ResourceId=account)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
