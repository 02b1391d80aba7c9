"""`--dry-run` changes nothing: every verb that has it, with a record of every call to AWS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from botocore import xform_name
from botocore.client import BaseClient

from ops.cli import main
from ops.cli.commands import root
from ops.cli.verbs import Verbs
from ops.embedded.lifecycle import RunningCloud
from tests.ops.test_mutating_calls import mutating

SHOP = "shop-production"
EXAMPLE = str(Path("rollouts/welcome.toml").absolute())
EVERYWHERE = ("--accounts", "production", "--regions", "eu-west-1")
WHY = ("--reason", "a test")
GROUP = "/dry-run/kept"
# Every verb that has --dry-run, with arguments that give it something to do.
COMMANDS: dict[str, tuple[str, ...]] = {
    "snapshots refresh": (SHOP,),
    "snapshots stop": (SHOP,),
    "snapshots clean-up": (SHOP,),
    "snapshots deploy": (SHOP, "--policy", "policy.toml", "--keep", "4"),
    "snapshots delete": (SHOP,),
    "snapshots restore": (SHOP, "--into", "qa", "--as", "dry-run"),
    "logs deploy": ("--set", "Retention=48"),
    "logs remove": (),
    "logs subscribe": (f"{GROUP}*",),
    "logs unsubscribe": (GROUP,),
    "logs replay": (),
    "logs backfill": (GROUP, "--days", "1"),
    "logs retention": (GROUP, "--set", "30"),
    "logs compact": ("--last", "1d"),
    "logs create-tables": ("s3://slipway-logs", "--database", "nowhere"),
    "logs alerts add": ("dry-run", "level:error", "--over", "5"),
    "rollouts deploy": ("--notify", "ada@example.com"),
    "rollouts start": (EXAMPLE,),
    "rollouts pause": WHY,
    "rollouts resume": WHY,
    "rollouts roll-back": WHY,
    "rollouts skip-bake": WHY,
    "rollouts approve": WHY,
    "rollouts override": WHY,
    "support-stacks clean-up": ("--quiet-days", "0"),
    "support-stacks replication deploy": ("--regions", "eu-west-1", "us-east-1"),
    "prove": (),
    "adopt": ("log-export", "start"),
    "setup organization": ("--admin-role", "Slipway"),
    "setup deploy": ("roles", "--accounts", "qa", "--set", "WorkbenchArn=arn:aws:iam::111111111111:root"),
}
# A verb that finds nothing to do in the sample fails; it has read what there is.
NOTHING_TO_DO = {
    "logs unsubscribe",
    "logs backfill",
    "logs retention",
    "logs replay",
    "logs create-tables",
    "logs alerts add",
    "prove",
    "adopt",
}


def with_dry_run(group: Verbs = root, path: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, Verbs):
            yield from with_dry_run(command, (*path, name))
        elif command and any("--dry-run" in parameter.opts for parameter in command.params):
            yield " ".join((*path, name))


@pytest.fixture(scope="module", autouse=True)
def deployed(embedded: RunningCloud, data: Path) -> Iterator[None]:
    """Deploy the log export to one place and create a snapshot, for verbs that need them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_DATA", str(data))
        patch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
        assert main(["logs", "deploy", *EVERYWHERE]) == 0
        assert main(["snapshots", "refresh", SHOP, "--wait"]) == 0
        yield
        assert main(["logs", "remove", *EVERYWHERE, "--confirm", "log-export"]) == 0


@pytest.fixture
def calls(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Every call to AWS, as `service.method`, in the order of the calls."""
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    monkeypatch.setenv("SLIPWAY_PROVE_ACCOUNTS", "qa")
    monkeypatch.chdir(tmp_path)
    Path("policy.toml").write_text("[tables.customers]\nemail = 'fake email'")
    recorded: list[str] = []
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def record(client: Any, operation: str, parameters: Any) -> Any:
        recorded.append(f"{client.meta.service_model.service_name}.{xform_name(operation)}")
        return original(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return recorded


def writes(calls: list[str]) -> list[str]:
    return [call for call in calls if call.partition(".")[2] in mutating()]


def test_every_verb_with_a_dry_run_is_listed() -> None:
    assert set(with_dry_run()) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_writes_nothing(command: str, calls: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status = main([*command.split(), *COMMANDS[command], "--dry-run"])
    shown = capsys.readouterr()
    assert calls, "reads are recorded"
    assert writes(calls) == []
    if command not in NOTHING_TO_DO:
        assert status == 0 and shown.out, shown.err


def test_a_write_is_recorded(calls: list[str]) -> None:
    assert main(["rollouts", "freeze", *WHY]) == 0
    assert main(["rollouts", "unfreeze"]) == 0
    invoked, others = (
        [call for call in writes(calls) if call.startswith("lambda.") is wanted] for wanted in (True, False)
    )
    assert invoked == ["lambda.invoke"] * 2 and set(others) == {"logs.put_log_events"}  # and the audit log
