"""All settings, and loading them from the environment and `slipway.toml`.

Precedence: environment variable (`SLIPWAY_<NAME>`), then `slipway.toml`, then the default.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ops.errors import SettingsError
from ops.own_log import Level
from ops.roles import Role
from ops.text.toml_tables import TomlTable, read_toml

FILE = Path("slipway.toml")
NEAR = 2  # letters by which a misspelled variable differs from a setting's
EMBEDDED_ACCOUNTS = (
    "the embedded cloud has its own accounts, so [accounts] is ignored. "
    'To use your accounts, set cloud = "aws".'
)


@dataclass(frozen=True)
class Account:
    """An AWS account. `role` is the role to assume; if empty, the credentials are used as they are."""

    name: str
    id: str
    role: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exclusion:
    """An account, a Region, or a Region of an account that Slipway does not read for support stacks, and why.

    `account` and `region` are empty for all.
    """

    account: str
    region: str
    reason: str

    def covers(self, account: str, region: str = "") -> bool:
        """Return whether the Region of the account is excluded; without a Region, whether the account is."""
        return self.account in ("", account) and self.region in ("", region)

    def __str__(self) -> str:
        place = self.region if not self.account else "/".join(filter(None, (self.account, self.region)))
        return f"{place} is excluded: {self.reason}"


@dataclass(frozen=True)
class Setting:
    """A setting with its type, default, and description."""

    name: str
    type: type
    default: Any
    help: str

    @property
    def variable(self) -> str:
        return f"SLIPWAY_{self.name.upper()}"


SETTINGS = (
    Setting(
        "cloud",
        str,
        "embedded",
        "`embedded` for the local embedded cloud, `aws` for AWS with the credentials of the environment",
    ),
    Setting("data", Path, Path(".slipway"), "Folder for local state: embedded cloud, audit file, caches"),
    Setting("home_region", str, "eu-west-1", "Default region"),
    Setting(
        "regions", tuple, ("eu-west-1", "us-east-1"), "Regions of every account that does not list its own"
    ),
    Setting("embedded_delay", float, 1.0, "Seconds the embedded cloud takes to create or modify a database"),
    Setting("poll_seconds", int, 60, "Polling interval of new snapshot pipelines, in seconds"),
    Setting("concurrency", int, 16, "Maximum number of accounts and regions read in parallel"),
    Setting(
        "logs",
        tuple,
        (),
        "Exported logs to search: `s3://BUCKET/PREFIX`, or `ACCOUNT=s3://BUCKET/PREFIX` for a bucket of "
        "another account; `TYPE:` before `s3://` names the type of logs of AWS services, such as `alb`",
    ),
    Setting("logs_cache_gb", int, 10, "Maximum size of the local cache of exported logs, in GB"),
    Setting(
        "permissions_boundary",
        str,
        "",
        "Name of the IAM policy, in each account, that is the permissions boundary of the roles in Slipway's "
        "stacks; `slipway-stack-boundary` if Slipway works in the role slipway-workbench",
    ),
    Setting(
        "audit_group",
        str,
        "/slipway/audit",
        "Log group for the audit log, in the first account; if empty, a file in the `data` folder",
    ),
    Setting(
        "administrators", tuple, (), "Email addresses or groups with the role administrator; `*` for all"
    ),
    Setting("operators", tuple, (), "Email addresses or groups with the role operator; `*` for all"),
    Setting("viewers", tuple, (), "Email addresses or groups with the role viewer; `*` for all"),
    Setting(
        "local_role",
        Role,
        Role.ADMINISTRATOR,
        "Role on the command line and on pages served on localhost: viewer, operator, or administrator",
    ),
    Setting("roles_claim", str, "groups", "Claim of the identity token that lists a user's groups"),
    Setting("session_hours", int, 12, "Hours until a user must sign in again"),
    Setting(
        "hosts",
        tuple,
        (),
        "Host names at which the pages are served, besides localhost and the host of the redirect URI",
    ),
    Setting(
        "prove_accounts",
        tuple,
        (),
        "Names or IDs of the sandbox accounts in which `slipway prove` deploys, runs, and deletes "
        "everything; it works in no other account",
    ),
    Setting("prove_regions", tuple, (), "Regions in which `slipway prove` works. Default: the home Region"),
    Setting("log_level", Level, Level.WARNING, "Level of Slipway's own log: debug, info, warning, or error"),
)


@dataclass(frozen=True)
class Settings:
    """The effective settings. Without `accounts`, only the account of the credentials is used."""

    cloud: str = "embedded"
    data: Path = Path(".slipway")
    home_region: str = "eu-west-1"
    regions: tuple[str, ...] = ("eu-west-1", "us-east-1")
    embedded_delay: float = 1.0
    poll_seconds: int = 60
    concurrency: int = 16
    logs: tuple[str, ...] = ()
    logs_cache_gb: int = 10
    permissions_boundary: str = ""
    audit_group: str = "/slipway/audit"
    administrators: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    local_role: Role = Role.ADMINISTRATOR
    roles_claim: str = "groups"
    session_hours: int = 12
    hosts: tuple[str, ...] = ()
    prove_accounts: tuple[str, ...] = ()
    prove_regions: tuple[str, ...] = ()
    log_level: Level = Level.WARNING
    accounts: tuple[Account, ...] = ()
    excluded: tuple[Exclusion, ...] = ()

    @property
    def audit_file(self) -> Path:
        return self.data / "audit.jsonl"

    @property
    def embedded_data(self) -> Path:
        """State of the embedded cloud. A reset deletes this folder, but not the audit file next to it."""
        return self.data / "embedded"


def load(path: Path = FILE, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings from `path`, which may be missing, and the environment.

    Raises SettingsError, which names the invalid setting.
    """
    file = _read_file(path)
    file.check_keys("accounts", "excluded", *(setting.name for setting in SETTINGS))
    _check_variables(environ)
    accounts = file.table("accounts")
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.variable in environ:
            values[setting.name] = _convert(setting, environ[setting.variable], setting.variable)
        elif setting.name in file:
            where = f"{path}, line {file.line(setting.name)}: {setting.name}"
            _check_type(setting, file.values[setting.name], where)
            values[setting.name] = _convert(setting, file.values[setting.name], where)
    parsed = tuple(_parse_account(accounts.table(name)) for name in accounts.values)
    excluded = _parse_excluded(file.table("excluded"))
    return _validate(dataclasses.replace(Settings(accounts=parsed, excluded=excluded), **values))


