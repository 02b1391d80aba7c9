"""Runs one Athena statement in DuckDB: SELECT, CREATE TABLE AS, INSERT INTO and UNLOAD over Glue tables.

The statement is parsed as Athena's dialect and written as DuckDB's, each table replaced by what the objects
of its partitions hold.
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

from ops.embedded.athena.access import demand_object, demand_table
from ops.embedded.athena.relations import format_of, make_view
from ops.embedded.athena.tables import QueryFailed, Source, Table, find

PATH = "$path"  # a hidden column: the object that a row comes from
_UNLOAD = re.compile(r"\s*UNLOAD\s*\((.*)\)\s*TO\s*'([^']+)'\s*(?:WITH\s*\((.*)\))?\s*;?\s*", re.I | re.S)


@dataclass(frozen=True)
class Written:
    """Files that a statement leaves: a folder of them and where below S3 they belong."""

    location: str
    files: Sequence[tuple[str, bytes]]


@dataclass
class Result:
    """Columns with DuckDB's type names, rows, bytes that were read, files that were written."""

    columns: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    scanned_bytes: int = 0
    written: Written | None = None
    table: dict[str, Any] | None = None  # the CreateTable request of a CREATE TABLE AS
    described: list[tuple[str, str]] = field(default_factory=list)  # columns of what was written


