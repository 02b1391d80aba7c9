"""What a table's objects hold, as a view in DuckDB: text through a SerDe, JSON lines, Parquet."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from ops.embedded.athena import serde
from ops.embedded.athena.tables import QueryFailed, Source, Table

_MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5": ".zst"}
_MAX_OBJECT = 1 << 30  # bytes of one JSON document


def make_view(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    table: Table,
    sources: list[Source],
    folder: Path,
    path_column: str = "",
) -> None:
    """`path_column`: the name under which the view shows each row's object, empty for not at all."""
    library, parameters = table.serde
    parse = serde.parser(library, parameters, len(table.columns))
    if not sources:
        hidden = [(path_column, "VARCHAR")] if path_column else []
        made = ", ".join(
            f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in [*table.columns, *table.partitions, *hidden]
        )
        connection.execute(f"CREATE VIEW {view} AS SELECT {made} WHERE false")
        return
    reader = _read_lines(connection, view, table, sources, parse) if parse else ""
    if not reader:
        paths = _on_disk(table, sources, folder)
        reader = _read_files(table, paths)
        _register_sources(connection, view, table, sources, paths)
    columns = ", ".join(f'TRY_CAST(r."{name}" AS {kind}) AS "{name}"' for name, kind in table.columns)
    partitions = "".join(f', CAST(s."{name}" AS {kind}) AS "{name}"' for name, kind in table.partitions)
    hidden_column = f', s.address AS "{path_column}"' if path_column else ""
    connection.execute(
        f"CREATE VIEW {view} AS SELECT {columns}{partitions}{hidden_column} "
        f"FROM {reader} r JOIN {view}_sources s USING (filename)"
    )


def _read_lines(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    table: Table,
    sources: list[Source],
    parse: Callable[[str], serde.Row],
) -> str:
    """Text through a SerDe, as a relation of strings."""
    names = [name for name, _ in table.columns]
    columns: list[list[Any]] = [[] for _ in range(len(names) + 1)]
    for source in sources:
        for row in serde.rows(_inflated(table.data(source.key)), parse):
            for column, value in zip(columns, [*row, source.key], strict=True):
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
    _register_sources(connection, view, table, sources, [each.key for each in sources])
    return f"{view}_lines"


def _register_sources(
    connection: duckdb.DuckDBPyConnection, view: str, table: Table, sources: list[Source], names: list[str]
) -> None:
    """What the name of each object, as the reader gives it, stands for: address and partition."""
    columns = {"filename": names, "address": [table.address(each.key) for each in sources]}
    for at, (name, _) in enumerate(table.partitions):
        columns[name] = [each.values[at] for each in sources]
    connection.register(f"{view}_sources", pa.table(columns))


def _inflated(data: bytes) -> bytes:
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _on_disk(table: Table, sources: list[Source], folder: Path) -> list[str]:
    paths = []
    for number, source in enumerate(sources):
        data = table.data(source.key)
        path = folder / f"{number:07d}{_MAGIC.get(data[:2], '')}"
        path.write_bytes(data)
        paths.append(str(path))
    return paths


def _read_files(table: Table, paths: list[str]) -> str:
    files = ", ".join(f"'{path}'" for path in paths)
    form = format_of(table)
    if form == "PARQUET":
        return f"read_parquet([{files}], union_by_name = true, filename = true, hive_partitioning = false)"
    if form == "JSON":
        _, parameters = table.serde
        written = _keys_as_written(paths)
        columns = ", ".join(f"'{written.get(name, name)}': '{kind}'" for name, kind in table.columns)
        ignore = parameters.get("ignore.malformed.json", "false").lower() == "true"
        return (
            f"read_json([{files}], columns = {{{columns}}}, format = 'newline_delimited', filename = true, "
            f"hive_partitioning = false, ignore_errors = {str(ignore).lower()}, "
            f"maximum_object_size = {_MAX_OBJECT})"
        )
    raise QueryFailed(f"NOT_SUPPORTED: the embedded cloud does not read {table.serde[0] or 'this table'}.")


def _keys_as_written(paths: list[str]) -> dict[str, str]:
    """The keys of the first objects by their lower-case names: the OpenX SerDe does not heed case."""
    found: dict[str, str] = {}
    for path in paths:
        with gzip.open(path) if path.endswith(".gz") else Path(path).open("rb") as file:
            try:
                first = json.loads(file.readline())
            except ValueError:
                continue
        if isinstance(first, dict):
            found |= {key.lower(): key for key in first if key.replace("_", "").isalnum()}
            break
    return found


def format_of(table: Table) -> str:
    library = table.serde[0].lower()
    if "parquet" in library:
        return "PARQUET"
    return "JSON" if "json" in library else "TEXTFILE"
