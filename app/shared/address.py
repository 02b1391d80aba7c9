"""The choices that a page's address contains: what users choose is pushed, defaults are not written.

*Back* therefore returns to the choice before, and a page that was only opened adds nothing to the history. If
the address has changed since the last run, by *Back* or a link, it wins over what the widgets show.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import streamlit as st

_SEEN = "address of "


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
    given = st.query_params.get(name, "")
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
    if _meaning(st.query_params.get(name, ""), default, options) != chosen:
        push({name: "" if chosen == default else chosen} | dict.fromkeys(clears, ""))
    st.session_state[_SEEN + key] = (st.query_params.get(name, ""), default), chosen


def _meaning(given: str, default: str, options: Collection[str] | None) -> str:
    return given if given and (options is None or given in options) else default


def push(changes: dict[str, str]) -> None:
    """Change parameters of the address as one step of the history; an empty value removes a parameter."""
    before = st.query_params.to_dict()
    wanted = {name: value for name, value in (before | changes).items() if value}
    if wanted != before:
        st.query_params.from_dict(wanted)