class Query:
    """One statement; `interrupt` may come from another thread."""

    def __init__(self, sql: str, database: str, cutoff_bytes: int, tables: str) -> None:
        """`tables` is where a table goes that names no location of its own; a cutoff of 0 is none."""
        self._sql = sql
        self._database = database
        self._tables = tables
        self._cutoff_bytes = cutoff_bytes
        self._scanned = 0
        self._connection = duckdb.connect(":memory:")

    def interrupt(self) -> None:
        self._connection.interrupt()

    def run(self) -> Result:
        """Raises QueryFailed, with Athena's words where they are known."""
        with tempfile.TemporaryDirectory(prefix="athena-") as folder:
            try:
                self._connection.execute("SET TimeZone = 'UTC'")
                return self._run(Path(folder))
            except duckdb.IOException as error:
                raise QueryFailed(f"HIVE_CURSOR_ERROR: {_first_line(str(error))}") from error
            except (duckdb.Error, SqlglotError) as error:
                raise QueryFailed(_first_line(str(error))) from error
            finally:
                self._connection.close()

    def _run(self, folder: Path) -> Result:
        if found := _UNLOAD.fullmatch(self._sql):
            return self._unload(found[1], found[2], found[3] or "", folder)
        statement = sqlglot.parse_one(self._sql, read="athena")
        if isinstance(statement, exp.Create) and statement.kind == "TABLE" and statement.expression:
            return self._create_as(statement, folder)
        if isinstance(statement, exp.Insert):
            return self._insert(statement, folder)
        return self._select(statement, folder)

    def _select(self, statement: exp.Expr, folder: Path) -> Result:
        cursor = self._connection.execute(self._as_duckdb(statement, folder))
        described = cursor.description or []
        arrow = cursor.to_arrow_table()
        columns = arrow.columns if arrow is not None else []
        return Result(
            columns=[each[0] for each in described],
            types=[str(each[1]) for each in described],
            # Through Arrow, whose times with a zone need no further package.
            rows=list(zip(*(column.to_pylist() for column in columns), strict=True)),
            scanned_bytes=self._scanned,
        )

    def _unload(self, query: str, location: str, options: str, folder: Path) -> Result:
        given = dict(re.findall(r"(\w+)\s*=\s*'([^']*)'", options))
        partitioned = re.search(r"partitioned_by\s*=\s*ARRAY\s*\[([^\]]*)\]", options, re.I)
        columns = re.findall(r"'([^']+)'", partitioned[1]) if partitioned else []
        statement = sqlglot.parse_one(query, read="athena")
        return self._copy(
            statement, location, {key.lower(): value for key, value in given.items()}, columns, folder
        )

    def _create_as(self, statement: exp.Create, folder: Path) -> Result:
        options, columns = _properties(statement.args["properties"].expressions)
        location = options.get("external_location", self._tables)
        result = self._copy(statement.expression, location, options, columns, folder)
        target = statement.this.find(exp.Table)
        result.table = {
            "DatabaseName": target.db or self._database,
            "TableInput": _table_input(target.name, location, options, result, columns),
        }
        return result

    def _insert(self, statement: exp.Insert, folder: Path) -> Result:
        target = statement.this.find(exp.Table)
        table = find(target.db or self._database, target.name)
        if table is None:
            raise QueryFailed(f"TABLE_NOT_FOUND: Table '{target.name}' does not exist")
        bucket, prefix = table.location
        columns = [name for name, _ in table.partitions]
        names = [*(name for name, _ in table.columns), *columns]
        query = f"SELECT * FROM ({statement.expression.sql('athena')}) AS source ({', '.join(names)})"
        parsed = sqlglot.parse_one(query, read="athena")
        return self._copy(parsed, f"s3://{bucket}/{prefix}", {"format": format_of(table)}, columns, folder)

    def _copy(
        self, query: exp.Expr, location: str, options: dict[str, str], partitions: list[str], folder: Path
    ) -> Result:
        target = folder / "written"
        form = options.get("format", "PARQUET").upper()
        extension, settings = {
            "PARQUET": ("parquet", f"FORMAT PARQUET, COMPRESSION {_codec(options)}"),
            "JSON": ("json.gz", "FORMAT JSON, COMPRESSION GZIP"),
        }[form]
        by = f", PARTITION_BY ({', '.join(partitions)}), OVERWRITE_OR_IGNORE" if partitions else ""
        self._connection.execute(f"CREATE TEMP TABLE result AS {self._as_duckdb(query, folder)}")
        target.mkdir()
        place = target if partitions else target / f"part.{extension}"
        count = self._connection.execute("SELECT count(*) FROM result").fetchall()[0][0]
        if count:
            self._connection.execute(f"COPY result TO '{place}' ({settings}{by})")
        described = self._connection.execute("DESCRIBE result").fetchall()
        files = [
            (path.relative_to(target).as_posix(), path.read_bytes())
            for path in sorted(target.rglob("*"))
            if path.is_file()
        ]
        return Result(
            columns=["rows"],
            types=["BIGINT"],
            rows=[(count,)],
            scanned_bytes=self._scanned,
            written=Written(location, files),
            described=[(row[0], row[1]) for row in described],
        )

    def _as_duckdb(self, statement: exp.Expr, folder: Path) -> str:
        shadowed = {each.alias for each in statement.find_all(exp.CTE)}
        for number, node in enumerate(list(statement.find_all(exp.Table))):
            if not node.name or (node.name in shadowed and not node.db):
                continue
            table = find(node.db or self._database, node.name)
            if table is None:
                raise QueryFailed(
                    f"TABLE_NOT_FOUND: Table '{node.db or self._database}.{node.name}' does not exist"
                )
            demand_table(node.db or self._database, node.name)
            view = f"athena_{number}"
            shown = any(column.name == PATH for column in statement.find_all(exp.Column))
            self._read(view, table, _conditions(node), folder / view, with_path=shown)
            replaced = exp.to_table(view)
            replaced.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias or node.name)))
            node.replace(replaced)
        for length in list(statement.find_all(exp.Length)):
            if isinstance(length.this, exp.Encode):  # Trino's length of bytes; DuckDB has another name for it
                length.replace(exp.Anonymous(this="octet_length", expressions=[length.this]))
        for replacing in statement.find_all(exp.RegexpReplace):
            if (text := replacing.args.get("replacement")) and text.is_string:
                text.set("this", re.sub(r"\$(\d)", r"\\\1", text.name))  # how DuckDB names a group
        return statement.sql(dialect="duckdb")

    def _read(
        self, view: str, table: Table, conditions: list[exp.Expr], folder: Path, *, with_path: bool
    ) -> None:
        sources = self._pruned(view, table, conditions)
        self._scanned += sum(each.size for each in sources)
        for key in {each.key.rpartition("/")[0]: each.key for each in sources}.values():  # one a folder
            demand_object("GetObject", table.location[0], key)
        if self._cutoff_bytes and self._scanned > self._cutoff_bytes:
            raise QueryFailed(
                f"Query exhausted resources: bytes scanned limit of {self._cutoff_bytes} was exceeded"
            )
        folder.mkdir(parents=True)
        make_view(self._connection, view, table, sources, folder, PATH if with_path else "")

    def _pruned(self, view: str, table: Table, conditions: list[exp.Expr]) -> list[Source]:
        """The objects of the partitions that the query's own predicates leave."""
        names = {PATH, *(name for name, _ in table.partitions)}
        usable = [each for each in conditions if _columns(each) and _columns(each) <= names]
        for name in table.injected:
            if not any(name in _columns(each) for each in usable):
                raise QueryFailed(
                    f"CONSTRAINT_VIOLATION: For the injected projected partition column {name}, the WHERE "
                    "clause must contain only static equality conditions, and at least one such condition "
                    "must be present."
                )
        sources = list(table.sources())
        if not usable or not sources:
            return sources
        listed = [name for name, _ in table.partitions]
        columns = {name: [each.values[at] for each in sources] for at, name in enumerate(listed)}
        columns[PATH] = [table.address(each.key) for each in sources]
        self._connection.register(f"{view}_given", pa.table(columns))
        typed = ", ".join(
            f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in [*table.partitions, (PATH, "VARCHAR")]
        )
        where = " AND ".join(f"({_bare(each).sql('duckdb')})" for each in usable)
        found = self._connection.execute(
            f"SELECT nth FROM (SELECT {typed}, row_number() OVER () - 1 AS nth FROM {view}_given) "
            f"WHERE {where}"
        ).fetchall()
        return [sources[row[0]] for row in found]


