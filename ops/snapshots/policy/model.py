"""What becomes of each table and column of a database: the policy, from TOML and back.

version = 3
engine = "postgres"
unlisted = "fail"                 # or "keep": what the policy does not name is neither treated nor a failure
case = "fold"                     # or "exact": whether Jane and jane get the same fake

[tables.customers]                # of the schema public; else [tables."billing.customers"]
id = "keep"
email = "fake email"
birthday = "shift 30 by id"       # up to 30 days, the same for each id

[tables.audit_log]
"*" = "truncate"                  # or "sample 10": percent of the rows, with the rows that belong to them

[allow]
"products.description" = ["phone"]   # what the scan may find there

[databases.crm.tables.leads]      # PostgreSQL: of another database of the server, which may also have
email = "fake email"              # before, after and allow of its own
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
# Of a table whose name has none. A schema of MySQL is a database: there it is that of the connection.
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
_GRAMMAR = "keep, null, hash, constant TEXT, shift DAYS by COLUMN, or fake with one of " + ", ".join(FAKES)


@dataclass(frozen=True)
class Treatment:
    """`kind` is keep, null, hash, constant, fake or shift; `argument` its text, fake kind or days."""

    kind: str
    argument: str = ""
    by: str = ""

    def __str__(self) -> str:
        words = [self.kind, self.argument, *(["by", self.by] if self.by else [])]
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Table:
    """`rows`: keep, truncate or sample; `percent` of the rows stay when sampled."""

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
        return {name: each for name, each in self.columns.items() if each.kind != "keep"}


@dataclass(frozen=True)
class Policy:
    """`before` and `after` are the user's own SQL; `allow` says which findings are fine in which column.

    `databases` are the policies of PostgreSQL's other databases of the server.
    """

    version: int
    engine: str
    tables: tuple[Table, ...]
    unlisted: str = "fail"
    case: str = "fold"
    before: str = ""
    after: str = ""
    allow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allow_domains: tuple[str, ...] = RESERVED_DOMAINS
    scan_rows: int = SCAN_ROWS
    databases: Mapping[str, "Policy"] = field(default_factory=dict)


def parse(text: str) -> Policy:
    """The policy that the TOML describes. Raises InputError that names the table and column at fault."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"The policy is not valid TOML: {error}.", "Mend that line.") from error
    if unknown := sorted(set(document) - _KEYS):
        raise _wrong(f"The policy has an unknown key {unknown[0]!r}.", f"Known: {', '.join(sorted(_KEYS))}.")
    engine = _one_of(document, "engine", ENGINES, ENGINES[0])
    schema = DEFAULT_SCHEMAS[engine]
    policy = _policy(document, engine, schema)
    for name, found in _mapping(document, "databases").items():
        _check_database(name, found, engine)
    others = {
        name: _policy(
            {**document, "before": "", "after": "", "tables": {}, "allow": {}, **found}, engine, schema
        )
        for name, found in _mapping(document, "databases").items()
    }
    policy = replace(policy, databases=others)
    _check_names(policy)
    return policy


def _policy(document: Mapping[str, Any], engine: str, schema: str) -> Policy:
    """Of one database."""
    return Policy(
        version=_whole(document, "version", 1),
        engine=engine,
        unlisted=_one_of(document, "unlisted", ("fail", "keep"), "fail"),
        case=_one_of(document, "case", ("fold", "exact"), "fold"),
        before=_text(document, "before"),
        after=_text(document, "after"),
        tables=tuple(_table(name, found, schema) for name, found in _mapping(document, "tables").items()),
        allow={
            _column(name, schema): _findings(name, found)
            for name, found in _mapping(document, "allow").items()
        },
        allow_domains=(*RESERVED_DOMAINS, *_texts("allow_domains", document.get("allow_domains", []))),
        scan_rows=_whole(document, "scan_rows", SCAN_ROWS),
    )


def _check_database(name: str, found: Any, engine: str) -> None:
    if engine != "postgres":
        raise _wrong(
            f"databases.{name}: to MySQL a database is a schema.", f'Write [tables."{name}.a_table"] instead.'
        )
    if not re.fullmatch(r"[A-Za-z0-9_$.-]{1,63}", name):
        raise _wrong(f"{name!r} is no database's name here.", "Letters, digits and _ $ . - are possible.")
    if not isinstance(found, dict) or set(found) - _DATABASE_KEYS:
        raise _wrong(f"databases.{name} is wrong.", f"It may hold {', '.join(sorted(_DATABASE_KEYS))}.")


