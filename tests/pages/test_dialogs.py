"""Dialogs stay open while the page behind them is rerun, until they are closed."""

from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from app.shared.dialogs import close_dialog, dialog, show_dialog
    from ops.errors import SlipwayError

    @dialog("Ask")
    def ask(what: str) -> None:
        st.markdown(f"Really {what}?")
        if st.text_input("Why") == "broken":
            raise SlipwayError("It does not work", hint="Try again.")
        if st.button("Yes"):
            close_dialog()

    show_dialog()
    st.button("Something else")
    if st.button("Open"):
        ask("stop")


def press(test: AppTest, label: str) -> AppTest:
    return next(found for found in test.button if found.label == label).click().run()


def said(test: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*test.markdown, *test.error])


def test_dialog_stays_open_while_the_page_is_rerun() -> None:
    test = AppTest.from_function(script, default_timeout=60).run()
    assert "Really" not in said(test)
    press(test, "Open")
    test.text_input[0].set_value("half a thought")
    press(test, "Something else")
    assert "Really stop?" in said(test) and test.text_input[0].value == "half a thought"


def test_dialog_closes_if_its_body_closes_it() -> None:
    test = press(AppTest.from_function(script, default_timeout=60).run(), "Open")
    press(test, "Yes")
    assert "Really" not in said(test.run())


def test_error_in_a_dialog_is_shown_in_it() -> None:
    test = press(AppTest.from_function(script, default_timeout=60).run(), "Open")
    test.text_input[0].set_value("broken").run()
    assert "It does not work" in said(test) and not test.exception
