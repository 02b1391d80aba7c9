"""A query's result as a table: numbers with units, JSON as text. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from streamlit.column_config import NumberColumn

from ops.text.sizes import size

SAMPLED = 1000  # rows whose messages are searched for JSON fields
DEEP = 3  # levels of JSON whose fields are offered
FORMATS = (  # suffix of a column's name → Streamlit's number format
    ("bytes", "bytes"),
    ("dollars", "$%.4f"),
    ("percent", "%.1f %%"),
    ("seconds", "%.1f s"),
    ("_ms", "%.1f ms"),
    ("_mb", "%.0f MB"),
)
_UNITS = {"percent": " %", "seconds": " s", "_ms": " ms", "_mb": " MB"}


def readable(table: pa.Table) -> pd.DataFrame:
    """Return the rows with decimals as numbers (DuckDB's sums of integers) and nested values as JSON."""
    columns = []
    for column, field in zip(table.columns, table.schema, strict=True):
        if pa.types.is_decimal(field.type):
            column = _number(column, field.type)
        elif pa.types.is_nested(field.type):
            column = pa.array([None if cell is None else _json(cell) for cell in column.to_pylist()])
        columns.append(column)
    return pa.table(columns, names=_distinct(table.column_names)).to_pandas()


def units(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the column configuration of the numeric columns."""
    numbers = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    return {str(name): NumberColumn(format=_format(str(name))) for name in numbers}


def number_text(name: str, value: Any) -> str:
    """Return a number of the column as text, with the column's unit; a dash if there is none."""
    if value is None or pd.isna(value):
        return "–"
    lowered = name.lower()
    if lowered.endswith("bytes"):
        return size(int(value))
    if lowered.endswith("dollars"):
        return f"${value:,.2f}"
    unit = next((unit for end, unit in _UNITS.items() if lowered.endswith(end)), "")
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{text}{unit}"


def json_paths(messages: Sequence[Any]) -> list[str]:
    """Return the paths of the fields of the JSON messages, most frequent first."""
    counts: dict[str, int] = {}
    for message in messages[:SAMPLED]:
        for path in _paths(_parsed(message), "$"):
            counts[path] = counts.get(path, 0) + 1
    return sorted(counts, key=lambda path: (-counts[path], path))


def with_fields(frame: pd.DataFrame, column: str, paths: Sequence[str]) -> pd.DataFrame:
    """Add a column for each path of the JSON in `column`; numbers stay numbers."""
    values = [_parsed(message) for message in frame[column]]
    added = {path: pd.Series([_at(value, path) for value in values], frame.index) for path in paths}
    return pd.concat([frame, pd.DataFrame(added).infer_objects()], axis=1)


def value_at(message: str, path: str) -> Any:
    """Return the value at `$.path` of a JSON message; None if there is none."""
    return _at(_parsed(message), path)


def _number(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if type_.scale == 0:
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # too large for an int64
            pass
    return column.cast(pa.float64())


def _format(name: str) -> str:
    return next((form for end, form in FORMATS if name.lower().endswith(end)), "localized")


def _distinct(names: Sequence[str]) -> list[str]:
    """Make the names unique: Streamlit does not show two columns of the same name."""
    unique: list[str] = []
    for name in names:
        number = 1
        while (candidate := name if number == 1 else f"{name} ({number})") in unique:
            number += 1
        unique.append(candidate)
    return unique


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _parsed(message: Any) -> Any:
    if not isinstance(message, str) or not message.lstrip().startswith("{"):
        return None
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None


def _paths(value: Any, path: str) -> list[str]:
    if not isinstance(value, dict) or path.count(".") >= DEEP:
        return [path] if path != "$" else []
    return [below for name, inner in value.items() for below in _paths(inner, f"{path}.{name}")]


def _at(value: Any, path: str) -> Any:
    """Return the value at the path; names may contain dots: the longest matching name wins."""
    if path == "$":
        return _json(value) if isinstance(value, dict | list) else value
    if not isinstance(value, dict):
        return None
    rest = path[2:]
    for name in sorted(value, key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}."):
            return _at(value[name], "$" + rest[len(name) :])
    return None