def _check_names(policy: Policy) -> None:
    parts = [policy, *policy.databases.values()]
    for part in parts:
        names = [table.full_name for table in part.tables]
        if twice := [name for name in names if names.count(name) > 1]:
            raise _wrong(f"The policy names {twice[0]} twice.", "Join both into one table.")
    tables = [table for part in parts for table in part.tables]
    survey = not tables and policy.unlisted == "fail"  # a run of it fails, and lists every column
    treats = any(table.treated or table.rows != "keep" for table in tables) or any(p.after for p in parts)
    if not survey and not treats:
        raise _wrong("The policy treats nothing: nothing would be sanitized.", "Name a treatment, or SQL.")


def _table(name: str, found: Any, default_schema: str) -> Table:
    if not isinstance(found, dict) or not found:
        raise _wrong(f"{name} has no columns.", 'List its columns, or "*" = "truncate".')
    schema, _, bare = name.rpartition(".")
    columns = {
        column: _treatment(f"{name}.{column}", text) for column, text in found.items() if column != "*"
    }
    for column, treatment in columns.items():
        if treatment.by and treatment.by not in columns:
            raise _wrong(f"{name}.{column} is shifted by {treatment.by}, which the table lacks.", _GRAMMAR)
    rows, percent = _rows(name, found.get("*", "keep"))
    return Table(schema or default_schema, bare, columns, rows, percent)


def _rows(name: str, text: Any) -> tuple[str, float]:
    if text in ("keep", "truncate"):
        return text, 100.0
    if (found := re.fullmatch(r"sample (\d+(?:\.\d+)?)", str(text))) and 0 < float(found[1]) < 100:
        return "sample", float(found[1])
    raise _wrong(f'{name}: "*" is {text!r}.', 'It is "truncate", or "sample" and a percentage below 100.')


def _treatment(where: str, text: Any) -> Treatment:
    kind, _, argument = str(text).partition(" ")
    if text in ("keep", "null", "hash"):
        return Treatment(kind)
    if kind == "constant" and isinstance(text, str):
        return Treatment(kind, argument)
    if kind == "fake" and argument in FAKES:
        return Treatment(kind, argument)
    if kind == "shift" and (found := re.fullmatch(r"([1-9]\d*) by (.+)", argument)):
        return Treatment(kind, found[1], found[2])
    raise _wrong(f"{where} is {text!r}, which is no treatment.", f"A treatment is {_GRAMMAR}.")


def _column(name: str, default_schema: str) -> str:
    """The full name of a column that may lack its schema."""
    parts = name.split(".")
    if len(parts) not in (2, 3):
        raise _wrong(f"allow: {name!r} is not a column.", "Write table.column or schema.table.column.")
    return ".".join(parts if len(parts) == 3 else [default_schema, *parts])


def _findings(name: str, found: Any) -> tuple[str, ...]:
    kinds = _texts(f"allow: {name}", found)
    if unknown := [kind for kind in kinds if kind not in FINDINGS]:
        raise _wrong(f"allow: {name} names {unknown[0]!r}.", f"The scan finds {', '.join(FINDINGS)}.")
    return kinds


def _texts(where: str, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _wrong(f"{where} is not a list of texts.", 'Write ["one", "two"].')
    return tuple(found)


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = document.get(key, {})
    if not isinstance(found, dict):
        raise _wrong(f"{key} is not a table.", f"Write [{key}] with its entries below.")
    return found


def _text(document: Mapping[str, Any], key: str) -> str:
    found = document.get(key, "")
    if not isinstance(found, str):
        raise _wrong(f"{key} is not a text.", f'Write {key} = """SQL""".')
    return found


def _whole(document: Mapping[str, Any], key: str, default: int) -> int:
    found = document.get(key, default)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise _wrong(f"{key} is {found!r}.", "It is a whole number of at least 1.")
    return found


def _one_of(document: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
    found = document.get(key, default)
    if found not in allowed:
        raise _wrong(f"{key} is {found!r}.", f"It is one of: {', '.join(allowed)}.")
    return str(found)


def _wrong(message: str, hint: str) -> InputError:
    return InputError(message, field="policy", hint=hint)
