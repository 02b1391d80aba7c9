"""A column and its type, as every part of the classifier reads it."""

import re
from dataclasses import dataclass

# Family of a type → the type names that belong to it. A name is compared up to its length and modifiers.
_FAMILIES = {
    "boolean": "bool boolean bit",
    "date": "date datetime datetime2 smalldatetime timestamp timestamptz datetimeoffset timestamp_ntz "
    "datefield datetimefield",
    "time": "time timetz interval year timespan",
    "json": "json jsonb hstore variant super map struct",
    "xml": "xml",
    "ip": "inet cidr inet4 inet6 ipaddress genericipaddressfield",
    "mac": "macaddr macaddr8",
    "geo": "geometry geography point polygon linestring multipolygon multipoint sdo_geometry geopoint",
    "uuid": "uuid uniqueidentifier guid",
    "bytes": "bytea binary varbinary blob tinyblob mediumblob longblob image raw long_raw bytes filefield",
    "number": "tinyint smallint mediumint int integer bigint decimal numeric number real double float serial "
    "bigserial smallserial int2 int4 int8 float4 float8 int16 int32 int64 float32 float64 money smallmoney "
    "bignumeric dec long short byte uint8 uint16 uint32 uint64 binary_float binary_double autonumber",
    "enum": "enum set",
    "text": "text char varchar character nchar nvarchar nvarchar2 varchar2 bpchar citext name tinytext "
    "mediumtext longtext ntext clob nclob string str object email url charfield textfield emailfield "
    "urlfield category sysname alphanumeric utf8 memo unicode unicodetext",
}
_BY_NAME = {name: family for family, names in _FAMILIES.items() for name in names.split()}


@dataclass(frozen=True)
class ColumnType:
    """A type: its `family` (the keys above, `array`, or empty if unknown), and its length in characters."""

    family: str
    length: int = 0  # 0: unlimited or unknown

    @property
    def can_hold_text(self) -> bool:
        return self.family in ("text", "", "array", "json", "xml")


@dataclass(frozen=True)
class Column:
    """A column: the full name of its table, its name, and its type.

    `required` means NOT NULL. `references` is the full name of the column that a foreign key refers to.
    `values` are sample values, which leave this object only as shares.
    """

    table: str
    name: str
    type: str
    required: bool = False
    references: str = ""
    values: tuple[str, ...] = ()

    @property
    def kind(self) -> ColumnType:
        return read_type(self.type)

    @property
    def is_fixed_binary(self) -> bool:
        """Whether the type is a binary of a fixed length: mostly keys and digests."""
        return self.type.strip().lower().startswith("binary(")


def read_type(type_: str) -> ColumnType:
    """Return the family and the length of a type as any database or tool writes it."""
    text = type_.strip().lower()
    if text.endswith("[]") or text.startswith(("array", "list", "_")):
        return ColumnType("array")
    name = re.match(r"[a-z_]+\d*", text)
    family = _BY_NAME.get(name[0], "") if name else ""
    length = re.search(r"\((\d+)", text)
    size = int(length[1]) if length else 0
    if name and name[0] == "bit" and size > 1:
        family = "bytes"
    if text.startswith("tinyint(1)"):
        family = "boolean"
    return ColumnType(family, size if family == "text" else 0)
