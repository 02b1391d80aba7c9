"""Glue tables for the emulated Athena: which objects a query reads, and what rows they hold.

Partitions are projected from the table's properties; predicates on partition columns prune objects before
they are read, so that the bytes scanned are those that Athena would charge.
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


class QueryFailed(Exception):
    """What Athena says in StateChangeReason."""


@dataclass(frozen=True)
class Source:
    """An object that a table consists of, with the values of its partition columns."""

    key: str
    size: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table of the Glue catalogue."""

    name: str
    definition: Mapping[str, Any]

    @property
    def _storage(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.definition.get("StorageDescriptor") or {}
        return found

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        return self.definition.get("Parameters") or {}

    @cached_property
    def columns(self) -> list[tuple[str, str]]:
        """Name and DuckDB type of each column in the data."""
        return [(each["Name"], duckdb_type(each.get("Type", "string"))) for each in self._storage["Columns"]]

    @cached_property
    def partitions(self) -> list[tuple[str, str]]:
        keys = self.definition.get("PartitionKeys") or []
        return [(each["Name"], duckdb_type(each.get("Type", "string"))) for each in keys]

    @property
    def serde(self) -> tuple[str, Mapping[str, str]]:
        found = self._storage.get("SerdeInfo") or {}
        return found.get("SerializationLibrary", ""), found.get("Parameters") or {}

    @property
    def location(self) -> tuple[str, str]:
        """Bucket and prefix."""
        parsed = urlparse(self._storage["Location"])
        prefix = parsed.path.lstrip("/")
        return parsed.netloc, prefix if not prefix or prefix.endswith("/") else prefix + "/"

    @property
    def is_projected(self) -> bool:
        return self.parameters.get("projection.enabled", "").lower() == "true"

    @property
    def injected(self) -> list[str]:
        """Partition columns whose value a query must give."""
        return [name for name, _ in self.partitions if self._projection(name, "type") == "injected"]

    def _projection(self, column: str, name: str) -> str:
        return self.parameters.get(f"projection.{column}.{name}", "")

    def sources(self) -> Iterator[Source]:
        """Every object below the location that lies in a partition of the table."""
        bucket, prefix = self.location
        pattern = self._pattern(bucket, prefix)
        for key, item in _objects(bucket, prefix):
            found = pattern.match(key)
            if not found or athena._hidden(key[len(prefix) :]):
                continue
            values = tuple(unquote(found[name]) for name, _ in self.partitions)
            if all(
                self._projects(name, value) for (name, _), value in zip(self.partitions, values, strict=True)
            ):
                yield Source(key, item["size"], values)

    def _pattern(self, bucket: str, prefix: str) -> re.Pattern[str]:
        """How an object's key tells its partition."""
        template = self.parameters.get("storage.location.template", "") if self.is_projected else ""
        if template:
            path = template.removeprefix(f"s3://{bucket}/").rstrip("/") + "/"
        else:
            path = prefix + "".join(f"{name}=${{{name}}}/" for name, _ in self.partitions)
        parts = re.split(r"\$\{(\w+)\}", path)
        seen: set[str] = set()
        made = ""
        for index, part in enumerate(parts):
            if index % 2 == 0:
                made += re.escape(part)
            elif part in seen:
                made += f"(?P={part})"
            else:
                seen.add(part)
                made += (
                    f"(?P<{part}>[^/]+?)" if self._projection(part, "type") != "date" else f"(?P<{part}>.+?)"
                )
        return re.compile(made)

    def _projects(self, column: str, value: str) -> bool:
        """Whether the projection has this value: Athena never looks at other partitions."""
        if not self.is_projected:
            return True
        kind = self._projection(column, "type")
        if kind == "enum":
            return value in [each.strip() for each in self._projection(column, "values").split(",")]
        if kind == "integer":
            least, most = (int(each) for each in self._projection(column, "range").split(","))
            digits = int(self._projection(column, "digits") or 0)
            return value.isdigit() and least <= int(value) <= most and (not digits or len(value) == digits)
        if kind == "date":
            return self._in_dates(column, value)
        return kind == "injected"

    def _in_dates(self, column: str, value: str) -> bool:
        form = re.sub(
            "yyyy|MM|dd|HH|mm|'", lambda found: _JAVA.get(found[0], ""), self._projection(column, "format")
        )
        try:
            at = datetime.strptime(value, form).replace(tzinfo=UTC)
            first, last = (
                _moment(each.strip(), form) for each in self._projection(column, "range").split(",")
            )
        except ValueError:
            return False
        return first.strftime(form) <= at.strftime(form) <= last.strftime(form)

    def address(self, key: str) -> str:
        return f"s3://{self.location[0]}/{key}"

    def data(self, key: str) -> bytes:
        found = s3._get_object_data(self.location[0], key)
        if found is None:
            raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: {key} does not exist.")
        return bytes(found)


def find(database: str, name: str) -> Table | None:
    """The table of the current account and region."""
    found = glue._tables.get(f"{database}/{name}")
    return Table(name, found) if found else None


def duckdb_type(hive: str) -> str:
    """A Hive type in DuckDB's words, nested ones too."""
    text = hive.strip().lower()
    if text.startswith("array<"):
        return f"{duckdb_type(text[6:-1])}[]"
    if text.startswith("map<"):
        key, value = _arguments(text[4:-1])
        return f"MAP({duckdb_type(key)}, {duckdb_type(value)})"
    if text.startswith("struct<"):
        fields = (field.partition(":") for field in _arguments(text[7:-1]))
        return f"STRUCT({', '.join(f'{_quoted(name)} {duckdb_type(kind)}' for name, _, kind in fields)})"
    if text.startswith("decimal"):
        return text.upper()
    return str(athena._DUCKDB_TYPE_BY_ATHENA.get(text.split("(")[0], "VARCHAR"))


def _quoted(name: str) -> str:
    return '"' + name.strip().replace('"', '""') + '"'


def _arguments(text: str) -> Sequence[str]:
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _objects(bucket: str, prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = s3._buckets.get(bucket)
    if found is None:
        raise QueryFailed(f"HIVE_FILESYSTEM_ERROR: The bucket {bucket} does not exist.")
    items = sorted(found["objects"].items())
    return [(key, item) for key, item in items if key.startswith(prefix) and not key.endswith("/")]


def _moment(text: str, form: str) -> datetime:
    found = _NOW.fullmatch(text)
    if not found:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    sign, count, unit = found.groups()
    days = float(count or 0) * _DAYS[(unit or "DAY").rstrip("S")]
    return datetime.now(UTC) + timedelta(days=-days if sign == "-" else days)
