"""The table of suggestions: decisions are kept, nothing is put into the policy without the role for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from app.snapshots import review
from ops.operations import Operation
from ops.roles import Role

SLOW_S = 180  # many times what it takes, for a busy machine
POLICY = 'version = 1\nengine = "postgres"\n'


def page(folder: str, policy: str) -> None:
    from datetime import UTC, datetime
    from pathlib import Path

    import streamlit as st

    from app.shared.plans.runs import PlanRuns
    from app.shared.session import Workbench
    from app.snapshots import review
    from ops.audit import FileAudit
    from ops.aws.cloud import Cloud, Place
    from ops.aws.cloudformation.stacks import Stack
    from ops.settings import Account, Settings
    from ops.snapshots.pipeline.catalog import DeployedPipeline
    from ops.snapshots.report import SanitizingReport, UnlistedColumn

    columns = (
        UnlistedColumn("public.customers.id", "integer", required=True),
        UnlistedColumn("public.customers.email", "varchar(8)"),
        UnlistedColumn("public.customers.iban", "text"),
        UnlistedColumn("public.customers.file_content", "bytea"),
        UnlistedColumn("public.orders.total", "numeric(10,2)"),
    )
    report = SanitizingReport("1", (), columns)
    review._report = lambda *arguments: ("refresh-1", report)  # type: ignore[assignment]
    account = Account("production", "111111111111")
    settings = Settings(cloud="aws", accounts=(account,))
    bench = Workbench(settings, Cloud(settings), FileAudit(Path(folder) / "audit"), PlanRuns(), True)
    place = Place(account, "eu-west-1")
    stack = Stack(
        "snapshots-shop", "arn", "CREATE_COMPLETE", "", "", {}, {}, {}, datetime(2026, 1, 1, tzinfo=UTC), None
    )
    current = st.session_state.setdefault("policy", policy)
    review.show_review(bench, DeployedPipeline(place, stack), policy, current)
    st.text_area("Policy", key="policy")


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(review, "_report", None)  # restored after the test
    yield AppTest.from_function(page, args=(str(tmp_path), POLICY), default_timeout=SLOW_S).run()


def button(test: AppTest, label: str) -> Button:
    return next(found for found in test.button if found.label.startswith(label))


def select(test: AppTest, *columns: str) -> AppTest:
    names = list(test.dataframe[0].value["Column"])
    version = test.session_state["review-version"] if "review-version" in test.session_state else 0
    chosen = {"selection": {"rows": [names.index(column) for column in columns]}}
    test.session_state[f"review-{version}"] = chosen
    return test.run()


def states(test: AppTest) -> dict[str, str]:
    table = test.dataframe[0].value
    return dict(zip(table["Column"], table["State"], strict=True))


def test_each_decision_is_in_the_policy_and_the_counter_follows(shown: AppTest) -> None:
    assert shown.expander[0].label == "Columns: 5 of 5 open, 1 without a suggestion"
    select(shown, "iban")
    shown.selectbox(key="review-treatment").set_value("hash")
    button(shown, "Change treatment").click().run()
    select(shown, "file_content")
    assert button(shown, "Accept suggestion").disabled, "review is no treatment"
    shown.text_input(key="review-reason").set_value("a logo")
    button(shown, "Keep values").click().run()
    select(shown, "id", "email")
    button(shown, "Accept suggestion").click().run()
    assert states(shown) == {
        "total": "Open", "iban": "Changed", "file_content": "Kept", "id": "Accepted", "email": "Accepted",
    }  # fmt: skip
    assert shown.expander[0].label == "Columns: 1 of 5 open"
    select(shown, "iban")
    button(shown, "Reopen").click().run()
    assert states(shown)["iban"] == "Open"
    assert '+"email" = "hash"' in shown.code[0].value
    button(shown, "Update policy").click().run()
    policy = shown.text_area(key="policy").value or ""
    assert '"file_content" = "keep because a logo"' in policy and '"total" = "review"' in policy
    assert "fake email has up to 29 characters, the column 8" in policy
    assert states(shown)["id"] == "In policy" and states(shown)["total"] == "Open"


def test_a_reason_is_required_to_keep_values(shown: AppTest) -> None:
    select(shown, "iban")
    button(shown, "Keep values").click().run()
    assert "without a reason" in shown.error[0].value
    assert states(shown)["iban"] == "Open"


def test_filters_select_rows_and_end_the_selection(shown: AppTest) -> None:
    select(shown, "iban")
    assert any("iban" in each.value for each in shown.markdown)
    shown.selectbox(key="review-filter-Table").set_value("orders").run()
    assert list(states(shown)) == ["total"]
    assert not any("iban" in each.value for each in shown.markdown)
    shown.selectbox(key="review-filter-Table").set_value("All").run()
    shown.selectbox(key="review-filter-Class").set_value("iban").run()
    assert list(states(shown)) == ["iban"]


def test_rows_of_high_confidence_are_accepted_with_one_click(shown: AppTest) -> None:
    table = shown.dataframe[0].value
    sure = {
        column
        for column, confidence, suggestion in zip(
            table["Column"], table["Confidence"], table["Suggestion"], strict=True
        )
        if int(confidence.rstrip("%")) >= 95 and suggestion != "review"
    }
    button(shown, f"Accept {len(sure)} suggestion").click().run()
    assert {column for column, state in states(shown).items() if state == "Accepted"} == sure
    assert button(shown, "Accept 0 suggestions").disabled


@pytest.mark.parametrize("role", Role, ids=str)
def test_the_policy_is_updated_only_by_who_may_deploy_it(
    role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", role)
    monkeypatch.setattr(review, "_report", None)
    test = AppTest.from_function(page, args=(str(tmp_path), POLICY), default_timeout=SLOW_S).run()
    assert not test.exception
    assert button(test, "Update policy").disabled is not Operation.PREPARE_STACK.allows(role)
