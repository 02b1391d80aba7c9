"""The page Support stacks on the embedded cloud's sample pipelines."""

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect

from app.shared.components import DESTRUCTIVE
from tests.end_to_end.workbench import eventually
from tests.pages.test_pages import connected, page, texts

__all__ = ["connected"]  # pages connect to the embedded cloud of the tests


def opened(view: str = "Inventory") -> AppTest:
    """Open the page. The read runs in the background; a browser reruns the page by itself, a test must."""
    test = page("support_stacks", view=view)
    eventually(lambda: test.tabs or test.run().tabs)
    return test


def test_the_page_shows_the_inventory_and_plans_a_cleanup() -> None:
    test = opened()
    assert not test.exception
    assert "orphaned resources" in texts(test)
    table = next(frame.value for frame in test.dataframe if "State" in frame.value)
    states = dict(zip(table["Name"], table["State"], strict=True))
    assert states["Loyalty-support-us-east-1"] == "Orphaned"
    assert states["Storefront-support-us-east-1"] == "Shared"
    assert states["Reports-support-us-east-1"] == "Unknown"
    assert {tab.label for tab in test.tabs} >= {
        "Inventory",
        "Graph",
        "Cleanup",
        "Shared replication buckets",
        "Migration",
    }
    test = opened("Cleanup")
    assert [box.value for box in selections(test)] == [[]], "nothing that is deleted is selected at first"
    assert test.button(key="clean-up-plan").disabled
    test.button(key="clean-up-all").click().run()
    test.button(key="clean-up-plan").click().run()
    assert not test.exception
    steps = texts(test).replace("\\", "")
    assert f"{DESTRUCTIVE} **Delete stack Loyalty-support-us-east-1 and its key**" in steps
    number = len(selections(test)[0].value)
    assert next(button for button in test.button if button.label == f"Delete {number} resources").disabled


def test_without_orphans_there_is_nothing_to_clean_up() -> None:
    test = opened()
    test.number_input(key="min-idle-days").set_value(3650).run()
    assert not test.exception
    assert "No orphaned resources" in texts(test)
    test = opened("Cleanup")
    test.number_input(key="min-idle-days").set_value(3650).run()
    assert "Nothing to clean up" in texts(test)
    assert "clean-up-plan" not in {button.key for button in test.button}


def selections(test: AppTest) -> list[Multiselect[str]]:
    return [box for box in test.multiselect if box.label == "Resources to delete"]


def test_what_is_removed_from_a_cleanup_stays_removed() -> None:
    test = opened("Cleanup")
    test.button(key="clean-up-all").click().run()
    (box,) = selections(test)
    kept = box.value[1:]
    assert kept
    box.set_value(kept).run()
    idle_days = test.number_input(key="min-idle-days").value
    test.number_input(key="min-idle-days").set_value(3650).run()
    assert not selections(test)
    test.number_input(key="min-idle-days").set_value(idle_days).run()
    assert [box.value for box in selections(test)] == [kept]
    test.button(key="refresh").click().run()
    eventually(lambda: test.tabs or test.run().tabs)
    assert [box.value for box in selections(test)] == [kept]


def test_a_choice_that_was_sent_for_other_resources_holds_for_those_only() -> None:
    test = opened("Cleanup")
    test.button(key="clean-up-all").click().run()
    (box,) = selections(test)
    kept, removed = box.value[:1], set(box.value[1:])
    box.set_value(kept)  # sent with the request that also changes which resources are shown
    test.number_input(key="min-idle-days").set_value(0).run()
    (after,) = selections(test)
    assert removed and not removed & set(after.value)
    assert len(after.options) > len(kept) + len(removed)
    assert set(after.value) <= set(kept), "what was not shown before is not selected"
