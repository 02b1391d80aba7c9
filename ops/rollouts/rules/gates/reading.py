"""Reads the keys `approval` and `hooks` of a [[stage]].

approval = { role = "administrator", expires = "2d" }

[[stage.hooks.before]]
lambda = "slipway-hook-smoke"         # or state_machine = "slipway-hook-load", or url = "https://…"
timeout = "2m"
failure = "pause"                     # default: "roll back"
"""

import ipaddress
from datetime import timedelta
from urllib.parse import urlsplit

from ops.rollouts.rules.gates.model import (
    HOOK_NAMES,
    ROLES,
    Approval,
    FailureAction,
    Hook,
    HookKind,
    Hooks,
)
from ops.text.toml_tables import TomlTable

EXPIRES = timedelta(days=7)  # as the manual approval of CodePipeline
# The defaults, and the longest. The controller waits in a Lambda function for all but a state machine.
TIMEOUTS = {
    HookKind.LAMBDA: (timedelta(minutes=2), timedelta(minutes=4)),
    HookKind.STATE_MACHINE: (timedelta(hours=1), timedelta(days=1)),
    HookKind.URL: (timedelta(seconds=10), timedelta(minutes=1)),
}
MAX_HOOKS = 5  # before a stage, and after it
# Lambda allows 64 characters in the name of a function, Step Functions 80 in that of a state machine.
_NAME = {"like": HOOK_NAMES + r"[-A-Za-z0-9_]{1,50}", "means": f"a name that starts with {HOOK_NAMES}"}
_URL = {"like": r"https://[!-~]{1,500}", "means": "a URL that starts with https://"}


def approval(table: TomlTable) -> Approval | None:
    """Return who has to approve the stage; None if nobody has to."""
    if "approval" not in table:
        return None
    own = table.table("approval")
    own.check_keys("role", "expires")
    role = own.choice("role", *ROLES)
    expires = own.duration("expires", EXPIRES)
    if not expires:
        raise own.mistake("expires", "is zero.", "Write how long people have to decide, such as 2d.")
    return Approval(role, expires)


def hooks(table: TomlTable, stage: str) -> Hooks:
    """Return the hooks of the stage of that name."""
    if "hooks" not in table:
        return Hooks()
    own = table.table("hooks")
    own.check_keys("before", "after")
    return Hooks(_hooks(own, "before", stage), _hooks(own, "after", stage))


def _hooks(table: TomlTable, key: str, stage: str) -> tuple[Hook, ...]:
    found = table.tables(key)
    if len(found) > MAX_HOOKS:
        raise table.mistake(key, f"has {len(found)} hooks.", f"Write at most {MAX_HOOKS}.")
    return tuple(_hook(hook, f"{stage}/{key}/{number}") for number, hook in enumerate(found, start=1))


def _hook(table: TomlTable, id_: str) -> Hook:
    table.check_keys(*HookKind, "timeout", "failure")
    kinds = [kind for kind in HookKind if kind in table]
    if len(kinds) != 1:
        raise table.mistake(
            "", "needs exactly one of lambda, state_machine, and url.", f'Write lambda = "{HOOK_NAMES}smoke".'
        )
    (kind,) = kinds
    calls = table.text(kind, **(_URL if kind is HookKind.URL else _NAME))
    if kind is HookKind.URL:
        _check_url(table, calls)
    default, longest = TIMEOUTS[kind]
    timeout = table.duration("timeout", default)
    if not timedelta(0) < timeout <= longest:
        minutes = int(longest.total_seconds() // 60)
        raise table.mistake("timeout", "is out of range.", f"Write a duration of at most {minutes} minutes.")
    return Hook(id_, kind, calls, timeout, FailureAction(table.choice("failure", *FailureAction)))


def _check_url(table: TomlTable, url: str) -> None:
    """Refuse what can be seen without looking up the host; its addresses are checked at every call."""
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:
        host, port, user = "", 0, None
    if not host or port == 0 or user is not None:
        raise table.mistake("url", f"is {url!r}.", "Write a URL such as https://shop.example.com/health.")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not address.is_global:
        raise table.mistake("url", "is not a public address.", "Use a Lambda function to check it.")
