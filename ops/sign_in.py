"""From the claims of an identity token to the person who acts, and the role that the settings give."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ops.audit import Actor
from ops.errors import NotAllowed, SessionExpired
from ops.roles import Role
from ops.settings import Settings

EVERYBODY = "*"


def identify(
    claims: Mapping[str, Any], settings: Settings, now: datetime, *, via: str, origin: str = ""
) -> Actor:
    """The actor that the claims name, with the highest role that the settings give to one of them.

    A name or group of the settings is compared with the claims `sub`, `email` (only where the provider has
    verified it) and the one that `roles_claim` names; `*` is everybody who can sign in. Raises
    SessionExpired when the token was issued longer than `session_hours` ago, or says no time; NotAllowed when
    no role is given.
    """
    issued = claims.get("iat")
    if not isinstance(issued, int | float) or now.timestamp() - issued > _longest(settings).total_seconds():
        raise SessionExpired(
            f"The sign-in is older than {settings.session_hours} hours.", hint="Sign in once more."
        )
    name = str(claims.get("email") or claims.get("preferred_username") or claims.get("sub") or "")
    known = _known(claims, settings.roles_claim)
    given = {
        Role.ADMINISTRATOR: settings.administrators,
        Role.OPERATOR: settings.operators,
        Role.VIEWER: settings.viewers,
    }
    for role, names in given.items():
        if known and (EVERYBODY in names or known & set(names)):
            return Actor(name, via, role, origin)
    raise NotAllowed(
        f"{name or 'This sign-in'} has no role in Slipway.",
        hint="Ask an administrator to name you, or a group of yours, in the setting viewers, operators or "
        "administrators.",
    )


def _longest(settings: Settings) -> timedelta:
    return timedelta(hours=settings.session_hours)


def _known(claims: Mapping[str, Any], roles_claim: str) -> set[str]:
    """Whatever the settings may name. An address that nobody has verified proves nothing."""
    found = [claims.get("sub")]
    if claims.get("email_verified") in (True, "true"):
        found.append(claims.get("email"))
    groups = claims.get(roles_claim)
    found += groups if isinstance(groups, list) else [groups]
    return {item for item in found if isinstance(item, str) and item}
