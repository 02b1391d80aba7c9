"""Who the current user is: read again for each act, from the session and the settings."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.shared import access
from ops.audit import FileAudit
from ops.errors import NotAllowed, SessionExpired
from ops.gate import mark
from ops.gate.sessions import Session, Sessions, key_of
from ops.operations import Operation
from ops.plan import AuditedCall, Resource, Step, perform
from ops.roles import Role
from ops.settings import Settings


class Context:
    """What Streamlit knows of the browser's request."""

    ip_address = "192.0.2.1"

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, admitted: None) -> Path:
    """The working folder of a server whose settings are a file, and whose sessions are real."""
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPWAY_DATA", str(tmp_path / "data"))
    return tmp_path


def sign_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **claims: object) -> str:
    """Open a session, make its request the current one, and return its key."""
    sessions = Sessions(access.gate_folder(Settings(data=folder / "data")))
    key = key_of(sessions.open(Session(0, {"iat": datetime.now(UTC).timestamp(), **claims})))
    _, value = mark.write(key)
    monkeypatch.setattr(st, "context", Context(**{mark.HEADER: value.decode()}))
    return key


def act(folder: Path) -> None:
    step = Step("a", "Act", Resource("AWS::Test::Thing", "t", "", ""), lambda say: None, {"a": "b"})
    call = AuditedCall(step, Operation.DELETE_STACK)
    perform(call, actor=access.current_actor(), audit=FileAudit(folder / "audit"))


def test_a_revoked_administrator_cannot_act_at_the_next_click(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "slipway.toml").write_text('administrators = ["ada"]\n')
    sign_in(folder, monkeypatch, sub="ada")
    act(folder)
    (folder / "slipway.toml").write_text('viewers = ["ada"]\n')
    assert access.current_actor().role is Role.VIEWER
    with pytest.raises(NotAllowed, match="has the role viewer"):
        act(folder)
    (folder / "slipway.toml").write_text('administrators = ["ada"]\noperators = []\n')
    act(folder)
    assert {record.role for record in FileAudit(folder / "audit").read(9)} == {"administrator"}
    (folder / "slipway.toml").write_text("viewers = []\n")
    with pytest.raises(NotAllowed, match="has no role"):
        access.current_actor()


def test_an_ended_session_is_nobodys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "slipway.toml").write_text('viewers = ["ada"]\n')
    key = sign_in(folder, monkeypatch, sub="ada")
    assert access.current_actor().name == "ada"
    Sessions(access.gate_folder(Settings(data=folder / "data"))).end(key)
    with pytest.raises(SessionExpired):
        access.current_actor()


@pytest.mark.parametrize("value", ["", ".", "guess", "guess." + "0" * 64, "." + "0" * 64])
def test_a_page_without_the_gates_mark_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for context in (Context(), Context(**{mark.HEADER: value})):
        monkeypatch.setattr(st, "context", context)
        with pytest.raises(NotAllowed, match="did not pass its gate"):
            access.current_actor()


@pytest.mark.parametrize(
    "page", sorted((Path(__file__).parents[3] / "pages").glob("*.py")), ids=lambda p: p.stem
)
def test_every_page_requires_the_mark(folder: Path, page: Path) -> None:
    """Also a page that is run by itself, without the app around it."""
    test = AppTest.from_file(str(page), default_timeout=60).run()
    assert [item.message.partition(":")[0] for item in test.exception] == [
        "Slipway does not show its pages here"
    ]
    assert not test.dataframe and not (folder / "data").exists()


def test_a_panel_that_refreshes_itself_stops_with_the_session(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def page() -> None:
        import streamlit as st

        from app.shared.refreshing import refreshing

        @refreshing(None)
        def panel() -> None:
            st.markdown("secret")

        if st.session_state.setdefault("runs", 0) == 0:
            st.session_state["runs"] = 1
            panel()
        else:
            st.markdown("stopped")

    def refuse() -> None:
        raise SessionExpired("Your session has ended.")

    monkeypatch.setattr("app.shared.refreshing.current_actor", refuse)
    test = AppTest.from_function(page).run()
    assert [item.value for item in test.markdown] == ["stopped"]
