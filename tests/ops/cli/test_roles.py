"""Commands that are run with a role that is too low: each one fails with an explanation and changes nothing.

These are the commands that the sample data allows; the others use the same check
(`tests/app/test_operations.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.audit import FileAudit
from ops.cli import main
from ops.cli.context import Context
from ops.embedded.lifecycle import RunningCloud
from ops.operations import Operation
from ops.roles import Role

SHOP = "shop-production"
EXAMPLE = str(Path("rollouts/welcome.toml").absolute())
COMMANDS = [
    (Operation.PREPARE_STACK, f"snapshots deploy {SHOP} --policy policy.toml"),
    (Operation.PREPARE_STACK, "rollouts deploy"),
    (Operation.PREPARE_STACK, "setup deploy roles --accounts qa --set WorkbenchArn=arn:aws:iam::1:role/x"),
    (Operation.DELETE_STACK, f"snapshots delete {SHOP} --confirm snapshots-{SHOP}"),
    (Operation.DELETE_STACK, f"snapshots delete {SHOP}"),  # the role is checked before the confirmation
    (Operation.REFRESH_SNAPSHOT, f"snapshots refresh {SHOP}"),
    (Operation.STOP_REFRESH, f"snapshots stop {SHOP} refresh-1"),
    (Operation.CLEAN_UP_REFRESH, f"snapshots clean-up {SHOP} refresh-1"),
    (Operation.PREVIEW_ROLLOUT, f"rollouts plan {EXAMPLE}"),
    (Operation.PREVIEW_ROLLOUT, f"rollouts start {EXAMPLE}"),
    (Operation.CONTROL_ROLLOUT, "rollouts pause welcome-1 --reason x"),
    (Operation.CONTROL_ROLLOUT, "rollouts resume welcome-1 --reason x"),
    (Operation.CONTROL_ROLLOUT, "rollouts roll-back welcome-1 --reason x"),
    (Operation.CONTROL_ROLLOUT, "rollouts skip-bake welcome-1 --reason x"),
    (Operation.CONTROL_ROLLOUT, "rollouts override welcome-1 --reason x"),
    (Operation.FREEZE_ROLLOUTS, "rollouts freeze --reason x"),
    (Operation.FREEZE_ROLLOUTS, "rollouts unfreeze"),
    (Operation.SHARE_REPLICATION, "support-stacks replication deploy --account qa --regions eu-west-1"),
]


@pytest.fixture
def audit(
    embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FileAudit]:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    monkeypatch.chdir(tmp_path)  # no slipway.toml of the project's own
    Path("policy.toml").write_text("[tables.customers]\nemail = 'fake email'")
    audit = FileAudit(tmp_path / "audit.jsonl")
    monkeypatch.setattr(Context, "audit", audit)
    yield audit


@pytest.mark.parametrize("operation, command", COMMANDS, ids=[command for _, command in COMMANDS])
def test_commands_require_the_role(
    operation: Operation,
    command: str,
    audit: FileAudit,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for role in Role:
        if not operation.allows(role):
            monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", role)
            assert main(command.split()) == 1
            assert f"requires the role {operation.role};" in capsys.readouterr().err
    assert audit.read(1) == []
