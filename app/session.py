"""The composition root: settings and Cloud, made once a process and shared by every page."""

from dataclasses import dataclass

import streamlit as st

from app.work import Works
from ops import settings
from ops.audit import Actor, AuditLog, FileAudit
from ops.aws.cloud import Cloud
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
        return Actor.local("page")


@st.cache_resource(show_spinner="Connecting…")
def workbench() -> Workbench:
    """Connects: to the embedded cloud, started where it does not run yet, or to AWS."""
    wanted = settings.load()
    embedded = wanted.cloud == "embedded"
    if embedded:
        from ops import embedded as emulator

        cloud = emulator.connect(wanted)
    else:
        cloud = Cloud(wanted)
    audit = FileAudit(cloud.settings.audit_file)
    return Workbench(cloud.settings, cloud, audit, Works(), embedded)
