"""The pages on the embedded cloud, run by Streamlit's AppTest."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.overview.reader import StatusReader, status_reader
from app.shared.components import plain
from app.shared.inventory import inventory_scan, start_scan
from app.shared.session import workbench
from app.snapshots import review
from ops.aws.cloud import Cloud
from ops.embedded.lifecycle import RunningCloud
from ops.errors import Unreachable
from ops.rollouts import controller
from ops.snapshots.pipeline import catalog
from ops.snapshots.report import SanitizingReport, UnlistedColumn
from ops.snapshots.runs import control as runs
from ops.status import reading
from tests.end_to_end.workbench import eventually

PAGES = Path(__file__).parents[2] / "pages"
SHOP = "shop-production"
SLOW_S = 180  # many times what it takes, for a busy machine


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connect the pages to the embedded cloud of the tests."""
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    monkeypatch.setenv("SLIPWAY_EMBEDDED_DELAY", "0.2")
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=SLOW_S)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def texts(test: AppTest) -> str:
    """Return all text of the page outside of tables."""
    elements = [*test.markdown, *test.caption, *test.error, *test.warning, *test.success, *test.subheader]
    return "\n".join(str(element.value) for element in elements)


def press(test: AppTest, label: str) -> AppTest:
    return next(found for found in test.button if found.label == label).click().run()


def overview() -> AppTest:
    """Return the page Overview when its first reading is complete."""
    bench = workbench()
    status_reader(bench).look(SLOW_S)
    start_scan(bench, inventory_scan(bench), wait_s=SLOW_S)
    return page("overview")


def test_the_overview_shows_all_jobs_accounts_and_changes() -> None:
    test = overview()
    assert not test.exception
    shown = texts(test).replace("\\", "")
    assert "3 accounts, 6 regions, " in shown
    assert f"**{SHOP}** · " in shown and "verified snapshot" in shown  # snapshots
    assert "No log export is deployed" in shown
    orphaned = next(metric for metric in test.metric if metric.label == "Orphaned resources")
    assert int(orphaned.value) > 0 and "/month" in orphaned.delta
    assert f"{orphaned.value} orphaned resources of deleted pipelines" in shown  # needs attention
    assert {"**production**", "**qa**", "**development**"} <= set(shown.split())
    assert "eu-west-1: 1 database" in shown
    assert test.button(key="refresh").label == "Refresh"


def test_the_overview_shows_where_its_cards_will_be_before_the_first_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StatusReader, "look", lambda reader, wait_s=0: None)
    test = page("overview")
    assert not test.exception and "Reading every account and region…" in texts(test)
    assert "Nothing needs attention" not in texts(test)


def test_an_outage_is_one_message_claims_nothing_and_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unreachable("The embedded cloud does not answer.", hint="Start it.")

    with monkeypatch.context() as outage:
        outage.setattr(reading, "_read_place", fail)
        outage.setattr(controller, "read_controller", fail)
        outage.setattr(reading, "find_exports", fail)
        test = overview()
        shown = texts(test).replace("\\", "")
        assert shown.count("The embedded cloud does not answer.") == 2  # the banner, and what needs attention
        assert "6 regions not read, at least 0 snapshot pipelines" in shown
        assert "Nothing needs attention" not in shown
    status_reader(workbench()).refresh()
    for _ in range(2):  # a read that began in the outage can be in progress
        status_reader(workbench()).look(SLOW_S)
    assert f"**{SHOP}**" in texts(test.run()).replace("\\", "")


def test_the_page_snapshots_shows_databases_and_their_pipeline() -> None:
    test = page("snapshots", database=SHOP)
    assert not test.exception
    assert SHOP in set(test.dataframe[0].value["Database"])
    assert test.subheader[0].value == SHOP
    assert {found.label for found in test.button} >= {"Refresh snapshot", "Change pipeline"}


def test_the_settings_and_the_cost_of_a_pipeline_are_shown() -> None:
    shown = texts(page("snapshots", database=SHOP)).replace("\\", "")
    assert "Snapshots to keep: 3 · Schedule: off · Email notifications: off." in shown
    assert "Cost estimate available after" in shown or "Estimated cost: " in shown


def test_a_restore_is_offered_with_its_plan(cloud: Cloud) -> None:
    bench = workbench()
    found = catalog.find_pipeline(bench.cloud, bench.cloud.places[0], SHOP)
    if not catalog.list_sanitized(bench.cloud, found):
        press(page("snapshots", database=SHOP), "Refresh snapshot")
        eventually(lambda: catalog.list_sanitized(bench.cloud, found))
        eventually(lambda: not runs.running_refresh(runs.list_runs(bench.cloud, found)))
        st.cache_data.clear()
    test = press(page("snapshots", database=SHOP), "Restore snapshot")
    assert not test.exception
    assert next(box for box in test.selectbox if box.label == "Account" and box.key).value
    assert f"Restore the snapshot as {SHOP}-sanitized-next" in texts(test).replace("\\", "")


