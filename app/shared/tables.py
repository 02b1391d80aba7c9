"""Tables: a cell is text, whatever it holds, on the page, on the clipboard and in a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.shared.words import visible
from ops.logs.search.output import safe_cell


def show_table(rows: pd.DataFrame | Sequence[Mapping[str, Any]], **look: Any) -> Any:
    """`st.dataframe` of the rows, without an index. The browser offers each as CSV, and copies from it: what
    a spreadsheet would run begins with an apostrophe; hidden characters are shown."""
    frame = pd.DataFrame(rows, copy=True)
    for name in frame.select_dtypes(include=["object", "string"]):
        frame[name] = frame[name].map(_cell)
    return st.dataframe(frame.rename(columns=_cell), hide_index=True, **look)


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_cell(each) for each in value]
    return safe_cell(visible(value)) if isinstance(value, str) else value
