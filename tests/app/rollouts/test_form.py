"""What the form of rollouts writes, and what it refuses."""

from pathlib import Path

import pytest

from app.rollouts.form import _write_call
from ops.errors import Conflict, InputError
from ops.plan import Running
from ops.rollouts.rules.rollout import parse

BODY = '{"Resources": {}}'


def test_the_file_goes_into_the_teams_folder(tmp_path: Path) -> None:
    shipped, team = tmp_path / "rollouts", tmp_path / "data"
    asked = ("shop", BODY, ["111111111111"], ["eu-west-1", "us-east-1"], ["health"])
    path = _write_call(team, shipped, *asked).step.act(Running(lambda message: None, {}))
    read = parse(path.read_text(), "shop.toml")
    assert (path.parent, read.first, read.alarms) == (team, "eu-west-1", ("health",))
    assert (team / str(read.source.template)).read_text() == BODY and not shipped.exists()


def test_a_name_of_a_shipped_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").touch()
    with pytest.raises(Conflict, match="already exists"):
        _write_call(tmp_path / "data", tmp_path, "shop", BODY, ["111111111111"], ["eu-west-1"], [])


def test_a_region_is_required(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="region"):
        _write_call(tmp_path / "data", tmp_path, "shop", BODY, ["111111111111"], [], [])
