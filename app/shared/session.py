"""The composition root: settings and Cloud, made once a process and shared by every page."""

from dataclasses import dataclass

import streamlit as st

from app.shared import access
from app.shared.work import Works
from ops import settings
from ops.audit import Actor, AuditLog
from ops.aws.cloud import Cloud
from ops.aws.logs.audit_trail import open_audit
from ops.connect import connect
from ops.settings import Settings


@dataclass(frozen=True)
class Workbench:
    """What a page works with."""

    settings: Settings
    cloud: Cloud
    audit: AuditLog
    works: Works
    embedded: bool

    @property
    def actor(self) -> Actor:
        """Whoever is at the page that asks. Raises NotAllowed where nobody may act."""
        return access.actor(self.settings)


@st.cache_resource(show_spinner="Connecting…")
def workbench() -> Workbench:
    """Connects: to the embedded cloud, started where it does not run yet, or to AWS."""
    wanted = settings.load()
    cloud = connect(wanted)
    return Workbench(cloud.settings, cloud, open_audit(cloud), Works(), wanted.cloud == "embedded")
