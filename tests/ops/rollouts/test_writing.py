"""Which templates are accepted, and what is written once."""

from pathlib import Path
from typing import Any

import pytest

from ops.audit import Actor, FileAudit
from ops.errors import Conflict, InputError, NotAllowed
from ops.plan import perform
from ops.roles import Role
from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse
from ops.rollouts.writing import MAX_BYTES, check_template, write_call

BODY = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'


def write(folder: Path, name: str = "shop", body: str = BODY, role: Role = Role.ADMINISTRATOR) -> Path:
    draft = Draft(name, f"{name}.template.json", ["111111111111"], ["eu-west-1"], "eu-west-1")
    audit = FileAudit(folder.parent / "audit")
    return perform(write_call(folder, name, draft, body), actor=Actor("ada", "test", role), audit=audit)


def test_a_rollout_file_is_written_once_and_audited(tmp_path: Path) -> None:
    folder = tmp_path / "rollouts"
    path = write(folder)
    rollout = parse(path.read_text(), path.name)
    assert (folder / str(rollout.source.template)).read_text() == BODY
    with pytest.raises(Conflict, match=r"shop.toml already exists"):
        write(folder, body='{"Resources": {}}')
    records = FileAudit(tmp_path / "audit").read(9)
    assert [(record.result, record.resource) for record in records] == [
        ("done", "Slipway::Rollout shop"),
        ("started", "Slipway::Rollout shop"),
    ]
    assert {item.name for item in folder.iterdir()} == {"shop.toml", "shop.template.json"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_an_administrator_writes_one(tmp_path: Path, role: Role) -> None:
    with pytest.raises(NotAllowed):
        write(tmp_path / "rollouts", role=role)
    assert not (tmp_path / "rollouts").exists()


def test_a_template_that_somebody_else_uses_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shop.template.json").write_text("theirs")
    with pytest.raises(Conflict, match=r"shop.template.json already exists"):
        write(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["shop.template.json"]


def test_after_a_crash_between_the_two_files_writing_again_completes(tmp_path: Path) -> None:
    (tmp_path / "shop.template.json").write_text(BODY)
    assert write(tmp_path).exists()


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", "9", "a\n"])
def test_a_name_that_is_no_stacks_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        write(tmp_path / "rollouts", name)
    assert not (tmp_path / "rollouts").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", BODY),
        ("a.TEMPLATE", "\ufeff" + BODY),
        ("a.yaml", "# A topic\nDescription: größer\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n"),
        ("a.yml", '"Resources" :\n\tx: 1\r\n'),
    ],
)
def test_templates_are_accepted(name: str, content: str) -> None:
    assert "Resources" in check_template(name, content.encode())


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.exe", BODY, "is not a template file"),
        ("a", BODY, "is not a template file"),
        ("a.json.html", BODY, "is not a template file"),
        ("a.json", b"\xff\xfe\x00", "is not a text file in UTF-8"),
        ("a.yaml", "Resources:\n\x00", "contains control characters"),
        ("a.yaml", "Resources:\n\x1b[2J", "contains control characters"),
        ("a.json", "", "has no section Resources"),
        ("a.json", "{", "is not valid JSON"),
        ("a.json", "{" * 100_000, "is not valid JSON"),
        ("a.json", '{"a":' + "[" * 100_000, "is not valid JSON"),
        ("a.json", "{}", "has no section Resources"),
        ("a.json", '{"Resources": []}', "has no section Resources"),
        ("a.yaml", "<html>Resources:</html>", "has no section Resources"),
        ("a.yaml", "  Resources:\n", "has no section Resources"),
        ("a.json", BODY + " " * MAX_BYTES, "CloudFormation accepts at most 1,048,576"),
    ],
    ids=range(15),
)
def test_everything_else_is_refused_in_words(name: str, content: Any, reason: str) -> None:
    body = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(InputError, match=reason) as refused:
        check_template(name, body)
    assert refused.value.hint
