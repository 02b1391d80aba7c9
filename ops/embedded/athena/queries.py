"""Runs one Athena statement in DuckDB: SELECT, CREATE TABLE AS, INSERT INTO, and UNLOAD over Glue tables.

The statement is parsed as Athena's dialect and written in DuckDB's. A view over the objects of its
partitions replaces each table.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ops.embedded.athena.access import require_object_access, require_table_access
from ops.embedded.athena.relations import make_view, table_format
from ops.embedded.athena.tables import AthenaQueryFailed, EmulatedTable, TableObject, find_table

PATH = "$path"  # hidden column: the object that contains the row
_UNLOAD = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*(?:WITH\s*\((.*)\))?\s*;?\s*", re.I | re.S)


@dataclass(frozen=True)
class WrittenFiles:
    """Files that a statement writes, with names relative to their location in S3."""

    location: str
    files: Sequence[tuple[str, bytes]]


@dataclass
class StatementResult:
    """Columns with DuckDB's type names, rows, bytes scanned, and files written."""

    columns: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    scanned_bytes: int = 0
    written: WrittenFiles | None = None
    table: dict[str, Any] | None = None  # the CreateTable request of a CREATE TABLE AS
    described: list[tuple[str, str]] = field(default_factory=list)  # columns of the written rows


