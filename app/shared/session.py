"""The composition root: settings and Cloud, created once per process and shared by all pages."""

from dataclasses import dataclass

import streamlit as st

from app.shared import access
from app.shared.plans.runs import PlanRuns
from ops import settings
from ops.audit import Actor, AuditLog
from ops.aws.cloud import Cloud
from ops.aws.logs.audit_trail import open_audit
from ops.connect import connect
from ops.settings import Settings


@dataclass(frozen=True)
class Workbench:
    """The services that a page uses."""

    settings: Settings
    cloud: Cloud
    audit: AuditLog
    plan_runs: PlanRuns
    embedded: bool

    @property
    def actor(self) -> Actor:
        """The current user, with the role of this moment. Raises NotAllowed if there is none."""
        return access.current_actor()


def workbench() -> Workbench:
    """Return the services of a page. Every page begins with this call.

    Raises NotAllowed if the request did not pass the gate, or the user has no role.
    """
    access.current_actor()
    return _connect()


@st.cache_resource(show_spinner="Connecting…")
def _connect() -> Workbench:
    """Connect to AWS or to the embedded cloud, which is started if it is not running."""
    configured = settings.load()
    cloud = connect(configured)
    return Workbench(cloud.settings, cloud, open_audit(cloud), PlanRuns(), configured.cloud == "embedded")
