"""The address: choices are pushed, defaults are not written, and a changed address wins over the widgets."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.shared import address as shared_address

TIMEOUT_S = 60


def script() -> None:
    import streamlit as st

    from app.shared import address

    account = address.choose(
        st.selectbox, "Account", ["production", "qa", "development"], name="account", clears=("database",)
    )
    regions = ["eu-west-1"] if account == "qa" else ["us-east-1", "eu-west-1"]
    address.choose(st.radio, "Region", regions, name="region")
    address.follow("text", "search", "")
    text = st.text_input("Search", key="search")
    address.keep("text", "search", "", text)


def run(**address: str) -> AppTest:
    test = AppTest.from_function(script, default_timeout=TIMEOUT_S)
    test.query_params.update(address)
    return test.run()


def shown(test: AppTest) -> tuple[object, object, object]:
    assert not test.exception
    return test.selectbox[0].value, test.radio[0].value, test.text_input[0].value


def in_address(test: AppTest) -> dict[str, str]:
    return {name: "".join(values) for name, values in test.query_params.items()}


def test_defaults_are_not_written() -> None:
    test = run()
    assert shown(test) == ("production", "us-east-1", "") and in_address(test) == {}


def test_the_address_is_shown_and_stays_as_it_is() -> None:
    test = run(account="production", region="eu-west-1", text="checkout", other="x")
    assert shown(test) == ("production", "eu-west-1", "checkout")
    assert in_address(test) == {
        "account": "production",
        "region": "eu-west-1",
        "text": "checkout",
        "other": "x",
    }


def test_an_unknown_value_is_the_default_and_is_not_replaced() -> None:
    test = run(account="nobody")
    assert shown(test)[0] == "production" and in_address(test) == {"account": "nobody"}


def test_a_choice_is_written_and_removes_what_belonged_to_the_one_before() -> None:
    test = run(database="shop")
    test.selectbox[0].select("qa").run()
    assert shown(test) == ("qa", "eu-west-1", "") and in_address(test) == {"account": "qa"}
    test.selectbox[0].select("production").run()  # the default
    assert in_address(test) == {}
    test.text_input[0].input("checkout").run()
    assert in_address(test) == {"text": "checkout"}


def test_a_changed_address_wins_over_the_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_address, "LATE_S", 0.0)
    test = run()
    test.selectbox[0].select("qa").run()
    test.text_input[0].input("checkout").run()
    del test.query_params["text"]  # as Back does
    assert shown(test.run()) == ("qa", "eu-west-1", "") and in_address(test) == {"account": "qa"}
    del test.query_params["account"]
    assert shown(test.run())[0] == "production" and in_address(test) == {}
    test.query_params["account"] = "qa"  # as Forward does
    assert shown(test.run())[0] == "qa" and in_address(test) == {"account": "qa"}


def test_a_choice_wins_over_the_address_before_an_earlier_choice() -> None:
    test = run()
    test.selectbox[0].select("qa").run()
    del test.query_params["account"]  # the browser has not received it yet
    test.selectbox[0].select("development").run()
    assert shown(test)[0] == "development" and in_address(test) == {"account": "development"}


def test_a_request_from_before_the_address_was_received_does_not_undo_the_choice() -> None:
    test = run(region="eu-west-1")
    test.selectbox[0].select("qa").run()
    test.text_input[0].input("checkout").run()
    chosen = in_address(test)
    assert chosen == {"account": "qa", "region": "eu-west-1", "text": "checkout"}
    for late in ({"region": "eu-west-1"}, {"account": "qa", "region": "eu-west-1"}):
        for name in set(chosen) - set(late):
            del test.query_params[name]
        assert shown(test.run()) == ("qa", "eu-west-1", "checkout") and in_address(test) == chosen
    test.query_params["text"] = "refund"  # a link
    assert shown(test.run()) == ("qa", "eu-west-1", "refund")


@pytest.mark.parametrize(
    ("kind", "kept"),
    [({"fragment_ids_this_run": ["panel"]}, True), ({"page_script_hash": "other"}, False),
     ({"is_history_navigation": True}, False)],
)  # fmt: skip
def test_requests_of_panels_set_no_address_but_back_and_other_pages_do(
    kind: dict[str, object], kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    context: dict[str, object] = {
        "page_script_hash": "",
        "fragment_ids_this_run": None,
        "is_history_navigation": False,
    }
    monkeypatch.setattr(shared_address, "get_script_run_ctx", lambda: SimpleNamespace(**context))
    test = run()
    test.selectbox[0].select("qa").run()
    context.update(kind)
    monkeypatch.setattr(shared_address, "LATE_S", 60.0 if not kept else 0.0)
    del test.query_params["account"]
    assert (in_address(test.run()) == {"account": "qa"}) == kept
