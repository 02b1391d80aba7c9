"""The page Support stacks on the embedded cloud's sample pipelines."""

from streamlit.testing.v1 import AppTest

from tests.end_to_end.workbench import eventually
from tests.pages.test_pages import connected, page, texts

__all__ = ["connected"]  # pages connect to the embedded cloud of the tests


def opened(view: str = "Inventory") -> AppTest:
    """The reading goes on behind the page, which redraws itself in a browser; here it is asked to."""
    test = page("support_stacks", view=view)
    eventually(lambda: test.tabs or test.run().tabs)
    return test


def test_the_page_reads_judges_and_plans() -> None:
    test = opened()
    assert not test.exception
    assert "things nobody needs" in texts(test)
    table = next(frame.value for frame in test.dataframe if "State" in frame.value)
    states = dict(zip(table["Name"], table["State"], strict=True))
    assert states["Loyalty-support-us-east-1"] == "orphaned"
    assert states["Storefront-support-us-east-1"] == "shared"
    assert states["Reports-support-us-east-1"] == "unknown"
    assert {tab.label for tab in test.tabs} >= {"Inventory", "Graph", "Clean-up", "Cure", "Migration"}
    test = opened("Clean-up")
    assert test.multiselect(key="clean-up-chosen").value
    test.button(key="clean-up-plan").click().run()
    assert not test.exception
    steps = next(frame.value for frame in test.dataframe if "Step" in frame.value)
    assert "Delete the stack Loyalty-support-us-east-1 and its key" in set(steps["Step"])
    assert next(button for button in test.button if button.label == "Clean up").disabled


def test_everything_young_means_nothing_to_clean_up() -> None:
    test = opened()
    test.number_input(key="quiet-days").set_value(3650).run()
    assert not test.exception
    assert "Nothing is orphaned" in texts(test)
    test = opened("Clean-up")
    test.number_input(key="quiet-days").set_value(3650).run()
    assert "There is nothing to clean up" in texts(test)
    assert "clean-up-plan" not in {button.key for button in test.button}
