"""Writes to files through the pages: who can make them, and what a forged message of a browser changes."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ops.roles import Role


def saving_page(folder: str) -> None:
    """The menu that saves a query, as the Logs page shows it."""
    from pathlib import Path

    from app.logs.sql_mode import _show_saving
    from app.logs.state import View
    from app.shared.plans.runs import PlanRuns
    from app.shared.session import Workbench
    from ops.audit import FileAudit
    from ops.aws.cloud import Cloud
    from ops.settings import Settings

    settings = Settings(data=Path(folder))
    bench = Workbench(settings, Cloud(settings), FileAudit(Path(folder) / "audit"), PlanRuns(), True)
    _show_saving(bench, View(), "SELECT count(*) AS events FROM events", None)


def rollout_page(folder: str) -> None:
    """The form that writes a rollout file, and the editor of a file that exists."""
    from pathlib import Path

    import streamlit as st

    from app.rollouts import planning
    from app.rollouts.form import show_form
    from app.shared.plans.runs import PlanRuns
    from app.shared.session import Workbench
    from ops.audit import FileAudit
    from ops.aws.cloud import Cloud
    from ops.settings import Account, Settings

    settings = Settings(data=Path(folder), accounts=(Account("one", "111111111111"),))
    bench = Workbench(settings, Cloud(settings), FileAudit(Path(folder) / "audit"), PlanRuns(), True)
    show_form(bench, Path(folder) / "shipped")
    if document := planning.edit_document(bench):
        st.code(document.text)


@pytest.mark.parametrize("role", Role)
def test_only_who_may_save_queries_saves_one(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", role)
    test = AppTest.from_function(saving_page, args=(str(tmp_path),), default_timeout=60).run()
    test.text_input(key="logs_save_name").set_value("mine").run()
    button = test.button(key="logs_save_now")
    assert button.disabled is (role is Role.VIEWER)
    button.proto.disabled = False  # a forged message: a viewer's page does not send it
    button.click().run()
    assert (tmp_path / "queries/mine.sql").exists() is (role is not Role.VIEWER)
    if role is Role.VIEWER:
        assert list(tmp_path.iterdir()) == []
    else:
        records = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
        assert [(record["result"], record["role"]) for record in records] == [
            ("started", role),
            ("done", role),
        ]


@pytest.mark.parametrize("role", Role)
def test_only_who_may_write_rollouts_can_upload_and_edit(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", role)
    rollouts = tmp_path / "rollouts"
    rollouts.mkdir()
    (rollouts / "shop.template.json").write_text('{"Resources": {}}')
    stored = (
        '[what]\nstack = "shop"\ntemplate = "shop.template.json"\n[[where]]\naccounts = ["111111111111"]\n'
        'regions = ["eu-west-1"]\n[order]\nfirst = "eu-west-1"\n[evidence]\nnone = "only failures"\n'
    )
    (rollouts / "shop.toml").write_text(stored)
    test = AppTest.from_function(rollout_page, args=(str(tmp_path / "data"),), default_timeout=60).run()
    allowed = role is Role.ADMINISTRATOR
    assert not test.exception and test.code[0].value == stored.strip()
    (editor,) = test.text_area
    assert editor.disabled is not allowed
    editor.proto.disabled = False
    editor.set_value(stored.replace("only failures", "edited")).run()
    assert ("edited" in test.code[0].value) is allowed
    submit = next(button for button in test.button if button.label == "Create file")
    assert submit.disabled is not allowed
