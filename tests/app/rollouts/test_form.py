"""What the form of rollouts writes, and what it refuses."""

from pathlib import Path

import pytest

from app.rollouts.form import _write
from ops.errors import Conflict, InputError
from ops.rollouts.rules.rollout import parse


def test_a_draft_is_written_once_beside_its_template(tmp_path: Path) -> None:
    asked = (tmp_path, "shop", "{}", ["111111111111"], ["eu-west-1", "us-east-1"], ["health"])
    _write(*asked)
    read = parse((tmp_path / "shop.toml").read_text(), "shop.toml")
    assert (read.first, read.alarms) == ("eu-west-1", ("health",))
    assert (tmp_path / read.source.template).read_text() == "{}"
    with pytest.raises(Conflict, match="already exists"):
        _write(*asked)


@pytest.mark.parametrize("stack", ["", "../elsewhere", "a/b", "9"])
def test_a_name_that_is_no_stacks_writes_nothing(tmp_path: Path, stack: str) -> None:
    with pytest.raises(InputError):
        _write(tmp_path, stack, "{}", ["111111111111"], ["eu-west-1"], [])
    assert not list(tmp_path.iterdir())