def _conditions(table: exp.Table) -> list[exp.Expr]:
    """The conjuncts of the WHERE clause right above the table."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    if where is None:
        return []
    condition = where.this
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _columns(condition: exp.Expr) -> set[str]:
    return {column.name for column in condition.find_all(exp.Column)}


def _bare(condition: exp.Expr) -> exp.Expr:
    """The condition without the table's name before its columns."""
    copy = condition.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return copy


def _properties(given: Sequence[exp.Expr]) -> tuple[dict[str, str], list[str]]:
    """The options of a CREATE TABLE AS by name, and the columns that it partitions by."""
    options: dict[str, str] = {}
    columns: list[str] = []
    for each in given:
        if isinstance(each, exp.PartitionedByProperty):
            columns = [column.name for column in each.this.expressions]
        elif isinstance(each, exp.FileFormatProperty):
            options["format"] = each.name
        else:
            options[each.name.lower()] = each.args["value"].name
    return options, columns


def _codec(options: dict[str, str]) -> str:
    names = ("compression", "write_compression", "parquet_compression")
    given = next((options[name] for name in names if name in options), "GZIP")
    return {"NONE": "UNCOMPRESSED"}.get(given.upper(), given.upper())


_HIVE = {"VARCHAR": "string", "BIGINT": "bigint", "INTEGER": "int", "DOUBLE": "double", "BOOLEAN": "boolean"}


def _hive(kind: str) -> str:
    return _HIVE.get(kind, "timestamp" if kind.startswith("TIMESTAMP") else kind.lower())


def _table_input(
    name: str, location: str, options: dict[str, str], result: Result, partitions: list[str]
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
        "PartitionKeys": [each for each in columns if each["Name"] in partitions],
        "StorageDescriptor": {
            "Columns": [each for each in columns if each["Name"] not in partitions],
            "Location": location,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": {}},
        },
    }


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "Query failed"
