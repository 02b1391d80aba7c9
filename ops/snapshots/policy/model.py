"""The sanitization policy: the treatment of each table and column, parsed from TOML.

version = 3
engine = "postgres"
unlisted = "fail"                 # or "keep": unlisted columns stay unchanged, and the run continues
case = "fold"                     # Jane and jane get the same fake; "exact": different ones

[tables.customers]                # in the schema public; otherwise [tables."billing.customers"]
id = "keep"
email = "fake email"
birthday = "shift 30 by id"       # up to 30 days, the same for each id

[tables.'"My.App"."imports.2024"']    # quotes as in SQL, if a part of the name contains a dot
"*" = "truncate"                  # or "sample 10": keep 10 percent of the rows; rows that refer to a
                                  # deleted row are deleted too

[allow]
"products.description" = ["phone"]   # findings of the scan that are allowed

[objects]                         # what is not a row: kept with a reason, or "reset"
"function public.greeting(text)" = "keep because it names our own hotline"
"large objects" = "reset"

[databases.crm.tables.leads]      # PostgreSQL: another database on the server. It can have its own
email = "fake email"              # before, after, allow, and objects
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ops.errors import InputError
from ops.snapshots.policy.names import join_name, split_name
from ops.text.toml_tables import TomlTable, read_toml

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
FINDINGS = ("card", "email", "iban", "ip", "key", "mac", "national_id", "password_hash", "phone")
# The schema of a table name without one. In MySQL a schema is a database: the empty string is the
# database of the connection.
DEFAULT_SCHEMAS = {"postgres": "public", "mysql": "", "mariadb": ""}
SCAN_ROWS = 100_000
SHOWN_REVIEWS = 5
RESERVED_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606

_DATABASE_KEYS = ("before", "after", "tables", "allow", "objects")
_KEYS = ("version", "engine", "unlisted", "case", "scan_rows", "allow_domains", "databases", *_DATABASE_KEYS)
_GRAMMAR = (
    "keep, keep because REASON, null, hash, constant TEXT, shift DAYS by COLUMN, or fake KIND; "
    "KIND is one of " + ", ".join(FAKES)
)


@dataclass(frozen=True)
class Treatment:
    """The treatment of a column.

    `kind` is keep, null, hash, constant, fake, shift, or review (open: the policy is refused); `argument`
    is the text, the kind of fake, the number of days, or why a value that cannot be scanned is kept; `by` is
    the column that a shift depends on.
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
        return join_name((self.schema, self.name))

    @property
    def treated(self) -> dict[str, Treatment]:
        return {name: treatment for name, treatment in self.columns.items() if treatment.kind != "keep"}

    @property
    def kept_knowingly(self) -> tuple[str, ...]:
        """The columns that are kept although they cannot be scanned: "keep because REASON"."""
        return tuple(name for name, item in self.columns.items() if item.kind == "keep" and item.argument)


