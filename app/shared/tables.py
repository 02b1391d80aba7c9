"""Tables whose cells are plain text: on the page, on the clipboard, and in CSV downloads."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.shared import time_zone
from app.shared.words import visible
from ops.logs.search.output import safe_cell


def show_table(rows: pd.DataFrame | Sequence[Mapping[str, Any]], **options: Any) -> Any:
    """Show the rows with `st.dataframe`.

    Users can copy the table or download it as CSV, so a cell that a spreadsheet would run as a formula gets a
    leading apostrophe. Hidden characters are made visible. Times are in the time zone of the page.
    """
    frame = time_zone.localized(pd.DataFrame(rows, copy=True))
    for name in frame.select_dtypes(include=["object", "string"]):
        frame[name] = frame[name].map(_cell)
    return st.dataframe(frame.rename(columns=_cell), hide_index=True, **options)


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value]
    return safe_cell(visible(value)) if isinstance(value, str) else value
