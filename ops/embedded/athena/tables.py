"""Glue tables for the emulated Athena: the objects of a query and the types of their columns.

Partitions are projected from the table's properties. Predicates on partition columns prune objects before
they are read, so the bytes scanned are the bytes that Athena would charge.
https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlparse

from ministack.services import athena, glue, s3

from ops.text.quoting import identifier

SEAMS = (
    "ministack.services.glue._tables",
    "ministack.services.s3._buckets",
    "ministack.services.s3._get_object_data",
    "ministack.services.athena._DUCKDB_TYPE_BY_ATHENA",
    "ministack.services.athena._hidden",
)
_NOW = re.compile(r"NOW(?:([+-])(\d+)(YEARS?|MONTHS?|WEEKS?|DAYS?|HOURS?|MINUTES?))?")
_DAYS = {"YEAR": 365.25, "MONTH": 30.44, "WEEK": 7, "DAY": 1, "HOUR": 1 / 24, "MINUTE": 1 / 1440}
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M"}


class AthenaQueryFailed(Exception):
    """A query failed; the message is Athena's StateChangeReason."""


@dataclass(frozen=True)
class TableObject:
    """An S3 object of a table, with the values of its partition columns."""

    key: str
    size: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class EmulatedTable:
    """A table in the emulated Glue Data Catalog."""

    name: str
    definition: Mapping[str, Any]

    @property
    def _storage(self) -> Mapping[str, Any]:
        descriptor: Mapping[str, Any] = self.definition.get("StorageDescriptor") or {}
        return descriptor

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        return self.definition.get("Parameters") or {}

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """Name and DuckDB type of each column in the data."""
        return [
            (column["Name"], duckdb_type(column.get("Type", "string"))) for column in self._storage["Columns"]
        ]

    @cached_property
    def partitions(self) -> list[tuple[str, str]]:
        keys = self.definition.get("PartitionKeys") or []
        return [(key["Name"], duckdb_type(key.get("Type", "string"))) for key in keys]

    @property
    def serde(self) -> tuple[str, Mapping[str, str]]:
        serde = self._storage.get("SerdeInfo") or {}
        return serde.get("SerializationLibrary", ""), serde.get("Parameters") or {}

    @property
    def location(self) -> tuple[str, str]:
        """Bucket and prefix of the data."""
        parsed = urlparse(self._storage["Location"])
        prefix = parsed.path.lstrip("/")
        return parsed.netloc, prefix if not prefix or prefix.endswith("/") else prefix + "/"

    @property
    def is_projected(self) -> bool:
        return self.parameters.get("projection.enabled", "").lower() == "true"

    @property
    def injected(self) -> list[str]:
        """Partition columns that a query must restrict to a value."""
        return [name for name, _ in self.partitions if self._projection(name, "type") == "injected"]

    def _projection(self, column: str, name: str) -> str:
        return self.parameters.get(f"projection.{column}.{name}", "")

    def objects(self) -> Iterator[TableObject]:
        """Yield every object below the location that belongs to a partition of the table."""
        bucket, prefix = self.location
        pattern = self._pattern(bucket, prefix)
        for key, item in _objects(bucket, prefix):
            match = pattern.match(key)
            if not match or athena._hidden(key[len(prefix) :]):
                continue
            values = tuple(unquote(match[name]) for name, _ in self.partitions)
            if all(
                self._projects(name, value) for (name, _), value in zip(self.partitions, values, strict=True)
            ):
                yield TableObject(key, item["size"], values)

    def _pattern(self, bucket: str, prefix: str) -> re.Pattern[str]:
        """Return the pattern that extracts an object's partition from its key."""
        location = self.parameters.get("storage.location.template", "") if self.is_projected else ""
        if location:
            path = location.removeprefix(f"s3://{bucket}/").rstrip("/") + "/"
        else:
            path = prefix + "".join(f"{name}=${{{name}}}/" for name, _ in self.partitions)
        pieces = re.split(r"\$\{(\w+)\}", path)
        seen: set[str] = set()
        pattern = ""
        for index, piece in enumerate(pieces):
            if index % 2 == 0:
                pattern += re.escape(piece)
            elif piece in seen:
                pattern += f"(?P={piece})"
            else:
                seen.add(piece)
                pattern += (
                    f"(?P<{piece}>[^/]+?)"
                    if self._projection(piece, "type") != "date"
                    else f"(?P<{piece}>[^/]+(?:/[^/]+){{{self._projection(piece, 'format').count('/')}}})"
                )
        return re.compile(pattern)

    def _projects(self, column: str, value: str) -> bool:
        """Return whether the projection contains this value: Athena reads no other partitions."""
        if not self.is_projected:
            return True
        kind = self._projection(column, "type")
        if kind == "enum":
            return value in [item.strip() for item in self._projection(column, "values").split(",")]
        if kind == "integer":
            first, last = (int(item) for item in self._projection(column, "range").split(","))
            digits = int(self._projection(column, "digits") or 0)
            return value.isdigit() and first <= int(value) <= last and (not digits or len(value) == digits)
        if kind == "date":
            return self._in_dates(column, value)
        return kind == "injected"

    def _in_dates(self, column: str, value: str) -> bool:
        date_format = re.sub(
            "yyyy|MM|dd|HH|mm|'", lambda match: _JAVA.get(match[0], ""), self._projection(column, "format")
        )
        try:
            moment = datetime.strptime(value, date_format).replace(tzinfo=UTC)
            first, last = (
                _moment(bound.strip(), date_format) for bound in self._projection(column, "range").split(",")
            )
        except ValueError:
            return False
        return first.strftime(date_format) <= moment.strftime(date_format) <= last.strftime(date_format)

    def address(self, key: str) -> str:
        return f"s3://{self.location[0]}/{key}"

    def data(self, key: str) -> bytes:
        data = s3._get_object_data(self.location[0], key)
        if data is None:
            raise AthenaQueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: {key} does not exist.")
        return bytes(data)