def current(path: Path = FILE) -> Settings:
    """Return the settings like `load`; the file is read again only if it has changed."""
    try:
        stat = path.stat()
        version: tuple[int, ...] = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    except OSError:
        version = ()
    variables = tuple(sorted(pair for pair in os.environ.items() if pair[0].upper().startswith("SLIPWAY_")))
    return _load_version(path, version, variables)


@lru_cache(maxsize=4)
def _load_version(path: Path, version: tuple[int, ...], variables: tuple[tuple[str, str], ...]) -> Settings:
    return load(path, dict(variables))


def _read_file(path: Path) -> TomlTable:
    """Return the root table of the file, empty if there is no file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"Cannot read {path}: it is not UTF-8: {error}", hint="Save it as UTF-8 and retry."
        ) from error
    return read_toml(text, str(path), SettingsError)


def _check_variables(environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a variable that looks like a misspelled setting.

    Others pass: container platforms set variables such as SLIPWAY_SERVICE_HOST for a service of this name.
    """
    known = {setting.variable for setting in SETTINGS}
    for name in environ:
        if not name.upper().startswith("SLIPWAY_") or name in known:
            continue
        near = min(known, key=lambda variable: _distance(name.upper(), variable))
        if _distance(name.upper(), near) <= NEAR:
            raise SettingsError(
                f"The environment variable {name} is not a setting.",
                hint=f"Did you mean {near}? Rename or remove the variable.",
            )


def _distance(one: str, other: str) -> int:
    """Return how many letters must be added, removed, or changed to turn one text into the other."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row[0] = row[0], number
        for column, wanted in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (letter != wanted)),
            )
    return row[-1]


def _check_type(setting: Setting, value: Any, where: str) -> None:
    """Raise SettingsError for a value in the file that is of another TOML type."""
    if setting.type is tuple:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif setting.type is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif setting.type is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, str)
    if not fits:
        wanted = {tuple: "a list of strings", int: "an integer", float: "a number"}.get(
            setting.type, "a string"
        )
        raise SettingsError(f"{where} is {value!r}, which is not {wanted}.", hint=setting.help + ".")


def _convert(setting: Setting, value: Any, where: str) -> Any:
    try:
        if setting.type is tuple:
            return (
                tuple(value.replace(",", " ").split()) if isinstance(value, str) else tuple(map(str, value))
            )
        if setting.type is str and not isinstance(value, str):
            raise TypeError
        return setting.type(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{where} is {value!r}, which is not of type {setting.type.__name__}.", hint=setting.help + "."
        ) from error


def _parse_account(table: TomlTable) -> Account:
    table.check_keys("id", "role", "regions")
    return Account(
        name=str(table.path[-1]),
        id=table.text("id", like=r"\d{12}", means="an AWS account ID of 12 digits"),
        role=table.text("role", "", like=".*"),
        regions=table.texts("regions"),
    )


def _parse_excluded(table: TomlTable) -> tuple[Exclusion, ...]:
    exclusions = []
    for place in table.values:
        match = re.fullmatch(r"(?P<account>\d{12})?/?(?P<region>[a-z]{2}(-[a-z]+)+-\d)?", place)
        if not match or place in ("", "/"):
            raise table.mistake(
                place,
                "is not an account ID, a Region, or ACCOUNT/REGION.",
                'Write for example "ap-east-1" = "denied by a service control policy".',
            )
        reason = table.text(place, like=r".*\S.*", means="the reason")
        exclusions.append(Exclusion(match["account"] or "", match["region"] or "", reason))
    return tuple(exclusions)


def _validate(settings: Settings) -> Settings:
    if settings.cloud not in ("embedded", "aws"):
        raise SettingsError(
            f"cloud is {settings.cloud!r}, which is not supported.", hint="Set it to 'embedded' or 'aws'."
        )
    ids = [account.id for account in settings.accounts]
    if len(set(ids)) != len(ids):
        raise SettingsError("Two accounts have the same ID.", hint="List each account once in slipway.toml.")
    for name in ("poll_seconds", "concurrency", "session_hours"):
        if getattr(settings, name) < 1:
            raise SettingsError(
                f"{name} is {getattr(settings, name)}, which is too small.", hint="Set it to 1 or more."
            )
    return settings
