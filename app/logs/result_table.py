"""A query's result as a table to look at: numbers as numbers with their units, JSON as text. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from streamlit.column_config import NumberColumn

LOOKED_AT = 1000  # rows whose messages are looked through for JSON
DEEP = 3  # levels of JSON whose fields are offered
FORMATS = (  # the end of a column's name → how Streamlit writes its numbers
    ("bytes", "bytes"),
    ("dollars", "$%.4f"),
    ("percent", "%.1f %%"),
    ("seconds", "%.1f s"),
    ("_ms", "%.1f ms"),
    ("_mb", "%.0f MB"),
)


def readable(table: pa.Table) -> pd.DataFrame:
    """The rows with decimals as numbers (a sum of integers is one in DuckDB) and nested values as JSON."""
    columns = []
    for column, field in zip(table.columns, table.schema, strict=True):
        if pa.types.is_decimal(field.type):
            column = _number(column, field.type)
        elif pa.types.is_nested(field.type):
            column = pa.array([None if cell is None else _json(cell) for cell in column.to_pylist()])
        columns.append(column)
    return pa.table(columns, names=_distinct(table.column_names)).to_pandas()


def units(frame: pd.DataFrame) -> dict[str, Any]:
    """How the columns of numbers are written."""
    numbers = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    return {str(name): NumberColumn(format=_format(str(name))) for name in numbers}


def json_paths(messages: Sequence[Any]) -> list[str]:
    """Paths of the fields that the JSON messages have, the most frequent first."""
    found: dict[str, int] = {}
    for message in messages[:LOOKED_AT]:
        for path in _paths(_parsed(message), "$"):
            found[path] = found.get(path, 0) + 1
    return sorted(found, key=lambda path: (-found[path], path))


def with_fields(frame: pd.DataFrame, column: str, paths: Sequence[str]) -> pd.DataFrame:
    """The table with a column for each path of the JSON in `column`; numbers are numbers."""
    values = [_parsed(message) for message in frame[column]]
    added = {path: pd.Series([_at(value, path) for value in values], frame.index) for path in paths}
    return pd.concat([frame, pd.DataFrame(added).infer_objects()], axis=1)


def _number(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    if type_.scale == 0:
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:  # larger than that
            pass
    return column.cast(pa.float64())


def _format(name: str) -> str:
    return next((form for end, form in FORMATS if name.lower().endswith(end)), "localized")


def _distinct(names: Sequence[str]) -> list[str]:
    """Two columns of one name would not be shown."""
    found: list[str] = []
    for name in names:
        number = 1
        while (wanted := name if number == 1 else f"{name} ({number})") in found:
            number += 1
        found.append(wanted)
    return found


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
    """Names with dots are found as well: the longest that fits goes first."""
    if path == "$":
        return _json(value) if isinstance(value, dict | list) else value
    if not isinstance(value, dict):
        return None
    rest = path[2:]
    for name in sorted(value, key=len, reverse=True):
        if rest == name or rest.startswith(f"{name}."):
            return _at(value[name], "$" + rest[len(name) :])
    return None
