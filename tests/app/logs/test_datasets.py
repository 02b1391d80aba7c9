"""The choice of datasets on the Logs page."""

from pathlib import Path
from types import SimpleNamespace

from streamlit.testing.v1 import AppTest

from ops.logs.lake.layout import Location
from ops.logs.services.table import BY_NAME
from ops.settings import Settings


def page() -> None:
    import streamlit as st

    from app.logs.datasets import show_datasets
    from app.logs.search_bar import current

    show_datasets(st.session_state["bench"], st.session_state["dataset"], current())


def shown(tmp_path: Path, *found: object, configured: tuple[str, ...] = ()) -> AppTest:
    app = AppTest.from_function(page, default_timeout=60)
    settings = Settings(data=tmp_path, logs=configured)
    app.session_state["bench"] = SimpleNamespace(cloud=SimpleNamespace(settings=settings))
    app.session_state["dataset"] = SimpleNamespace(name="s3://one/", found_together=found)
    return app.run()


def test_one_dataset_is_no_choice(tmp_path: Path) -> None:
    app = shown(tmp_path, (Location("one"), None), configured=("s3://one",))
    assert not app.multiselect


def test_several_datasets_are_chosen_together(tmp_path: Path) -> None:
    found = [(Location("one"), BY_NAME[name]) for name in ("alb", "waf")]
    app = shown(tmp_path, *found, configured=("cloudtrail:s3://two",))
    (choice,) = app.multiselect
    assert choice.options == ["cloudtrail:s3://two/", "alb:s3://one/", "waf:s3://one/"]
    assert choice.value == ["alb:s3://one/", "waf:s3://one/"]
    choice.set_value(["alb:s3://one/", "cloudtrail:s3://two/"]).run()
    assert app.query_params["dataset"] == "alb:s3://one/,cloudtrail:s3://two/"
