"""The program that serves the pages, behind the gate. `slipway run` starts it.

It shows and logs the errors that no page has caught, those of fragments and callbacks too.
"""

import logging
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit import logger as streamlit_logger

from app.gate.wiring import house
from app.shared.components import show_error
from ops import own_log, settings
from ops.errors import SettingsError
from ops.gate.asgi import Gate


def log_as_slipway() -> None:
    """Log everything in this process in one format: text on a terminal, otherwise JSON lines."""
    try:
        level = settings.load().log_level
    except SettingsError:  # every page shows it
        level = own_log.Level.WARNING
    own_log.configure(level, as_json=not sys.stderr.isatty())
    # Streamlit gives each of its loggers an output of its own, also to those that are created later.
    streamlit_logger.setup_formatter = lambda logger: own_log.take_over(logger.name)
    streamlit_logger.update_formatter()
    own_log.take_over("uvicorn")
    # Streamlit logs the errors that show_error logs, without an id. A request's URL can contain a search.
    for name in ("streamlit.error_util", "uvicorn.access"):
        logging.getLogger(name).addFilter(lambda record: False)


def show_uncaught(error: Exception) -> bool:
    """Show an error that no page has caught; Streamlit need not."""
    show_error(error)
    return True


log_as_slipway()
app = st.App(
    Path(__file__).with_name("main.py"),
    middleware=[Middleware(Gate, house=house())],
    on_script_error=show_uncaught,
)
