"""Settings: precedence of sources, and errors of invalid values."""

import re
from pathlib import Path

import pytest

from ops.errors import SettingsError
from ops.roles import Role
from ops.settings import Account, Exclusion, Settings, load


def write(folder: Path, text: str) -> Path:
    path = folder / "slipway.toml"
    path.write_text(text, "utf-8")
    return path


def test_defaults_need_no_file(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml", {}) == Settings()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'home_region = "us-east-1"\nconcurrency = 4\nregions = ["us-east-1"]\n')
    found = load(path, {"SLIPWAY_CONCURRENCY": "8", "SLIPWAY_REGIONS": "a-1, b-2"})
    assert (found.home_region, found.concurrency, found.regions) == ("us-east-1", 8, ("a-1", "b-2"))


def test_accounts_are_tables(tmp_path: Path) -> None:
    text = (
        '[accounts.prod]\nid = "111111111111"\nrole = "arn:aws:iam::111111111111:role/S"\nregions = ["x"]\n'
    )
    assert load(write(tmp_path, text), {}).accounts == (
        Account("prod", "111111111111", "arn:aws:iam::111111111111:role/S", ("x",)),
    )


BAD = {
    "not TOML": ("data = 1\ncloud = x", "slipway.toml, line 2: not valid TOML"),
    "unknown": ("clowd = 'aws'", "slipway.toml, line 1: clowd is not a known key"),
    "another cloud": ("cloud = 'gcp'", "cloud is 'gcp'"),
    "a near key": ("hom_region = 'x'", "hom_region is not a known key"),
    "no list": ("regions = 'eu-west-1'", "line 1: regions is 'eu-west-1', which is not a list of strings"),
    "list of numbers": ("viewers = [1]", "line 1: viewers is \\[1\\], which is not a list of strings"),
    "fraction": ("concurrency = 1.5", "line 1: concurrency is 1.5, which is not an integer"),
    "boolean": ("poll_seconds = true", "line 1: poll_seconds is True, which is not an integer"),
    "number as text": ("poll_seconds = '60'", "line 1: poll_seconds is '60', which is not an integer"),
    "number as a name": ("audit_group = 5", "line 1: audit_group is 5, which is not a string"),
    "number as id": ("[accounts.a]\nid = 111111111111", "line 2: accounts.a.id has 111111111111"),
    "deep": ("regions = " + "[" * 5000 + "]" * 5000, "line 1: nested too deeply"),
    "no number": ("\nconcurrency = 'many'", "line 2: concurrency is 'many'"),
    "too small": ("poll_seconds = 0", "poll_seconds is 0"),
    "short id": (
        "[accounts.a]\nid = '123'",
        "line 2: accounts.a.id has '123', which is not an",
    ),
    "no id": ("[accounts.a]\nrole = 'x'", "line 1: accounts.a.id is missing"),
    "regions": (
        "[accounts.a]\nid = '111111111111'\nregions = 'eu-west-1'",
        "line 3: accounts.a.regions is not",
    ),
    "unknown key": (
        "[accounts.a]\nid = '111111111111'\nrolle = 'x'",
        "line 3: accounts.a.rolle is not",
    ),
    "twice": ("[accounts.a]\nid = '111111111111'\n[accounts.b]\nid = '111111111111'", "same ID"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_setting_is_named_with_a_way_out(tmp_path: Path, case: str) -> None:
    text, message = BAD[case]
    with pytest.raises(SettingsError, match=f"(?s){message}") as caught:
        load(write(tmp_path, text), {})
    assert caught.value.hint


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="SLIPWAY_POLL_SECONDS is 'soon'"):
        load(Path("none.toml"), {"SLIPWAY_POLL_SECONDS": "soon"})


def test_a_role_is_one_of_the_three(tmp_path: Path) -> None:
    assert load(tmp_path / "none", {"SLIPWAY_LOCAL_ROLE": "viewer"}).local_role is Role.VIEWER
    with pytest.raises(SettingsError, match="SLIPWAY_LOCAL_ROLE is 'king'") as refused:
        load(tmp_path / "none", {"SLIPWAY_LOCAL_ROLE": "king"})
    assert "viewer, operator, or administrator" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SLIPWAY_CLOUDS", "SLIPWAY_CLOUD"),
        ("SLIPWAY_REGION", "SLIPWAY_REGIONS"),
        ("SLIPWAY_HOME_REGOIN", "SLIPWAY_HOME_REGION"),
        ("slipway_viewers", "SLIPWAY_VIEWERS"),
    ],
)
def test_a_misspelled_variable_is_an_error(tmp_path: Path, name: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not a setting") as refused:
        load(tmp_path / "none", {name: "x"})
    assert f"Did you mean {meant}?" in refused.value.hint


def test_variables_of_container_platforms_pass(tmp_path: Path) -> None:
    """Kubernetes sets these for a service that is named slipway."""
    names = (
        "SERVICE_HOST",
        "SERVICE_PORT",
        "PORT",
        "PORT_8501_TCP",
        "PORT_8501_TCP_ADDR",
        "PORT_8501_TCP_PROTO",
    )
    assert load(tmp_path / "none", {f"SLIPWAY_{name}": "tcp://10.0.0.1:8501" for name in names}) == Settings()


def test_excluded_places_have_a_reason(tmp_path: Path) -> None:
    text = """
        [excluded]
        "ap-east-1" = "denied"
        "111111111111" = "suspended"
        "222222222222/eu-north-1" = "closed"
    """
    excluded = load(write(tmp_path, text), {}).excluded
    assert excluded == (
        Exclusion("", "ap-east-1", "denied"),
        Exclusion("111111111111", "", "suspended"),
        Exclusion("222222222222", "eu-north-1", "closed"),
    )
    covered = [
        ("222222222222", "ap-east-1"),
        ("111111111111", "eu-west-1"),
        ("111111111111", ""),
        ("222222222222", "eu-north-1"),
    ]
    for place in covered:
        assert sum(each.covers(*place) for each in excluded) == 1, place
    for place in [("222222222222", "eu-west-1"), ("222222222222", ""), ("333333333333", "eu-north-1")]:
        assert not any(each.covers(*place) for each in excluded), place
    assert str(excluded[2]) == "222222222222/eu-north-1 is excluded: closed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"production" = "x"', "excluded.production is not an account ID, a Region, or ACCOUNT/REGION"),
        ('"/" = "x"', "excluded./ is not an account ID"),
        ('"ap-east-1" = " "', "which is not the reason"),
        ('"ap-east-1" = true', "which is not the reason"),
    ],
)
def test_an_invalid_exclusion_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        load(write(tmp_path, f"[excluded]\n{text}"), {})
