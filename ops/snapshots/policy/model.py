"""The sanitization policy: the treatment of each table and column, parsed from TOML.

version = 3
engine = "postgres"
unlisted = "fail"                 # or "keep": unlisted columns stay unchanged, and the run continues
case = "fold"                     # Jane and jane get the same fake; "exact": different ones

[tables.customers]                # in the schema public; otherwise [tables."billing.customers"]
id = "keep"
email = "fake email"
birthday = "shift 30 by id"       # up to 30 days, the same for each id

[tables.audit_log]
"*" = "truncate"                  # or "sample 10": keep 10 percent of the rows; rows that refer to a
                                  # deleted row are deleted too

[allow]
"products.description" = ["phone"]   # findings of the scan that are allowed

[databases.crm.tables.leads]      # PostgreSQL: another database on the server. It can have its own
email = "fake email"              # before, after, and allow
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ops.errors import InputError

ENGINES = ("postgres", "mysql", "mariadb")
FAKES = (
    "address",
    "card",
    "city",
    "company",
    "email",
    "first_name",
    "ip",
    "last_name",
    "name",
    "phone",
    "postcode",
    "text",
    "url",
    "username",
)
FINDINGS = ("card", "email", "iban", "key", "national_id", "phone")
# The schema of a table name without one. In MySQL a schema is a database: the empty string is the
# database of the connection.
DEFAULT_SCHEMAS = {"postgres": "public", "mysql": "", "mariadb": ""}
SCAN_ROWS = 100_000
RESERVED_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606

_KEYS = {
    "version",
    "engine",
    "unlisted",
    "case",
    "scan_rows",
    "allow_domains",
    "before",
    "after",
    "tables",
    "allow",
    "databases",
}
_DATABASE_KEYS = {"before", "after", "tables", "allow"}
_GRAMMAR = "keep, null, hash, constant TEXT, shift DAYS by COLUMN, or fake KIND; KIND is one of " + ", ".join(
    FAKES
)


@dataclass(frozen=True)
class Treatment:
    """The treatment of a column.

    `kind` is keep, null, hash, constant, fake, or shift; `argument` is the text, the kind of fake, or the
    number of days; `by` is the column that a shift depends on.
    """

    kind: str
    argument: str = ""
    by: str = ""

    def __str__(self) -> str:
        words = [self.kind, self.argument, *(["by", self.by] if self.by else [])]
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class TablePolicy:
    """The treatment of a table. `rows` is keep, truncate, or sample; a sample keeps `percent` of the rows."""

    schema: str
    name: str
    columns: Mapping[str, Treatment]
    rows: str = "keep"
    percent: float = 100.0

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def treated(self) -> dict[str, Treatment]:
        return {name: treatment for name, treatment in self.columns.items() if treatment.kind != "keep"}


@dataclass(frozen=True)
class Policy:
    """A parsed policy.

    `before` and `after` are custom SQL; `allow` maps columns to the findings that are allowed in them.
    `databases` are the policies of the other PostgreSQL databases on the server.
    """

    version: int
    engine: str
    tables: tuple[TablePolicy, ...]
    unlisted: str = "fail"
    case: str = "fold"
    before: str = ""
    after: str = ""
    allow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_domains: tuple[str, ...] = RESERVED_DOMAINS
    scan_rows: int = SCAN_ROWS
    databases: Mapping[str, "Policy"] = field(default_factory=dict)


def parse_policy(text: str) -> Policy:
    """Parse a policy from TOML. Raises InputError that names the invalid table, column, or key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _policy_error(f"The policy is not valid TOML: {error}.", "Fix that line.") from error
    if unknown := sorted(set(document) - _KEYS):
        raise _policy_error(
            f"The policy has an unknown key: {unknown[0]!r}.", f"Valid keys: {', '.join(sorted(_KEYS))}."
        )
    engine = _one_of(document, "engine", ENGINES, ENGINES[0])
    schema = DEFAULT_SCHEMAS[engine]
    policy = _policy(document, engine, schema)
    databases = _mapping(document, "databases")
    for name, settings in databases.items():
        _check_database(name, settings, engine)
    others = {
        name: _policy(
            {**document, "before": "", "after": "", "tables": {}, "allow": {}, **settings}, engine, schema
        )
        for name, settings in databases.items()
    }
    policy = replace(policy, databases=others)
    _check_names(policy)
    return policy


def _policy(document: Mapping[str, Any], engine: str, schema: str) -> Policy:
    """Return the policy of one database."""
    return Policy(
        version=_positive_integer(document, "version", 1),
        engine=engine,
        unlisted=_one_of(document, "unlisted", ("fail", "keep"), "fail"),
        case=_one_of(document, "case", ("fold", "exact"), "fold"),
        before=_string(document, "before"),
        after=_string(document, "after"),
        tables=tuple(_table(name, columns, schema) for name, columns in _mapping(document, "tables").items()),
        allow={
            _column(name, schema): _findings(name, kinds)
            for name, kinds in _mapping(document, "allow").items()
        },
        allow_domains=(*RESERVED_DOMAINS, *_strings("allow_domains", document.get("allow_domains", []))),
        scan_rows=_positive_integer(document, "scan_rows", SCAN_ROWS),
    )


