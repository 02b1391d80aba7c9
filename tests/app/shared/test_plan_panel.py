"""The panel of a plan in the background reacts to the end of the run, however short the run was."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.plans import panel
from app.shared.plans.runs import PlanRuns
from ops.audit import FileAudit
from ops.plan import Plan
from tests.app.shared.test_plan_runs import ACTOR, ended, plan


def script() -> None:
    from typing import Any

    import streamlit as st

    from app.shared.plans.panel import show_plan_panel

    shown: Any = st.session_state["shown"]
    shown["scripts"] += 1
    st.markdown(f"Read {shown['read']} times")

    def read() -> None:
        shown["read"] += 1

    bench: Any = None
    show_plan_panel(bench, shown["run"], key="test", thing="step", then=read, advice="")


def test_what_a_run_changed_is_read_if_it_ended_before_it_was_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "_show_result", lambda *args: None)  # it links to a page of the app
    short: Plan = plan(lambda say: None)
    run = ended(PlanRuns().start(short, actor=ACTOR, audit=FileAudit(tmp_path / "audit.jsonl")))
    shown = {"run": run, "scripts": 0, "read": 0}
    test = AppTest.from_function(script, default_timeout=60)
    test.session_state["shown"] = shown
    test.run()
    assert (shown["scripts"], shown["read"]) == (2, 1)
    assert "Read 1 times" in [one.value for one in test.markdown]
    test.run()
    assert (shown["scripts"], shown["read"]) == (3, 1)
