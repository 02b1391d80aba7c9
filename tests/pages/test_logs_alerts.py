"""The view Alerts of the Logs page: what the objects in the bucket say, and what its buttons write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ops.embedded.accounts import EXPORTED_BUCKET, HOME, PRODUCTION
from ops.embedded.lifecycle import RunningCloud
from tests.ops.embedded.overlay import client, unique

PAGE = Path(__file__).parents[2] / "pages" / "logs.py"
SLOW_S = 120
HOSTILE = "level:error <b>*x*</b> :material/check: $a$"


@pytest.fixture(autouse=True)
def connected(embedded: RunningCloud, data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SLIPWAY_DATA", str(data))
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def s3(embedded: RunningCloud) -> Any:
    return client(embedded, "s3", account=PRODUCTION.id, region=HOME)


@pytest.fixture
def key(s3: Any) -> Iterator[str]:
    """The key of an alert whose last window was partly read."""
    name = unique("alert")
    key = f"alerts/{name}.json"
    document = {
        "version": 1, "name": name, "search": HOSTILE, "every_s": 300, "comparison": "over", "threshold": 5,
        "topic": "arn:aws:sns:eu-west-1:111111111111:team", "link": "", "dataset": "", "delay_s": 1800,
        "paused": False, "query": {"sql": [], "parameters": []},
        "state": {
            "judged_until": "2026-11-24T10:05:00Z", "since": "2026-11-24T10:00:00Z", "status": "unknown",
            "window": ["2026-11-24T10:00:00Z", "2026-11-24T10:05:00Z"], "events": 3,
            "partly": "Some *failed*.", "notices": [{"id": "1"}], "attempt": "x",
        },
    }  # fmt: skip
    s3.put_object(Bucket=EXPORTED_BUCKET, Key=key, Body=json.dumps(document).encode())
    yield key
    s3.delete_object(Bucket=EXPORTED_BUCKET, Key=key)


def page() -> AppTest:
    test = AppTest.from_file(str(PAGE), default_timeout=SLOW_S)
    test.query_params["view"] = "alerts"
    return test.run()


def texts(test: AppTest) -> str:
    elements = [*test.markdown, *test.caption, *test.error, *test.warning, *test.code]
    return "\n".join(str(element.value) for element in elements)


def test_without_an_export_it_says_what_alerts_need() -> None:
    test = page()
    assert not test.exception
    assert "No alerts" in texts(test)
    assert "No log export writes to" in texts(test).replace("\\", "")


def test_an_alert_shows_what_is_known_and_its_text_is_not_markdown(key: str) -> None:
    test = page()
    assert not test.exception
    shown = texts(test)
    assert "at least 3 events, 24 Nov 10:00:00 to 10:05:00 (UTC) · Some \\*failed\\*\\." in shown
    assert "Unknown" in shown and "1 unknown" in shown
    assert HOSTILE in [code.value for code in test.code]
    assert "Not judged in time" in shown and "1 notice not sent yet" in shown


def test_pause_resume_and_delete_write_the_object(s3: Any, key: str) -> None:
    name = key.removeprefix("alerts/").removesuffix(".json")

    def alert() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(s3.get_object(Bucket=EXPORTED_BUCKET, Key=key)["Body"].read())
        return found

    test = page()
    test.button(key=f"logs_alert_pause_{name}").click().run()
    assert alert()["paused"] and "Paused" in texts(test)
    assert alert()["state"]["judged_until"] == "2026-11-24T10:05:00Z"
    test.button(key=f"logs_alert_resume_{name}").click().run()
    assert not alert()["paused"]
    assert alert()["state"]["judged_until"] > "2026-11-24T10:05:00Z", "windows of the pause are not judged"
    test.button(key=f"logs_alert_delete alert_{name}").click().run()
    assert "No alerts" in texts(test)
    assert not s3.list_objects_v2(Bucket=EXPORTED_BUCKET, Prefix=key).get("Contents")