def _check_database(name: str, settings: Any, engine: str) -> None:
    if engine != "postgres":
        raise _policy_error(
            f"databases.{name} is not valid: in MySQL and MariaDB a database is a schema.",
            f'Write [tables."{name}.a_table"] instead.',
        )
    if not re.fullmatch(r"[A-Za-z0-9_$.-]{1,63}", name):
        raise _policy_error(
            f"{name!r} is not a valid database name.", "Use letters, digits, and the characters _ $ . -"
        )
    if not isinstance(settings, dict) or set(settings) - _DATABASE_KEYS:
        raise _policy_error(
            f"databases.{name} is not valid.", f"Valid keys: {', '.join(sorted(_DATABASE_KEYS))}."
        )


def _check_names(policy: Policy) -> None:
    parts = [policy, *policy.databases.values()]
    for part in parts:
        names = [table.full_name for table in part.tables]
        if twice := [name for name in names if names.count(name) > 1]:
            raise _policy_error(f"The policy lists the table {twice[0]} twice.", "Merge both entries.")
    tables = [table for part in parts for table in part.tables]
    survey = not tables and policy.unlisted == "fail"  # its run fails and lists every column
    treats = any(table.treated or table.rows != "keep" for table in tables) or any(p.after for p in parts)
    if not survey and not treats:
        raise _policy_error(
            "The policy has no treatment: nothing would be sanitized.", "Add a treatment or custom SQL."
        )


def _table(name: str, entries: Any, default_schema: str) -> TablePolicy:
    if not isinstance(entries, dict) or not entries:
        raise _policy_error(f"The table {name} has no columns.", 'List its columns, or "*" = "truncate".')
    schema, _, bare = name.rpartition(".")
    columns = {
        column: _treatment(f"{name}.{column}", text) for column, text in entries.items() if column != "*"
    }
    for column, treatment in columns.items():
        if treatment.by and treatment.by not in columns:
            raise _policy_error(
                f"{name}.{column} is shifted by {treatment.by}, which is not a column of the table.", _GRAMMAR
            )
    rows, percent = _rows(name, entries.get("*", "keep"))
    return TablePolicy(schema or default_schema, bare, columns, rows, percent)


def _rows(name: str, text: Any) -> tuple[str, float]:
    if text in ("keep", "truncate"):
        return text, 100.0
    if (match := re.fullmatch(r"sample (\d+(?:\.\d+)?)", str(text))) and 0 < float(match[1]) < 100:
        return "sample", float(match[1])
    raise _policy_error(
        f'{name}: "*" is {text!r}.', 'Use "truncate", or "sample" and a percentage below 100.'
    )


def _treatment(where: str, text: Any) -> Treatment:
    kind, _, argument = str(text).partition(" ")
    if text in ("keep", "null", "hash"):
        return Treatment(kind)
    if kind == "constant" and isinstance(text, str):
        return Treatment(kind, argument)
    if kind == "fake" and argument in FAKES:
        return Treatment(kind, argument)
    if kind == "shift" and (match := re.fullmatch(r"([1-9]\d*) by (.+)", argument)):
        return Treatment(kind, match[1], match[2])
    raise _policy_error(f"{where} is {text!r}, which is not a treatment.", f"Treatments: {_GRAMMAR}.")


def _column(name: str, default_schema: str) -> str:
    """Return the full name of a column whose schema may be missing."""
    parts = name.split(".")
    if len(parts) not in (2, 3):
        raise _policy_error(f"allow: {name!r} is not a column.", "Write table.column or schema.table.column.")
    return ".".join(parts if len(parts) == 3 else [default_schema, *parts])


def _findings(name: str, value: Any) -> tuple[str, ...]:
    kinds = _strings(f"allow: {name}", value)
    if unknown := [kind for kind in kinds if kind not in FINDINGS]:
        raise _policy_error(
            f"allow: {name} lists {unknown[0]!r}, which is not a finding of the scan.",
            f"Findings: {', '.join(FINDINGS)}.",
        )
    return kinds


def _strings(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _policy_error(f"{where} is not a list of strings.", 'Write ["one", "two"].')
    return tuple(value)


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise _policy_error(f"{key} is not a table.", f"Write [{key}] with its entries below.")
    return value


def _string(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise _policy_error(f"{key} is not a string.", f'Write {key} = """SQL""".')
    return value


def _positive_integer(document: Mapping[str, Any], key: str, default: int) -> int:
    value = document.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _policy_error(f"{key} is {value!r}.", "Use an integer of at least 1.")
    return value


def _one_of(document: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
    value = document.get(key, default)
    if value not in allowed:
        raise _policy_error(f"{key} is {value!r}.", f"Use one of: {', '.join(allowed)}.")
    return str(value)


def _policy_error(message: str, hint: str) -> InputError:
    return InputError(message, field="policy", hint=hint)
