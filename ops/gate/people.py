"""The user of a session, with the role that the settings give them now."""

from datetime import datetime

from ops.audit import Actor
from ops.gate.sessions import Session
from ops.settings import Settings
from ops.sign_in import identify


def actor_of(session: Session, settings: Settings, now: datetime, *, origin: str = "") -> Actor:
    """Return the user. Pass settings that were just loaded: they decide the role.

    Raises SessionExpired, and NotAllowed if the user has no role.
    """
    if session.claims is None:
        return Actor.local("page", settings.local_role)
    return identify(session.claims, settings, now, via="page", origin=origin)
