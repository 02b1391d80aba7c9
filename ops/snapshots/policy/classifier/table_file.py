"""Classifies the columns of a CSV file, without a database: `slipway snapshots suggest --columns FILE.csv`.

The file has a header with `table`, `column`, and `type`, in any order, and optionally `values`: sample values
as a JSON list. The result is CSV with a row for each of its rows, in the same order.
"""

import csv
import io
import json
from collections.abc import Iterable
from itertools import groupby

from ops.errors import InputError
from ops.snapshots.policy.classifier.classify import Verdict, classify
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.treatments import key_columns, treatment_for

REQUIRED = ("table", "column", "type")
OPTIONAL = ("values",)
RESULT = ("table", "column", "class", "treatment", "confidence", "reason")
_FORMAT = f"Write a CSV file with the header {','.join(REQUIRED)} and optionally {OPTIONAL[0]}, a JSON list."


def read_columns(text: str) -> list[Column]:
    """Parse the file. Raises InputError that names the line."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        return [_column(header, row, reader.line_num) for row in reader if row]
    except csv.Error as error:
        raise _mistake(f"line {reader.line_num} is not valid CSV: {error}.") from error


def classified(columns: Iterable[Column]) -> list[dict[str, str]]:
    """Return a row for every column, with the keys of RESULT."""
    return [
        _row(verdict, key_columns(part).get(verdict.column.table, ""))
        for part in _parts(list(columns))
        for verdict in classify(part)
    ]


def _parts(columns: list[Column]) -> list[list[Column]]:
    """Split the rows of several databases: a table whose rows begin again is another one of the same name.

    In a file that is not sorted by table, the rows of a name are one table.
    """
    runs = [list(run) for _, run in groupby(columns, key=lambda column: column.table)]
    return runs if len(runs) * 2 <= len(columns) else [columns]


def as_csv(rows: Iterable[dict[str, str]]) -> str:
    """Format the rows of `classified` as CSV with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, RESULT, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(verdict: Verdict, key: str) -> dict[str, str]:
    column = verdict.column
    return {
        "table": column.table,
        "column": column.name,
        "class": verdict.cls,
        "treatment": treatment_for(verdict, key),
        "confidence": f"{verdict.confidence:.2f}",
        "reason": verdict.reason,
    }


def _check_header(header: list[str]) -> None:
    if missing := [name for name in REQUIRED if name not in header]:
        raise _mistake(f"its header lacks {', '.join(missing)}.")
    if unknown := [name for name in header if name not in REQUIRED + OPTIONAL]:
        raise _mistake(f"its header has the unknown column {unknown[0]!r}.")
    if len(set(header)) < len(header):
        raise _mistake("its header names a column twice.")


def _column(header: list[str], row: list[str], line: int) -> Column:
    if len(row) != len(header):
        raise _mistake(f"line {line} has {len(row)} cells instead of {len(header)}.")
    cells = dict(zip(header, row, strict=True))
    if not cells["column"].strip():
        raise _mistake(f"line {line} has no column name.")
    values = _values(cells.get("values", "").strip(), line)
    return Column(cells["table"].strip(), cells["column"].strip(), cells["type"].strip(), values=values)


def _values(text: str, line: int) -> tuple[str, ...]:
    if not text:
        return ()
    try:
        values = json.loads(text)
    except ValueError as error:
        raise _mistake(f"the values in line {line} are not valid JSON: {error}.") from error
    if not isinstance(values, list):
        raise _mistake(f"the values in line {line} are not a list.")
    return tuple(_as_text(value) for value in values if value is not None)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _mistake(what: str) -> InputError:
    return InputError(f"Cannot read the columns: {what}", field="columns", hint=_FORMAT)
