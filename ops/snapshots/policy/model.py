"""The sanitization policy: the treatment of each table and column, parsed from TOML.

version = 3
engine = "postgres"
unlisted = "fail"                 # or "keep": unlisted columns stay unchanged, and the run continues
case = "fold"                     # Jane and jane get the same fake; "exact": different ones

[tables.customers]                # in the schema public; otherwise [tables."billing.customers"]
id = "keep"
email = "fake email"
birthday = "shift 30 by id"       # up to 30 days, the same for each id
"doc $.contact.email" = "fake email"   # a value in a JSON document; the rest of it is kept
initials = "sql upper(left(name, 1))"  # an expression of the row, without side effects

[tables.'"My.App"."imports.2024"']    # quotes as in SQL, if a part of the name contains a dot
"*" = "truncate"                  # or "delete where CONDITION", or "sample 10": keep 10 percent of the
                                  # rows. Rows that refer to a deleted row are deleted too

[allow]
"products.description" = ["phone"]   # findings of the scan that are allowed

[objects]                         # what is not a row: kept with a reason, or "reset"
"function public.greeting(text)" = "keep because it names our own hotline"
"large objects" = "reset"

[subset]                          # a part of the rows, with valid keys: see `policy.subset`
table = "orders"
keep = "10 %"

[databases.crm.tables.leads]      # PostgreSQL: another database on the server. It can have its own
email = "fake email"              # before, after, allow, objects, and subset
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ops.errors import InputError
from ops.snapshots.policy.subset import Subset, parse_subset
from ops.snapshots.policy.table import TablePolicy, column_name, parse_tables
from ops.snapshots.policy.treatment import GRAMMAR, Treatment
from ops.text.toml_tables import TomlTable, read_toml

ENGINES = ("postgres", "mysql", "mariadb")
FINDINGS = ("card", "email", "iban", "ip", "key", "mac", "national_id", "password_hash", "phone")
# The schema of a table name without one. In MySQL a schema is a database: the empty string is the
# database of the connection.
DEFAULT_SCHEMAS = {"postgres": "public", "mysql": "", "mariadb": ""}
SCAN_ROWS = 100_000
SHOWN_REVIEWS = 5
RESERVED_DOMAINS = ("example.com", "example.org", "example.net")  # RFC 2606

_DATABASE_KEYS = ("before", "after", "tables", "allow", "objects", "subset")
_KEYS = (
    "version",
    "engine",
    "unlisted",
    "case",
    "scan_rows",
    "allow_domains",
    "sql_tables",
    "databases",
    *_DATABASE_KEYS,
)


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
    subset: Subset | None = None


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
    listed = parse_tables(tables, engine, schema, root.texts("sql_tables"))
    return Policy(
        version=root.whole("version", 1, low=1),
        engine=engine,
        unlisted=root.choice("unlisted", "fail", "keep"),
        case=root.choice("case", "fold", "exact"),
        before=database.text("before", "", like=".*", means="SQL"),
        after=database.text("after", "", like=".*", means="SQL"),
        tables=listed,
        allow={
            column_name(allow, name, schema): allow.texts(
                name, like="|".join(FINDINGS), means=f"a finding of the scan: {', '.join(FINDINGS)}"
            )
            for name in allow.values
        },
        objects={name: _object(objects, name) for name in objects.values},
        allow_domains=(*RESERVED_DOMAINS, *root.texts("allow_domains")),
        scan_rows=root.whole("scan_rows", SCAN_ROWS, low=1),
        subset=parse_subset(database.table("subset"), listed, engine, schema),
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
        if treatment.is_review
    ]
    if columns:
        more = f", and {len(columns) - SHOWN_REVIEWS} more" if len(columns) > SHOWN_REVIEWS else ""
        raise InputError(
            f"The policy has {len(columns)} open {'review' if len(columns) == 1 else 'reviews'}: "
            f"{', '.join(columns[:SHOWN_REVIEWS])}{more}.",
            field="policy",
            hint='Look at the data of each column, and replace "review" by a treatment. '
            f"Treatments: {GRAMMAR}.",
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


def _object(objects: TomlTable, name: str) -> Treatment:
    kind, _, argument = str(objects.values[name]).partition(" ")
    if (kind, argument) == ("reset", "") or (kind == "keep" and re.fullmatch(r"because \S.*", argument)):
        return Treatment(kind, argument)
    raise objects.mistake(name, f"is {objects.values[name]!r}.", 'Use "keep because REASON", or "reset".')