class AthenaQuery:
    """One statement; another thread may call `interrupt`."""

    def __init__(self, sql: str, database: str, cutoff_bytes: int, tables: str) -> None:
        """`tables` is the location of tables that do not name one; a cutoff of 0 means no limit."""
        self._sql = sql
        self._database = database
        self._tables = tables
        self._cutoff_bytes = cutoff_bytes
        self._scanned = 0
        self._connection = duckdb.connect(":memory:")

    def interrupt(self) -> None:
        self._connection.interrupt()

    def run(self) -> StatementResult:
        """Run the statement. Raises AthenaQueryFailed, with Athena's message where it is known."""
        with tempfile.TemporaryDirectory(prefix="athena-") as folder:
            try:
                self._connection.execute("SET TimeZone = 'UTC'")
                return self._run(Path(folder))
            except duckdb.IOException as error:
                raise AthenaQueryFailed(f"HIVE_CURSOR_ERROR: {_first_line(str(error))}") from error
            except (duckdb.Error, SqlglotError) as error:
                raise AthenaQueryFailed(_first_line(str(error))) from error
            finally:
                self._connection.close()

    def _run(self, folder: Path) -> StatementResult:
        if unload := _UNLOAD.fullmatch(self._sql):
            return self._unload(unload[1], unload[2], unload[3] or "", folder)
        statement = sqlglot.parse_one(self._sql, read="athena")
        if isinstance(statement, exp.Create) and statement.kind == "TABLE" and statement.expression:
            return self._create_as(statement, folder)
        if isinstance(statement, exp.Insert):
            return self._insert(statement, folder)
        return self._select(statement, folder)

    def _select(self, statement: exp.Expr, folder: Path) -> StatementResult:
        cursor = self._connection.execute(self._as_duckdb(statement, folder))
        described = cursor.description or []
        arrow = cursor.to_arrow_table()
        columns = arrow.columns if arrow is not None else []
        return StatementResult(
            columns=[column[0] for column in described],
            types=[str(column[1]) for column in described],
            # Through Arrow, which returns timestamps with a time zone without a further package.
            rows=list(zip(*(column.to_pylist() for column in columns), strict=True)),
            scanned_bytes=self._scanned,
        )

    def _unload(self, query: str, location: str, options: str, folder: Path) -> StatementResult:
        values = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", options))
        partitioned = re.search(r"partitioned_by\s*=\s*ARRAY\s*\[([^\]]*)\]", options, re.I)
        columns = re.findall(r"'([^']+)'", partitioned[1]) if partitioned else []
        statement = sqlglot.parse_one(query, read="athena")
        return self._copy(
            statement, location, {key.lower(): value for key, value in values.items()}, columns, folder
        )

    def _create_as(self, statement: exp.Create, folder: Path) -> StatementResult:
        options, columns = _properties(statement.args["properties"].expressions)
        location = options.get("external_location", self._tables)
        result = self._copy(statement.expression, location, options, columns, folder)
        target = statement.this.find(exp.Table)
        result.table = {
            "DatabaseName": target.db or self._database,
            "TableInput": _table_input(target.name, location, options, result, columns),
        }
        return result

    def _insert(self, statement: exp.Insert, folder: Path) -> StatementResult:
        target = statement.this.find(exp.Table)
        table = find_table(target.db or self._database, target.name)
        if table is None:
            raise AthenaQueryFailed(f"TABLE_NOT_FOUND: Table '{target.name}' does not exist")
        bucket, prefix = table.location
        columns = [name for name, _ in table.partitions]
        names = [*(name for name, _ in table.columns), *columns]
        query = f"SELECT * FROM ({statement.expression.sql('athena')}) AS source ({', '.join(names)})"
        select = sqlglot.parse_one(query, read="athena")
        return self._copy(select, f"s3://{bucket}/{prefix}", {"format": table_format(table)}, columns, folder)

    def _copy(
        self, query: exp.Expr, location: str, options: dict[str, str], partitions: list[str], folder: Path
    ) -> StatementResult:
        target = folder / "written"
        file_format = options.get("format", "PARQUET").upper()
        extension, settings = {
            "PARQUET": ("parquet", f"FORMAT PARQUET, COMPRESSION {_codec(options)}"),
            "JSON": ("json.gz", "FORMAT JSON, COMPRESSION GZIP"),
        }[file_format]
        partitioned_by = (
            f", PARTITION_BY ({', '.join(partitions)}), OVERWRITE_OR_IGNORE" if partitions else ""
        )
        self._connection.execute(f"CREATE TEMP TABLE result AS {self._as_duckdb(query, folder)}")
        target.mkdir()
        destination = target if partitions else target / f"part.{extension}"
        count = self._connection.execute("SELECT count(*) FROM result").fetchall()[0][0]
        if count:
            self._connection.execute(f"COPY result TO '{destination}' ({settings}{partitioned_by})")
        columns = self._connection.execute("DESCRIBE result").fetchall()
        files = [
            (path.relative_to(target).as_posix(), path.read_bytes())
            for path in sorted(target.rglob("*"))
            if path.is_file()
        ]
        return StatementResult(
            columns=["rows"],
            types=["BIGINT"],
            rows=[(count,)],
            scanned_bytes=self._scanned,
            written=WrittenFiles(location, files),
            described=[(row[0], row[1]) for row in columns],
        )

    def _as_duckdb(self, statement: exp.Expr, folder: Path) -> str:
        cte_names = {cte.alias for cte in statement.find_all(exp.CTE)}
        for number, node in enumerate(list(statement.find_all(exp.Table))):
            if not node.name or (node.name in cte_names and not node.db):
                continue
            table = find_table(node.db or self._database, node.name)
            if table is None:
                raise AthenaQueryFailed(
                    f"TABLE_NOT_FOUND: Table '{node.db or self._database}.{node.name}' does not exist"
                )
            require_table_access(node.db or self._database, node.name)
            view = f"athena_{number}"
            needs_path = any(column.name == PATH for column in statement.find_all(exp.Column))
            self._read(view, table, _conditions(node), folder / view, with_path=needs_path)
            view_table = exp.to_table(view)
            view_table.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or node.name)))
            node.replace(view_table)
        for length in list(statement.find_all(exp.Length)):
            if isinstance(length.this, exp.Encode):  # Trino's length() of bytes is octet_length() in DuckDB
                length.replace(exp.Anonymous(this="octet_length", expressions=[length.this]))
        for composed in list(statement.find_all(exp.Normalize)):  # Trino's default form is NFC
            composed.replace(exp.Anonymous(this="nfc_normalize", expressions=[composed.this]))
        for replacement in statement.find_all(exp.RegexpReplace):
            if (text := replacement.args.get("replacement")) and text.is_string:
                text.set("this", re.sub(r"\$(\d)", r"\\\1", text.name))  # DuckDB's syntax for groups
        return statement.sql(dialect="duckdb")

    def _read(
        self, view: str, table: EmulatedTable, conditions: list[exp.Expr], folder: Path, *, with_path: bool
    ) -> None:
        objects = self._pruned(view, table, conditions)
        self._scanned += sum(table_object.size for table_object in objects)
        one_per_folder = {table_object.key.rpartition("/")[0]: table_object.key for table_object in objects}
        for key in one_per_folder.values():
            require_object_access("GetObject", table.location[0], key)
        if self._cutoff_bytes and self._scanned > self._cutoff_bytes:
            raise AthenaQueryFailed(
                f"Query exhausted resources: bytes scanned limit of {self._cutoff_bytes} was exceeded"
            )
        folder.mkdir(parents=True)
        make_view(self._connection, view, table, objects, folder, PATH if with_path else "")

    def _pruned(self, view: str, table: EmulatedTable, conditions: list[exp.Expr]) -> list[TableObject]:
        """Return the objects of the partitions that match the query's predicates."""
        names = {PATH, *(name for name, _ in table.partitions)}
        pruning = [
            condition for condition in conditions if _columns(condition) and _columns(condition) <= names
        ]
        for name in table.injected:
            if not any(name in _columns(condition) for condition in pruning):
                raise AthenaQueryFailed(
                    f"CONSTRAINT_VIOLATION: For the injected projected partition column {name}, the WHERE "
                    "clause must contain only static equality conditions, and at least one such condition "
                    "must be present."
                )
        objects = list(table.objects())
        if not pruning or not objects:
            return objects
        partition_names = [name for name, _ in table.partitions]
        columns = {
            name: [table_object.values[index] for table_object in objects]
            for index, name in enumerate(partition_names)
        }
        columns[PATH] = [table.address(table_object.key) for table_object in objects]
        self._connection.register(f"{view}_given", pa.table(columns))
        typed_columns = ", ".join(
            f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in [*table.partitions, (PATH, "VARCHAR")]
        )
        where = " AND ".join(f"({_bare(condition).sql('duckdb')})" for condition in pruning)
        matching = self._connection.execute(
            f"SELECT nth FROM (SELECT {typed_columns}, row_number() OVER () - 1 AS nth FROM {view}_given) "
            f"WHERE {where}"
        ).fetchall()
        return [objects[row[0]] for row in matching]


