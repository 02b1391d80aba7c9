"""The time zone of all pages: where it comes from, the formats, and that no other module formats a time."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from app.shared import time_zone

ROOT = Path(__file__).parents[3]
BERLIN = ZoneInfo("Europe/Berlin")
MOMENT = datetime(2026, 11, 23, 23, 5, 9, 250_000, tzinfo=UTC)
DIRECTIVES = ("%H", "%M", "%S", "%Y", "%d %b", "%m-%d")
FORMATTERS = {"strftime", "isoformat", "ctime", "DatetimeColumn", "TimeColumn"}
# The schedule of EventBridge is in UTC, and the data of graphs and addresses are not shown.
IN_UTC = {"app/snapshots/pipeline_form.py", "app/snapshots/views.py"}


def script() -> None:
    from datetime import UTC, datetime

    import pandas as pd
    import streamlit as st

    from app.shared import tables, time_zone

    with st.sidebar:
        time_zone.choose()
    moment = datetime(2026, 11, 23, 23, 5, 9, tzinfo=UTC)
    st.text(time_zone.stamp(moment))
    tables.show_table(pd.DataFrame({"At": pd.to_datetime([moment.replace(tzinfo=None)]), "N": [1]}))


def page(**address: str) -> AppTest:
    test = AppTest.from_function(script, default_timeout=60)
    test.query_params.update(address)
    return test.run()


def shown(test: AppTest) -> str:
    assert not test.exception
    return test.text[0].value


def test_utc_is_the_default_and_is_not_written() -> None:
    test = page()
    assert shown(test) == "2026-11-23 23:05:09 UTC"
    assert "zone" not in test.query_params


def test_a_choice_is_in_the_address_and_applies_to_texts_and_tables() -> None:
    test = page()
    test.selectbox[0].set_value("Europe/Berlin").run()
    assert shown(test) == "2026-11-24 00:05:09 UTC+01:00"
    assert test.query_params["zone"] == "Europe/Berlin"
    frame = test.dataframe[0].value
    assert frame["At (Europe/Berlin)"][0].isoformat() == "2026-11-24T00:05:09" and list(frame["N"]) == [1]


def test_the_address_of_a_link_wins_and_a_wrong_one_means_utc() -> None:
    assert shown(page(zone="Asia/Kolkata")) == "2026-11-24 04:35:09 UTC+05:30"
    assert shown(page(zone="Mars/Olympus")) == "2026-11-23 23:05:09 UTC"


def test_the_session_keeps_the_choice_when_the_address_has_none() -> None:
    test = page()
    test.session_state["time zone at entry"] = ("/other", "UTC")  # the next run is of another page
    test.session_state["time zone"] = "America/New_York"
    assert shown(test.run()) == "2026-11-23 18:05:09 UTC-05:00"
    assert "zone" not in test.query_params


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (time_zone.stamp(MOMENT, BERLIN), "2026-11-24 00:05:09 UTC+01:00"),
        (time_zone.clock(MOMENT, UTC), "23:05:09 UTC"),
        (time_zone.brief(MOMENT, BERLIN, date=True), "11-24 00:05:09.250"),
        (time_zone.brief(MOMENT, UTC, date=False), "23:05:09.250"),
        (time_zone.precise(MOMENT, BERLIN), "2026-11-24 00:05:09.250"),
        (time_zone.span(MOMENT, MOMENT, UTC), "23 Nov 23:05:09 to 23:05:09"),
        (time_zone.on_axis(MOMENT.replace(tzinfo=None), BERLIN), "2026-11-24T00:05:09.250Z"),
        (time_zone.stamp(None), "–"),
    ],
)
def test_formats(text: str, expected: str) -> None:
    assert text == expected


def formats(source: str) -> Iterator[str]:
    """Yield what formats a time, or names a time zone to the user."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in FORMATTERS:
            yield f"{node.lineno}: {node.attr}"
        if isinstance(node, ast.FormattedValue) and node.format_spec:
            spec = ast.unparse(node.format_spec)
            if any(directive in spec for directive in DIRECTIVES):
                yield f"{node.lineno}: {spec}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if " UTC" in node.value or "(UTC)" in node.value:
                yield f"{node.lineno}: {node.value}"


def test_no_other_module_formats_a_time() -> None:
    files = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}:{one}"
        for path in files
        if path.name != "time_zone.py"
        for one in formats(path.read_text("utf-8"))
    }
    schedule = {one for one in found if one.startswith(tuple(IN_UTC)) and "UTC" in one}
    assert found - schedule == set()
    assert len(schedule) == 2


def test_the_check_finds_formats() -> None:
    planted = 'f"{at:%H:%M}"', "at.isoformat()", "st.column_config.DatetimeColumn()", '{"Created (UTC)": 1}'
    assert all(list(formats(source)) for source in planted)
