"""The cleanup of a proof claims a deletion only when the resource was seen to be gone."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.rds import databases
from ops.errors import SlipwayError
from ops.prove import clean_up, resources
from ops.prove.clean_up import leftovers, plan_clean_up
from ops.prove.session import Ceilings, ProofSession
from ops.prove.state import Owned, ProofState, load

NOW = datetime(2026, 11, 30, tzinfo=UTC)
OWNED = Owned(resources.TABLE, "runs", "111111111111", "eu-west-1", NOW)


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProofSession:
    """A proof with one recorded table, which exists whatever is done."""
    account = SimpleNamespace(id=OWNED.account, name="sandbox")
    place = SimpleNamespace(account=account, region=OWNED.region)
    cloud: Any = SimpleNamespace(
        places=(place,), accounts=(account,), settings=SimpleNamespace(poll_seconds=1)
    )
    state = ProofState(tmp_path / "state.json", "abc123", NOW, ((OWNED.account, OWNED.region),))
    state.own(OWNED)
    monkeypatch.setattr(resources, "exists", lambda *_: True)
    monkeypatch.setattr(resources, "delete", lambda *_: None)
    for module, name in ((clean_up, "list_stacks"), (databases, "list_databases")):
        monkeypatch.setattr(module, name, lambda *_: [])
    monkeypatch.setattr(databases, "list_snapshots", lambda *_: [])
    audit, actor = FileAudit(tmp_path / "audit.jsonl"), Actor("me", "test")
    return ProofSession(
        cloud, state, Ceilings(1, 1), actor, audit, tmp_path, clock=lambda: NOW, sleep=lambda _: None
    )


def test_what_still_exists_is_not_called_deleted(session: ProofSession) -> None:
    *_, step = plan_clean_up(session).steps
    with pytest.raises(SlipwayError, match="runs still exists"):
        step.act(cast("Any", lambda _: None))
    assert session.state.resources == (OWNED,)


def test_what_exists_after_all_is_deleted_by_the_next_cleanup(session: ProofSession) -> None:
    session.state.mark_deleted(OWNED, NOW)
    assert len(plan_clean_up(session).steps) == 2  # only what stops runs
    assert leftovers(session) == [replace(OWNED, deleted=NOW)]
    assert load(session.state.path).resources == (OWNED,)  # type: ignore[union-attr]
    assert len(plan_clean_up(session).steps) == 3
