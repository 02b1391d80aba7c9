"""Write results as CSV, safe to open in a spreadsheet, and as Parquet. Pure."""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    import pyarrow as pa

# Spreadsheets run a cell that starts with one of these as a formula: OWASP, CSV Injection.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Some spreadsheets skip these at the start of a cell: blanks, and characters that are not visible.
SKIPPED = " \x00\u00a0\u200b\u200c\u200d\u2060\ufeff\u3000"


def to_csv(table: "pa.Table") -> str:
    """Return the table as CSV with a header; a text that looks like a formula gets a leading apostrophe."""
    output = io.StringIO(newline="")
    writer = csv.writer(output)  # RFC 4180: lines end with CR LF, and a lone CR is quoted
    writer.writerow([safe_cell(name) for name in table.column_names])
    writer.writerows(csv_rows(table))
    return output.getvalue()


def csv_rows(table: "pa.Table") -> Iterable[list[Any]]:
    """Yield the table's rows as cells for a CSV writer."""
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [safe_cell(cell) for cell in row]


def safe_cell(cell: Any) -> Any:
    """Return the cell for CSV: texts that look like formulas escaped, times in ISO 8601, others unchanged."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA) or cell.lstrip(SKIPPED).startswith(FORMULA) else cell
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds")
    return cell.isoformat() if isinstance(cell, date) else cell


def to_parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    output = io.BytesIO()
    pq.write_table(table, output, compression="zstd")
    return output.getvalue()
