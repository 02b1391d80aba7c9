"""The accounts of an organizational unit or a tag, in an organization three levels deep."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ops.aws.organizations import TAG, UNIT, accounts_of
from ops.errors import SlipwayError


class Organization:
    """An organization in moto, created with its own client."""

    def __init__(self) -> None:
        self.client: Any = boto3.client(
            "organizations",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.client.create_organization(FeatureSet="ALL")
        self.root = self.client.list_roots()["Roots"][0]["Id"]
        self.cloud: Any = SimpleNamespace(client=lambda _service: self.client)

    def unit(self, name: str, parent: str) -> str:
        made = self.client.create_organizational_unit(ParentId=parent, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def account(self, name: str, unit: str, **tags: str) -> str:
        made = self.client.create_account(
            AccountName=name,
            Email=f"{name}@example.com",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )["CreateAccountStatus"]["AccountId"]
        self.client.move_account(AccountId=made, SourceParentId=self.root, DestinationParentId=unit)
        return str(made)


@pytest.fixture
def organization() -> Iterator[Organization]:
    with mock_aws():
        yield Organization()


def test_a_unit_includes_all_accounts_below_it_and_no_others(organization: Organization) -> None:
    shop = organization.unit("shop", organization.root)
    europe = organization.unit("europe", shop)
    north = organization.unit("north", europe)
    other = organization.unit("other", organization.root)
    below = [organization.account(f"a{n}", unit) for n, unit in enumerate((shop, europe, north))]
    organization.account("elsewhere", other)
    assert accounts_of(organization.cloud, UNIT, shop) == tuple(sorted(below))
    assert accounts_of(organization.cloud, UNIT, north) == (below[2],)


def test_accounts_are_read_over_pages(organization: Organization) -> None:
    unit = organization.unit("shop", organization.root)
    made = [organization.account(f"a{number}", unit, stage="qa") for number in range(25)]
    assert accounts_of(organization.cloud, UNIT, unit) == tuple(sorted(made))
    assert accounts_of(organization.cloud, TAG, "stage=qa") == tuple(sorted(made))


def test_a_tag_matches_accounts_with_its_value(organization: Organization) -> None:
    unit = organization.unit("shop", organization.root)
    quality = organization.account("one", unit, stage="qa", team="a=b")
    organization.account("two", unit, stage="production")
    organization.account("three", unit, team="qa")
    assert accounts_of(organization.cloud, TAG, "stage=qa") == (quality,)
    assert accounts_of(organization.cloud, TAG, "team=a=b") == (quality,)
    assert accounts_of(organization.cloud, TAG, "stage=") == ()


def test_a_closed_account_is_excluded(organization: Organization) -> None:
    unit = organization.unit("shop", organization.root)
    kept, closed = (organization.account(name, unit, stage="qa") for name in ("kept", "closed"))
    organization.client.close_account(AccountId=closed)
    assert accounts_of(organization.cloud, UNIT, unit) == (kept,)
    assert accounts_of(organization.cloud, TAG, "stage=qa") == (kept,)


def test_the_error_names_a_unit_that_does_not_exist(organization: Organization) -> None:
    with pytest.raises(SlipwayError, match="the unit ou-ab12-11111111"):
        accounts_of(organization.cloud, UNIT, "ou-ab12-11111111")
