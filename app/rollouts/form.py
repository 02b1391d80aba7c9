"""A form that drafts a rollout file; the draft is then edited, looked at and started like any other."""

from pathlib import Path

import streamlit as st

from app.shared.components import show_error
from app.shared.session import Workbench
from ops.errors import Conflict, InputError, SlipwayError
from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse


def offer(bench: Workbench, folder: Path) -> None:
    """Writes the file and its template into the folder; overwrites nothing."""
    with st.expander("New rollout", icon=":material/add:", key="rollout-new"), st.form("rollout-form"):
        stack = st.text_input("Stack", key="draft-stack", help="its name in every target")
        upload = st.file_uploader("Template", ["json", "yaml", "yml", "template"], key="draft-template")
        names = {account.name: account.id for account in bench.cloud.accounts}
        accounts = st.multiselect("Accounts", list(names), list(names), key="draft-accounts")
        known = sorted({place.region for place in bench.cloud.places})
        regions = st.multiselect(
            "Regions, the quiet one first", known, known, key="draft-regions", accept_new_options=True
        )
        alarms = st.text_input("Alarms in every target, with commas", key="draft-alarms")
        if not st.form_submit_button("Draft the file"):
            return
        try:
            body = upload.getvalue().decode() if upload else ""
            chosen = [each.strip() for each in alarms.split(",") if each.strip()]
            _write(folder, stack.strip(), body, [names[name] for name in accounts], regions, chosen)
        except SlipwayError as error:
            show_error(error)
            return
    st.rerun()


def _write(
    folder: Path, stack: str, body: str, accounts: list[str], regions: list[str], alarms: list[str]
) -> None:
    if not body or not regions:
        raise InputError("A template and a region are needed.", hint="Choose both, then draft again.")
    path, template = folder / f"{stack}.toml", folder / f"{stack}.template.json"
    capabilities = ("CAPABILITY_NAMED_IAM",) if "AWS::IAM::" in body else ()
    made = Draft(stack, template.name, accounts, regions, regions[0], {}, capabilities, alarms)
    parse(made.to_toml(), path.name)  # also keeps a stack's name from leaving the folder
    if path.exists() or template.exists():
        raise Conflict(f"{path} exists already.", hint="Choose another stack's name, or edit that file.")
    folder.mkdir(parents=True, exist_ok=True)
    template.write_text(body, "utf-8")
    path.write_text(made.to_toml(), "utf-8")