def test_the_button_starts_a_run_that_a_reload_shows_as_well() -> None:
    test = page("snapshots", database=SHOP)
    press(test, "Refresh snapshot")
    assert not test.exception
    run = str(test.query_params["run"])
    assert run.startswith("refresh-")
    assert run.replace("-", "\\-") in texts(test)
    reloaded = page("snapshots", database=SHOP, run=run)
    assert run.replace("-", "\\-") in texts(reloaded)
    bench = workbench()
    pipeline = catalog.find_pipeline(bench.cloud, bench.cloud.places[0], SHOP)
    eventually(
        lambda: runs.read_run(bench.cloud, pipeline, run).execution.status == "SUCCEEDED", within_s=SLOW_S
    )
    st.cache_data.clear()
    done = page("snapshots", database=SHOP, run=run)
    assert "Newest sanitized snapshot: created" in texts(done)
    assert "Succeeded" in texts(done)
    assert run in set(done.dataframe[1].value["Run"])


def test_an_account_without_databases_is_an_empty_state_that_teaches() -> None:
    test = page("snapshots", account="development", region="us-east-1")
    assert "No databases in development, us-east-1" in texts(test)
    assert not test.button


def test_unknown_names_in_the_address_are_told() -> None:
    test = page("snapshots", database="<script>no</script>", run="nope", account="nobody")
    assert not test.exception
    assert "The database \\<script\\>no" in texts(test)
    assert test.selectbox(key="account").value == "production"


def test_the_form_refuses_a_policy_that_does_nothing() -> None:
    test = page("snapshot_pipeline", database=SHOP)
    assert not test.exception
    test.text_area(key="policy").set_value("[tables.customers]\nid = 'keep'")
    press(test, "Preview changes")
    assert "has no treatment" in texts(test)
    assert "Add a treatment" in texts(test)


def test_a_policy_that_keeps_what_it_does_not_name_is_shown_in_red(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not page("snapshots", database=SHOP).error
    st.cache_data.clear()
    loose = 'unlisted = "keep"\n[tables.customers]\nemail = "fake email"'
    monkeypatch.setattr(catalog, "read_policy", lambda cloud, pipeline: loose)
    assert "shared unchanged" in page("snapshots", database=SHOP).error[0].value


def test_reviewed_suggestions_become_the_policy_that_is_previewed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "x](javascript:alert(1)) :red[<b>"
    unlisted = (
        UnlistedColumn("public.customers.nickname", "text"),
        UnlistedColumn(f"public.t.{hostile}", "xml"),
    )
    report = SanitizingReport("1", (), unlisted)
    monkeypatch.setattr(review, "_report", lambda *arguments: ("refresh-1", report))
    test = page("snapshot_pipeline", database=SHOP)
    assert not test.exception
    assert "Columns: 2 of " in test.expander[0].label and "1 without a suggestion" in test.expander[0].label
    table = test.dataframe[0].value
    assert list(table["Column"])[:2] == [hostile, "nickname"] and set(table["State"]) == {"Open", "In policy"}
    press(test, "Accept 1 suggestion of at least 95% confidence")
    press(test, "Update policy")
    policy = test.text_area(key="policy").value or ""
    assert '"nickname" = "fake username"' in policy and '= "review"' in policy
    press(test, "Preview changes")
    assert "1 open review: public.t." in texts(test).replace("\\", "")
    test.session_state[f"review-{test.session_state['review-version']}"] = {"selection": {"rows": [0]}}
    test.run()
    assert plain(hostile) in texts(test)
    test.text_input(key="review-reason").set_value("nobody")
    press(test, "Keep values")
    press(test, "Update policy")
    press(test, "Preview changes")
    assert not test.exception and "#### Changes" in texts(test)
    press(test, "Discard changes")


def test_a_setting_of_a_wrong_form_is_named_among_the_checks() -> None:
    test = page("snapshot_pipeline", database=SHOP)
    next(found for found in test.text_input if found.label == "Schedule (UTC)").set_value("every day")
    said = texts(press(test, "Preview changes")).replace("\\", "")
    assert "Schedule: 'every day' is not a cron(...)" in said and "Making a change set" not in said


def test_a_preview_of_what_is_deployed_says_so() -> None:
    test = page("snapshot_pipeline", database=SHOP)
    press(test, "Preview changes")
    assert not test.exception
    assert "up to date" in texts(test)


def test_a_preview_shows_the_changes_and_discarding_forgets_them() -> None:
    test = page("snapshot_pipeline", database=SHOP)
    next(found for found in test.number_input if "to keep" in found.label).set_value(9)
    press(test, "Preview changes")
    changes = next(frame.value for frame in test.dataframe if "Action" in frame.value)
    assert set(changes["Resource"]) >= {"Handler"}
    press(test, "Discard changes")
    assert not test.exception
    assert not any("Action" in frame.value for frame in test.dataframe)


def test_the_form_without_a_database_leads_back() -> None:
    test = page("snapshot_pipeline")
    assert "No database selected" in texts(test)


def test_no_credentials_are_told_on_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPWAY_CLOUD", "aws")
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    test = AppTest.from_file(str(PAGES.parent / "app/main.py"), default_timeout=SLOW_S).run()
    eventually(lambda: "no AWS credentials found" in texts(test.run()).replace("\\", ""))
    assert not test.exception