def find_table(database: str, name: str) -> EmulatedTable | None:
    """Return the table in the current account and region."""
    definition = glue._tables.get(f"{database}/{name}")
    return EmulatedTable(name, definition) if definition else None


def duckdb_type(hive: str) -> str:
    """Return the DuckDB type of a Hive type, including nested ones."""
    text = hive.strip().lower()
    if text.startswith("array<"):
        return f"{duckdb_type(text[6:-1])}[]"
    if text.startswith("map<"):
        key, value = _arguments(text[4:-1])
        return f"MAP({duckdb_type(key)}, {duckdb_type(value)})"
    if text.startswith("struct<"):
        fields = (field.partition(":") for field in _arguments(text[7:-1]))
        named = ((identifier(name.strip(), "duckdb"), kind) for name, _, kind in fields)
        return f"STRUCT({', '.join(f'{name} {duckdb_type(kind)}' for name, kind in named)})"
    if text.startswith("decimal"):
        return text.upper()
    return str(athena._DUCKDB_TYPE_BY_ATHENA.get(text.split("(")[0], "VARCHAR"))


def _arguments(text: str) -> Sequence[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _objects(bucket: str, prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    stored_bucket = s3._buckets.get(bucket)
    if stored_bucket is None:
        raise AthenaQueryFailed(f"HIVE_FILESYSTEM_ERROR: The bucket {bucket} does not exist.")
    items = sorted(stored_bucket["objects"].items())
    return [(key, item) for key, item in items if key.startswith(prefix) and not key.endswith("/")]


def _moment(text: str, date_format: str) -> datetime:
    match = _NOW.fullmatch(text)
    if not match:
        return datetime.strptime(text, date_format).replace(tzinfo=UTC)
    sign, count, unit = match.groups()
    days = float(count or 0) * _DAYS[(unit or "DAY").rstrip("S")]
    return datetime.now(UTC) + timedelta(days=-days if sign == "-" else days)
