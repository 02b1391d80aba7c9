"""The form that creates a rollout file, which is then edited, reviewed, and started like any other."""

from pathlib import Path

import streamlit as st

from app.shared.components import perform_call, show_error
from app.shared.session import Workbench
from ops.errors import Conflict, InputError, SlipwayError
from ops.operations import Operation
from ops.plan import AuditedCall
from ops.rollouts.draft import Draft
from ops.rollouts.writing import SUFFIXES, check_template, team_folder, write_call


def show_form(bench: Workbench, shipped: Path) -> None:
    """Show the form; write the file and its template into the team's folder.

    A name that the folder `shipped` has is refused. Only who may write the file can upload a template.
    """
    refusal = Operation.WRITE_ROLLOUT.refusal(bench.actor.role)
    with (
        st.expander("Create rollout file", icon=":material/add:", key="rollout-new"),
        st.form("rollout-form"),
    ):
        stack = st.text_input("Stack name", key="draft-stack", help="The name of the stack in every target")
        upload = st.file_uploader(
            "Template", [suffix[1:] for suffix in SUFFIXES], key="draft-template", disabled=bool(refusal)
        )
        names = {account.name: account.id for account in bench.cloud.accounts}
        accounts = st.multiselect("Accounts", list(names), list(names), key="draft-accounts")
        known = sorted({place.region for place in bench.cloud.places})
        regions = st.multiselect(
            "Regions (the first is deployed first)",
            known,
            known,
            key="draft-regions",
            accept_new_options=True,
        )
        alarms = st.text_input("Alarms in every target (comma-separated)", key="draft-alarms")
        if not st.form_submit_button("Create file", disabled=bool(refusal), help=refusal or None):
            return
        try:
            if not upload:
                raise InputError("A template is required.", field="template", hint="Choose a file and retry.")
            body = check_template(upload.name, upload.getvalue())
            alarm_names = [name.strip() for name in alarms.split(",") if name.strip()]
            chosen = [names[name] for name in accounts]
            call = _write_call(
                team_folder(bench.settings), shipped, stack.strip(), body, chosen, regions, alarm_names
            )
            perform_call(bench, call)
        except SlipwayError as error:
            show_error(error)
            return
    st.rerun()


def _write_call(
    folder: Path,
    shipped: Path,
    stack: str,
    body: str,
    accounts: list[str],
    regions: list[str],
    alarms: list[str],
) -> AuditedCall[Path]:
    if not regions:
        raise InputError("A region is required.", field="regions", hint="Choose a region and retry.")
    capabilities = ("CAPABILITY_NAMED_IAM",) if "AWS::IAM::" in body else ()
    draft = Draft(stack, f"{stack}.template.json", accounts, regions, regions[0], {}, capabilities, alarms)
    call = write_call(folder, stack, draft, body)
    if (shipped / f"{stack}.toml").exists():
        raise Conflict(f"{stack}.toml already exists.", hint="Choose another stack name, or edit the file.")
    return call
