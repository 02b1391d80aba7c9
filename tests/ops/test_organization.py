"""The settings of an organization's accounts: written, kept, and removed, without touching the rest."""

from pathlib import Path

import pytest

from ops.aws.cloud import Cloud
from ops.aws.organizations import Member
from ops.organization import administering, kept_accounts, named, with_accounts, written_accounts
from ops.settings import Account, Settings, load

OWN = 'cloud = "aws"\n\n[accounts.tools]\nid = "999999999999"\n'


def account(number: int) -> Account:
    id_ = f"{number:012d}"
    return Account(f"shop-{number}", id_, f"arn:aws:iam::{id_}:role/slipway-workbench")


def test_400_accounts_are_written_read_and_removed(tmp_path: Path) -> None:
    accounts = tuple(account(number) for number in range(1, 401))
    text = with_accounts(OWN, accounts)
    path = tmp_path / "slipway.toml"
    path.write_text(text)
    settings = load(path, {})
    assert settings.cloud == "aws" and settings.accounts[0].name == "tools"
    assert settings.accounts[1:] == accounts == written_accounts(text)
    assert with_accounts(text, accounts) == text  # repeated
    assert with_accounts(text, ()).strip() == OWN.strip()


def test_what_follows_the_part_is_kept() -> None:
    text = with_accounts("", [account(1)]) + "\n[accounts.later]\nid = '888888888888'\n"
    changed = with_accounts(text, [account(2)])
    assert "[accounts.later]" in changed and [each.id for each in written_accounts(changed)] == [
        account(2).id
    ]


@pytest.mark.parametrize("name", ['Shop "EU"', "Größe & Co", "  "])
def test_any_name_of_an_account_is_a_name_in_the_settings(name: str) -> None:
    (key,) = named([Member("111111111111", name)])
    text = with_accounts("", [Account(key, "111111111111", "r")])
    assert [each.name for each in written_accounts(text)] == [key]


def test_equal_names_and_names_that_are_configured_get_the_id() -> None:
    members = [Member("1", "Shop"), Member("2", "shop"), Member("3", "tools")]
    assert list(named(members, ["tools"])) == ["shop", "shop-2", "tools-3"]


def test_what_was_not_read_stays_and_what_left_the_organization_goes() -> None:
    written = [account(1), account(2), account(3), account(4)]
    listed = {account(number).id for number in (1, 2, 3)}
    kept = kept_accounts(written, [account(1)], listed, {account(2).id}, whole=True)
    assert kept == (account(1), account(2))  # 3 was read and has no roles, 4 has left
    of_unit = kept_accounts(written, [account(1)], listed, {account(2).id}, whole=False)
    assert of_unit == (account(1), account(2), account(4))


def test_the_principals_own_account_needs_no_role() -> None:
    members = {"own": Member("1" * 12, "own"), "other": Member("2" * 12, "other")}
    admin = administering(Cloud(Settings()), members, f"arn:aws-cn:iam::{'1' * 12}:role/me", "Admin")
    assert [each.role for each in admin.accounts] == ["", f"arn:aws-cn:iam::{'2' * 12}:role/Admin"]
