"""Every setting once, and where its value comes from.

Precedence: environment (`SLIPWAY_<NAME>`), then `slipway.toml`, then the default.
"""

import dataclasses
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import SettingsError
from ops.roles import Role

FILE = Path("slipway.toml")


@dataclass(frozen=True)
class Account:
    """An AWS account that Slipway works in. `role` is assumed there; empty means the own credentials."""

    name: str
    id: str
    role: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """One setting as the docs and the settings page show it."""

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
        "`embedded` for the cloud on this machine, `aws` for AWS with the credentials of the environment",
    ),
    Setting(
        "data", Path, Path(".slipway"), "Folder for local state: the embedded cloud, the audit file, caches"
    ),
    Setting("home_region", str, "eu-west-1", "Region that a page opens on"),
    Setting(
        "regions", tuple, ("eu-west-1", "us-east-1"), "Regions that are looked at where an account names none"
    ),
    Setting(
        "embedded_delay", float, 1.0, "Seconds that the embedded cloud takes to create or change a database"
    ),
    Setting("poll_seconds", int, 60, "Seconds between two looks of a new pipeline at a database"),
    Setting("concurrency", int, 16, "AWS calls at once when many accounts and regions are read"),
    Setting(
        "logs",
        tuple,
        (),
        "Exported logs to search: `s3://BUCKET/PREFIX`, or `ACCOUNT=s3://BUCKET/PREFIX` of that account",
    ),
    Setting("logs_cache_gb", int, 10, "GB of exported logs that are kept on this machine at most"),
    Setting(
        "audit_group",
        str,
        "/slipway/audit",
        "Log group of the first account that holds the audit; empty for a file in the folder for local state",
    ),
    Setting("administrators", tuple, (), "Who may change everything, by address or group; `*` is everybody"),
    Setting("operators", tuple, (), "Who may run what is set up, by address or group; `*` is everybody"),
    Setting("viewers", tuple, (), "Who may look, by address or group; `*` is everybody"),
    Setting(
        "local_role",
        Role,
        Role.ADMINISTRATOR,
        "Role of the command line and of the pages on this machine alone: viewer, operator or administrator",
    ),
    Setting("roles_claim", str, "groups", "Claim of the identity token that names a person's groups"),
    Setting("session_hours", int, 12, "Hours after which a person signs in anew"),
)


@dataclass(frozen=True)
class Settings:
    """The settings in force. `accounts` is empty when AWS is used with the credentials' own account only."""

    cloud: str = "embedded"
    data: Path = Path(".slipway")
    home_region: str = "eu-west-1"
    regions: tuple[str, ...] = ("eu-west-1", "us-east-1")
    embedded_delay: float = 1.0
    poll_seconds: int = 60
    concurrency: int = 16
    logs: tuple[str, ...] = ()
    logs_cache_gb: int = 10
    audit_group: str = "/slipway/audit"
    administrators: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    local_role: Role = Role.ADMINISTRATOR
    roles_claim: str = "groups"
    session_hours: int = 12
    accounts: tuple[Account, ...] = ()

    @property
    def audit_file(self) -> Path:
        return self.data / "audit.jsonl"

    @property
    def embedded_data(self) -> Path:
        """Where the embedded cloud keeps its state; a reset deletes it, the audit beside it stays."""
        return self.data / "embedded"


def load(path: Path = FILE, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `path` (may be absent) and the environment. Raises SettingsError naming the culprit."""
    document = _read(path)
    accounts = tuple(_account(name, table) for name, table in document.pop("accounts", {}).items())
    known = {setting.name: setting for setting in SETTINGS}
    if unknown := sorted(set(document) - set(known)):
        raise SettingsError(
            f"{path}: unknown setting {unknown[0]!r}.", hint=f"Known settings: {', '.join(sorted(known))}."
        )
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.variable in environ:
            values[setting.name] = _convert(setting, environ[setting.variable], setting.variable)
        elif setting.name in document:
            values[setting.name] = _convert(setting, document[setting.name], f"{path}: {setting.name}")
    return _checked(dataclasses.replace(Settings(accounts=accounts), **values))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is not valid TOML: {error}", hint="Mend that line or remove it."
        ) from error


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
            f"{where} is {value!r}, which is not a {setting.type.__name__}.", hint=setting.help + "."
        ) from error


def _account(name: str, table: Any) -> Account:
    where = f"accounts.{name}"
    if not isinstance(table, dict) or not re.fullmatch(r"\d{12}", str(table.get("id", ""))):
        raise SettingsError(
            f"{where}: id is not an AWS account id.", hint='Write 12 digits in quotes: id = "123456789012".'
        )
    if unknown := sorted(set(table) - {"id", "role", "regions"}):
        raise SettingsError(
            f"{where}: unknown key {unknown[0]!r}.", hint="An account has id, role and regions."
        )
    return Account(name, table["id"], table.get("role", ""), tuple(table.get("regions", ())))


def _checked(settings: Settings) -> Settings:
    if settings.cloud not in ("embedded", "aws"):
        raise SettingsError(f"cloud is {settings.cloud!r}.", hint="It is either 'embedded' or 'aws'.")
    ids = [account.id for account in settings.accounts]
    if len(set(ids)) != len(ids):
        raise SettingsError("Two accounts have the same id.", hint="Name each account once in slipway.toml.")
    for name in ("poll_seconds", "concurrency", "session_hours"):
        if getattr(settings, name) < 1:
            raise SettingsError(f"{name} is {getattr(settings, name)}.", hint="It is at least 1.")
    return settings