@dataclass(frozen=True)
class Policy:
    """A parsed policy.

    `before` and `after` are custom SQL; `allow` maps columns to the findings that are allowed in them.
    `objects` maps what is not a row (`function public.f()`, `large objects`; * is a wildcard) to keep or
    reset.
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
    objects: Mapping[str, Treatment] = field(default_factory=dict)
    allow_domains: tuple[str, ...] = RESERVED_DOMAINS
    scan_rows: int = SCAN_ROWS
    databases: Mapping[str, "Policy"] = field(default_factory=dict)


def parse_policy(text: str) -> Policy:
    """Parse a policy from TOML. Raises InputError that names the line and the table, column, or key."""
    root = read_toml(text, "The policy", partial(InputError, field="policy"))
    root.check_keys(*_KEYS)
    databases = root.table("databases")
    policy = _policy(root, root)
    others = {name: _policy(root, _database(databases, name, policy.engine)) for name in databases.values}
    policy = replace(policy, databases=others)
    _check_reviews(policy)
    _check_treatment(policy)
    return policy


def _policy(root: TomlTable, database: TomlTable) -> Policy:
    """Return the policy of one database, with the settings that all databases share."""
    engine = root.choice("engine", *ENGINES)
    schema = DEFAULT_SCHEMAS[engine]
    tables, allow, objects = (database.table(key) for key in ("tables", "allow", "objects"))
    return Policy(
        version=root.whole("version", 1, low=1),
        engine=engine,
        unlisted=root.choice("unlisted", "fail", "keep"),
        case=root.choice("case", "fold", "exact"),
        before=database.text("before", "", like=".*", means="SQL"),
        after=database.text("after", "", like=".*", means="SQL"),
        tables=_tables(tables, schema),
        allow={
            _column(allow, name, schema): allow.texts(
                name, like="|".join(FINDINGS), means=f"a finding of the scan: {', '.join(FINDINGS)}"
            )
            for name in allow.values
        },
        objects={name: _object(objects, name) for name in objects.values},
        allow_domains=(*RESERVED_DOMAINS, *root.texts("allow_domains")),
        scan_rows=root.whole("scan_rows", SCAN_ROWS, low=1),
    )


def _database(databases: TomlTable, name: str, engine: str) -> TomlTable:
    if engine != "postgres":
        raise databases.mistake(
            name,
            "is not valid: in MySQL and MariaDB a database is a schema.",
            f'Write [tables."{name}.a_table"] instead.',
        )
    if not re.fullmatch(r"[A-Za-z0-9_$.-]{1,63}", name):
        raise databases.mistake(
            name, "is not a valid database name.", "Use letters, digits, and the characters _ $ . -"
        )
    database = databases.table(name)
    database.check_keys(*_DATABASE_KEYS)
    return database


def _check_reviews(policy: Policy) -> None:
    """Raise InputError if a column is still open for review: no run starts before a person has decided."""
    parts = {"": policy, **policy.databases}
    columns = [
        f"{database}:{table.full_name}.{column}".removeprefix(":")
        for database, part in parts.items()
        for table in part.tables
        for column, treatment in table.columns.items()
        if treatment.kind == "review"
    ]
    if columns:
        more = f", and {len(columns) - SHOWN_REVIEWS} more" if len(columns) > SHOWN_REVIEWS else ""
        raise InputError(
            f"The policy has {len(columns)} open {'review' if len(columns) == 1 else 'reviews'}: "
            f"{', '.join(columns[:SHOWN_REVIEWS])}{more}.",
            field="policy",
            hint='Look at the data of each column, and replace "review" by a treatment. '
            f"Treatments: {_GRAMMAR}.",
        )


def _check_treatment(policy: Policy) -> None:
    """Raise InputError if nothing would be sanitized."""
    parts = [policy, *policy.databases.values()]
    tables = [table for part in parts for table in part.tables]
    survey = not tables and policy.unlisted == "fail"  # its run fails and lists every column
    treats = any(table.treated or table.rows != "keep" for table in tables) or any(p.after for p in parts)
    if not survey and not treats:
        raise InputError(
            "The policy has no treatment: nothing would be sanitized.",
            field="policy",
            hint="Add a treatment or custom SQL.",
        )


def _tables(tables: TomlTable, default_schema: str) -> tuple[TablePolicy, ...]:
    listed: dict[str, TablePolicy] = {}
    for name in tables.values:
        table = _table(tables.table(name), name, default_schema)
        if table.full_name in listed:
            raise tables.mistake(name, f"lists the table {table.full_name} twice.", "Merge both entries.")
        listed[table.full_name] = table
    return tuple(listed.values())


def _table(table: TomlTable, name: str, default_schema: str) -> TablePolicy:
    if not table.values:
        raise table.mistake("", "has no columns.", 'List its columns, or "*" = "truncate".')
    schema, bare = _split(name)
    columns = {column: _treatment(table, column) for column in table.values if column != "*"}
    for column, treatment in columns.items():
        if treatment.by and treatment.by not in columns:
            raise table.mistake(
                column, f"is shifted by {treatment.by}, which is not a column of the table.", _GRAMMAR
            )
    rows, percent = _rows(table)
    return TablePolicy(schema or default_schema, bare, columns, rows, percent)


def _rows(table: TomlTable) -> tuple[str, float]:
    text = table.values.get("*", "keep")
    if text in ("keep", "truncate"):
        return text, 100.0
    if (match := re.fullmatch(r"sample (\d+(?:\.\d+)?)", str(text))) and 0 < float(match[1]) < 100:
        return "sample", float(match[1])
    raise table.mistake("*", f"is {text!r}.", 'Use "truncate", or "sample" and a percentage below 100.')


def _treatment(table: TomlTable, column: str) -> Treatment:
    text: Any = table.values[column]
    kind, _, argument = str(text).partition(" ")
    if text in ("keep", "null", "hash", "review"):
        return Treatment(kind)
    if kind == "keep" and re.fullmatch(r"because \S.*", argument):
        return Treatment(kind, argument)
    if kind == "constant" and isinstance(text, str):
        return Treatment(kind, argument)
    if kind == "fake" and argument in FAKES:
        return Treatment(kind, argument)
    if kind == "shift" and (match := re.fullmatch(r"([1-9]\d*) by (.+)", argument)):
        return Treatment(kind, match[1], match[2])
    raise table.mistake(column, f"is {text!r}, which is not a treatment.", f"Treatments: {_GRAMMAR}.")


def _column(allow: TomlTable, name: str, default_schema: str) -> str:
    """Return the full name of a column whose schema may be missing."""
    try:
        *table, column = split_name(name)
    except ValueError:
        table = []
    if len(table) not in (1, 2):
        raise allow.mistake(name, "is not a column.", "Write table.column or schema.table.column.")
    return join_name([*([default_schema] if len(table) == 1 else []), *table, column])


def _split(name: str) -> tuple[str, str]:
    """Return schema (can be empty) and name of a table. Without quotes, the last dot separates them."""
    try:
        *schemas, bare = split_name(name) if '"' in name else ()
    except ValueError:  # fewer parts, or a quote that is part of the name
        schemas = []
        bare = ""
    if bare and len(schemas) < 2:
        return "".join(schemas), bare
    schema, _, bare = name.rpartition(".")
    return schema, bare


def _object(objects: TomlTable, name: str) -> Treatment:
    kind, _, argument = str(objects.values[name]).partition(" ")
    if (kind, argument) == ("reset", "") or (kind == "keep" and re.fullmatch(r"because \S.*", argument)):
        return Treatment(kind, argument)
    raise objects.mistake(name, f"is {objects.values[name]!r}.", 'Use "keep because REASON", or "reset".')
