"""A panel that refreshes itself reruns the page once when what it shows has ended."""

from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from app.shared.refreshing import show_refreshing

    work = st.session_state.setdefault("work", {"runs": 0, "cleared": 0, "running": True, "ended": False})
    work["runs"] += 1

    def clear() -> None:
        work.update(cleared=work["cleared"] + 1, running=False)

    show_refreshing(lambda: work["ended"], every=60 if work["running"] else None, then=clear)
    st.multiselect("Below", ["a", "b"], key="below")


def test_a_panel_that_ends_reruns_the_page_once() -> None:
    test = AppTest.from_function(script, default_timeout=60).run()
    assert test.session_state["work"]["runs"] == 1
    test.multiselect(key="below").set_value(["a"]).run()
    test.session_state["work"]["ended"] = True
    test.run()
    work = test.session_state["work"]
    assert (work["runs"], work["cleared"]) == (4, 1)
    assert test.multiselect(key="below").value == ["a"]
