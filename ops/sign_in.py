"""Map the claims of an identity token to a user and a role."""

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
    """Return the user that the claims identify, with the highest role that the settings assign to them.

    The names in the settings are compared with the claims `sub`, `email` (only if the provider has verified
    it), and `roles_claim`; `*` matches everybody who can sign in. Raises SessionExpired if the token was
    issued longer than `session_hours` ago or has no time of issue, and NotAllowed if the user has no role.
    """
    issued = claims.get("iat")
    lifetime = timedelta(hours=settings.session_hours)
    if not isinstance(issued, int | float) or now.timestamp() - issued > lifetime.total_seconds():
        raise SessionExpired(
            f"Your session is older than {settings.session_hours} hours.", hint="Sign in again."
        )
    name = str(claims.get("email") or claims.get("preferred_username") or claims.get("sub") or "")
    identities = _identities(claims, settings.roles_claim)
    assigned = {
        Role.ADMINISTRATOR: settings.administrators,
        Role.OPERATOR: settings.operators,
        Role.VIEWER: settings.viewers,
    }
    for role, names in assigned.items():
        if identities and (EVERYBODY in names or identities & set(names)):
            return Actor(name, via, role, origin)
    raise NotAllowed(
        f"{name or 'This user'} has no role in Slipway.",
        hint="Ask an administrator to add you or one of your groups to the setting viewers, operators, or "
        "administrators.",
    )


def _identities(claims: Mapping[str, Any], roles_claim: str) -> set[str]:
    """Return the names by which the settings can list the user: never an unverified email address."""
    names = [claims.get("sub")]
    if claims.get("email_verified") in (True, "true"):
        names.append(claims.get("email"))
    groups = claims.get(roles_claim)
    names += groups if isinstance(groups, list) else [groups]
    return {name for name in names if isinstance(name, str) and name}
