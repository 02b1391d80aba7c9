"""The choices that a page's address contains: what users choose is pushed, defaults are not written.

*Back* therefore returns to the choice before, and a page that was only opened adds nothing to the history. If
the address has changed since the last run, by *Back* or a link, it wins over what the widgets show.

Every request of a browser has its address. Panels that refresh themselves send requests on their own, also
before the browser has received an address that the last script set: without the care of `current`, such a
request would undo the user's last choice.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_SEEN = "address of "
_LAST = "address"
LATE_S = 30.0  # within which a request may still have an address that was replaced


@dataclass(frozen=True)
class _Last:
    """The last address of a page, and those before it, with the time at which each was replaced."""

    page: str
    parameters: dict[str, str]
    replaced: tuple[tuple[dict[str, str], float], ...] = ()


def current() -> dict[str, str]:
    """Return the parameters of the address: the last ones that were set, or those of *Back* or a link."""
    context = get_script_run_ctx()
    given = st.query_params.to_dict()
    if context is None:
        return given
    last: _Last | None = st.session_state.get(_LAST)
    if last is None or last.page != context.page_script_hash or context.is_history_navigation:
        last = _Last(context.page_script_hash, given)
    elif given != last.parameters:
        late = [address for address, at in last.replaced if at > time.monotonic() - LATE_S]
        if context.fragment_ids_this_run or given in late:
            st.query_params.from_dict(last.parameters)
        else:
            last = _Last(last.page, given)
    st.session_state[_LAST] = last
    return dict(last.parameters)


def go(wanted: dict[str, str]) -> None:
    """Set all parameters of the address, as one step of the history."""
    before = current()
    if wanted == before:
        return
    st.query_params.from_dict(wanted)
    if last := st.session_state.get(_LAST):
        recent = [one for one in last.replaced if one[1] > time.monotonic() - LATE_S]
        st.session_state[_LAST] = _Last(last.page, wanted, (*recent, (before, time.monotonic())))


def choose(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[str],
    *,
    name: str,
    default: str = "",
    key: str = "",
    clears: Collection[str] = (),
    **attributes: Any,
) -> str:
    """Show a select box or radio buttons whose choice is the parameter `name` of the address.

    A new choice removes the parameters in `clears`, which belong to the one before.
    """
    key, default = key or name, default or options[0]
    follow(name, key, default, options)
    chosen: str = widget(label, options, key=key, **attributes)
    keep(name, key, default, chosen, options, clears)
    return chosen


def tabs(names: Sequence[str], *, name: str = "view") -> tuple[str, Any]:
    """Show tabs; return the open one's name, and its container."""
    follow(name, name, names[0], names)
    containers = dict(zip(names, st.tabs(names, key=name, on_change="rerun"), strict=True))
    opened = next((title for title, tab in containers.items() if tab.open), names[0])
    keep(name, name, names[0], opened, names)
    return opened, containers[opened]


def follow(name: str, key: str, default: str, options: Collection[str] | None = None) -> None:
    """Before a widget: give it the address's value, if that or the default has changed.

    A value that is not one of `options` means the default. What the user has just chosen wins: the address
    in the request can still be the one before an earlier choice.
    """
    given = current().get(name, "")
    shown = st.session_state.get(key)
    seen, chosen = st.session_state.get(_SEEN + key, (None, None))
    valid = shown is not None and (options is None or shown in options)
    if not valid or (seen != (given, default) and shown == chosen):
        st.session_state[key] = _meaning(given, default, options)


def keep(
    name: str,
    key: str,
    default: str,
    chosen: str,
    options: Collection[str] | None = None,
    clears: Collection[str] = (),
) -> None:
    """After a widget: push what was chosen, unless the address means it already."""
    if _meaning(current().get(name, ""), default, options) != chosen:
        push({name: "" if chosen == default else chosen} | dict.fromkeys(clears, ""))
    st.session_state[_SEEN + key] = (current().get(name, ""), default), chosen


def _meaning(given: str, default: str, options: Collection[str] | None) -> str:
    return given if given and (options is None or given in options) else default


def push(changes: dict[str, str]) -> None:
    """Change parameters of the address as one step of the history; an empty value removes a parameter."""
    go({name: value for name, value in (current() | changes).items() if value})
