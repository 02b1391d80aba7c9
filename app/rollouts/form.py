"""The form that creates a rollout file, which is then edited, reviewed, and started like any other."""

from pathlib import Path

import streamlit as st

from app.shared.components import show_error
from app.shared.session import Workbench
from ops.errors import Conflict, InputError, SlipwayError
from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse


def show_form(bench: Workbench, folder: Path) -> None:
    """Show the form; write the file and its template into the folder. Existing files are not overwritten."""
    with (
        st.expander("Create rollout file", icon=":material/add:", key="rollout-new"),
        st.form("rollout-form"),
    ):
        stack = st.text_input("Stack name", key="draft-stack", help="The name of the stack in every target")
        upload = st.file_uploader("Template", ["json", "yaml", "yml", "template"], key="draft-template")
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
        if not st.form_submit_button("Create file"):
            return
        try:
            body = upload.getvalue().decode() if upload else ""
            alarm_names = [name.strip() for name in alarms.split(",") if name.strip()]
            _write(folder, stack.strip(), body, [names[name] for name in accounts], regions, alarm_names)
        except SlipwayError as error:
            show_error(error)
            return
    st.rerun()


def _write(
    folder: Path, stack: str, body: str, accounts: list[str], regions: list[str], alarms: list[str]
) -> None:
    if not body or not regions:
        raise InputError("A template and a region are required.", hint="Choose both and retry.")
    path, template = folder / f"{stack}.toml", folder / f"{stack}.template.json"
    capabilities = ("CAPABILITY_NAMED_IAM",) if "AWS::IAM::" in body else ()
    draft = Draft(stack, template.name, accounts, regions, regions[0], {}, capabilities, alarms)
    parse(draft.to_toml(), path.name)  # also rejects stack names that would leave the folder
    if path.exists() or template.exists():
        raise Conflict(f"{path} already exists.", hint="Choose another stack name, or edit the file.")
    folder.mkdir(parents=True, exist_ok=True)
    template.write_text(body, "utf-8")
    path.write_text(draft.to_toml(), "utf-8")