def _conditions(table: exp.Table) -> list[exp.Expr]:
    """Return the conjuncts of the WHERE clause that directly applies to the table."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if where is None:
        return []
    condition = where.this
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _columns(condition: exp.Expr) -> set[str]:
    return {column.name for column in condition.find_all(exp.Column)}


def _bare(condition: exp.Expr) -> exp.Expr:
    """Return the condition without table qualifiers on its columns."""
    copy = condition.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy


def _properties(properties: Sequence[exp.Expr]) -> tuple[dict[str, str], list[str]]:
    """Return the options of a CREATE TABLE AS by name, and its partition columns."""
    options: dict[str, str] = {}
    columns: list[str] = []
    for prop in properties:
        if isinstance(prop, exp.PartitionedByProperty):
            columns = [column.name for column in prop.this.expressions]
        elif isinstance(prop, exp.FileFormatProperty):
            options["format"] = prop.name
        else:
            options[prop.name.lower()] = prop.args["value"].name
    return options, columns


def _codec(options: dict[str, str]) -> str:
    names = ("compression", "write_compression", "parquet_compression")
    codec = next((options[name] for name in names if name in options), "GZIP")
    return {"NONE": "UNCOMPRESSED"}.get(codec.upper(), codec.upper())


_HIVE = {"VARCHAR": "string", "BIGINT": "bigint", "INTEGER": "int", "DOUBLE": "double", "BOOLEAN": "boolean"}


def _hive(kind: str) -> str:
    return _HIVE.get(kind, "timestamp" if kind.startswith("TIMESTAMP") else kind.lower())


def _table_input(
    name: str, location: str, options: dict[str, str], result: StatementResult, partitions: list[str]
) -> dict[str, Any]:
    parquet = options.get("format", "PARQUET").upper() == "PARQUET"
    library = (
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
        if parquet
        else "org.openx.data.jsonserde.JsonSerDe"
    )
    columns = [{"Name": column, "Type": _hive(kind)} for column, kind in result.described]
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE"},
        "PartitionKeys": [column for column in columns if column["Name"] in partitions],
        "StorageDescriptor": {
            "Columns": [column for column in columns if column["Name"] not in partitions],
            "Location": location,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": {}},
        },
    }


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "Query failed"
