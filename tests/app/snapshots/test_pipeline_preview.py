"""The preview of a pipeline's change set: a change that deletes or replaces something must be confirmed."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

SLOW_S = 180  # many times what it takes, for a busy machine


def preview(replacement: str, folder: str) -> None:
    from pathlib import Path

    import streamlit as st

    from app.shared.plans.runs import PlanRuns
    from app.shared.session import Workbench
    from app.snapshots.pipeline_steps import show_preview
    from ops.audit import FileAudit
    from ops.aws.cloud import Cloud, Place
    from ops.aws.cloudformation.change_sets import Preview
    from ops.aws.cloudformation.stacks import Change, StackSpec
    from ops.settings import Account, Settings

    account = Account("production", "111111111111")
    settings = Settings(cloud="aws", accounts=(account,))
    bench = Workbench(settings, Cloud(settings), FileAudit(Path(folder) / "audit"), PlanRuns(), True)
    spec = StackSpec("snapshots-shop", "{}", {}, {}, (), account.id, "eu-west-1")
    change = Change("Modify", "Database", "AWS::RDS::DBInstance", "shop", replacement, ())
    st.session_state["preview"] = Preview(spec, "arn", creates=False, changes=(change,))
    show_preview(bench, Place(account, "eu-west-1"), "shop")


@pytest.mark.parametrize("replacement", ["False", "True"])
def test_a_replacement_is_confirmed_before_it_is_deployed(
    replacement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    test = AppTest.from_function(preview, args=(replacement, str(tmp_path)), default_timeout=SLOW_S).run()
    assert not test.exception
    deploy = next(button for button in test.button if button.label == "Deploy changes")
    assert deploy.disabled is (replacement == "True")
    assert bool(test.checkbox) is (replacement == "True")
    if test.checkbox:
        test.checkbox[0].check().run()
        assert not next(button for button in test.button if button.label == "Deploy changes").disabled
