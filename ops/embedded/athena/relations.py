"""A table's objects as a DuckDB view: text through a SerDe, JSON lines, or Parquet."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ops.embedded.athena import serde
from ops.embedded.athena.tables import AthenaQueryFailed, EmulatedTable, TableObject

_MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5": ".zst"}
_MAX_OBJECT = 1 << 30  # bytes in one JSON document


def make_view(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    table: EmulatedTable,
    objects: list[TableObject],
    folder: Path,
    path_column: str = "",
) -> None:
    """Create a view of the rows in these objects.

    `path_column` is the name of the column with each row's object; if it is empty, the view has none.
    """
    library, parameters = table.serde
    parse = serde.parser(library, parameters, len(table.columns))
    if not objects:
        hidden = [(path_column, "VARCHAR")] if path_column else []
        null_columns = ", ".join(
            f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in [*table.columns, *table.partitions, *hidden]
        )
        connection.execute(f"CREATE VIEW {view} AS SELECT {null_columns} WHERE false")
        return
    relation = _read_lines(connection, view, table, objects, parse) if parse else ""
    if not relation:
        paths = _on_disk(table, objects, folder)
        relation = _read_files(table, paths)
        _register_sources(connection, view, table, objects, paths)
    columns = ", ".join(f'TRY_CAST(r."{name}" AS {kind}) AS "{name}"' for name, kind in table.columns)
    partitions = "".join(f', CAST(s."{name}" AS {kind}) AS "{name}"' for name, kind in table.partitions)
    hidden_column = f', s.address AS "{path_column}"' if path_column else ""
    connection.execute(
        f"CREATE VIEW {view} AS SELECT {columns}{partitions}{hidden_column} "
        f"FROM {relation} r JOIN {view}_sources s USING (filename)"
    )


def _read_lines(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    table: EmulatedTable,
    objects: list[TableObject],
    parse: Callable[[str], serde.Row],
) -> str:
    """Register text that a SerDe parses as a relation of strings; return its name."""
    names = [name for name, _ in table.columns]
    columns: list[list[Any]] = [[] for _ in range(len(names) + 1)]
    for table_object in objects:
        for row in serde.rows(_inflated(table.data(table_object.key)), parse):
            for column, value in zip(columns, [*row, table_object.key], strict=True):
                column.append(value)
    connection.register(
        f"{view}_lines",
        pa.table(
            {
                name: pa.array(values, pa.string())
                for name, values in zip([*names, "filename"], columns, strict=True)
            }
        ),
    )
    _register_sources(connection, view, table, objects, [table_object.key for table_object in objects])
    return f"{view}_lines"


def _register_sources(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    table: EmulatedTable,
    objects: list[TableObject],
    names: list[str],
) -> None:
    """Register the address and partition of each object under the name that the reader reports."""
    columns = {"filename": names, "address": [table.address(table_object.key) for table_object in objects]}
    for index, (name, _) in enumerate(table.partitions):
        columns[name] = [table_object.values[index] for table_object in objects]
    connection.register(f"{view}_sources", pa.table(columns))


def _inflated(data: bytes) -> bytes:
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _on_disk(table: EmulatedTable, objects: list[TableObject], folder: Path) -> list[str]:
    paths = []
    for number, table_object in enumerate(objects):
        data = table.data(table_object.key)
        path = folder / f"{number:07d}{_MAGIC.get(data[:2], '')}"
        path.write_bytes(data)
        paths.append(str(path))
    return paths


def _read_files(table: EmulatedTable, paths: list[str]) -> str:
    files = ", ".join(f"'{path}'" for path in paths)
    file_format = table_format(table)
    if file_format == "PARQUET":
        return f"read_parquet([{files}], union_by_name = true, filename = true, hive_partitioning = false)"
    if file_format == "JSON":
        _, parameters = table.serde
        json_keys = _json_keys(paths)
        columns = ", ".join(f"'{json_keys.get(name, name)}': '{kind}'" for name, kind in table.columns)
        ignore = parameters.get("ignore.malformed.json", "false").lower() == "true"
        return (
            f"read_json([{files}], columns = {{{columns}}}, format = 'newline_delimited', filename = true, "
            f"hive_partitioning = false, ignore_errors = {str(ignore).lower()}, "
            f"maximum_object_size = {_MAX_OBJECT})"
        )
    raise AthenaQueryFailed(
        f"NOT_SUPPORTED: the embedded cloud cannot read {table.serde[0] or 'this table'}."
    )


def _json_keys(paths: list[str]) -> dict[str, str]:
    """Map lower-case names to the keys of the first objects: the OpenX SerDe ignores case."""
    keys: dict[str, str] = {}
    for path in paths:
        with gzip.open(path) if path.endswith(".gz") else Path(path).open("rb") as file:
            try:
                first = json.loads(file.readline())
            except ValueError:
                continue
        if isinstance(first, dict):
            keys |= {key.lower(): key for key in first if key.replace("_", "").isalnum()}
            break
    return keys


def table_format(table: EmulatedTable) -> str:
    library = table.serde[0].lower()
    if "parquet" in library:
        return "PARQUET"
    return "JSON" if "json" in library else "TEXTFILE"
