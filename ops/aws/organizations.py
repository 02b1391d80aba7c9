"""AWS Organizations: the accounts of an organizational unit or with a tag."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.aws.calls import translated
from ops.aws.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

UNIT, TAG = "unit", "tag"


def accounts_of(cloud: Cloud, kind: str, name: str) -> tuple[str, ...]:
    """Return the ids of the active accounts in an organizational unit and its children, or with a tag.

    `kind` is UNIT or TAG; `name` is the id of the unit, or `key=value`. The first configured account must be
    the management account or a delegated administrator.
    """
    client: OrganizationsClient = cloud.client("organizations")
    with translated(f"Reading the accounts of the {kind} {name}"):
        ids = _of_unit(client, name) if kind == UNIT else _of_tag(client, *name.split("=", 1))
        return tuple(sorted(set(ids)))


def _of_unit(client: "OrganizationsClient", unit: str) -> Iterator[str]:
    for page in client.get_paginator("list_accounts_for_parent").paginate(ParentId=unit):
        yield from (account["Id"] for account in page["Accounts"] if account["Status"] == "ACTIVE")
    for units in client.get_paginator("list_organizational_units_for_parent").paginate(ParentId=unit):
        for child in units["OrganizationalUnits"]:
            yield from _of_unit(client, child["Id"])


def _of_tag(client: "OrganizationsClient", key: str, value: str) -> Iterator[str]:
    for page in client.get_paginator("list_accounts").paginate():
        for account in page["Accounts"]:
            if account["Status"] == "ACTIVE" and _tags(client, account["Id"]).get(key) == value:
                yield account["Id"]


def _tags(client: "OrganizationsClient", account: str) -> dict[str, str]:
    pages = client.get_paginator("list_tags_for_resource").paginate(ResourceId=account)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
