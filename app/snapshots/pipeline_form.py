"""The form with the settings of a snapshot pipeline, and the table of changes of its preview."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from app.shared.components import plain
from app.shared.session import Workbench
from app.shared.tables import show_table
from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import Change
from ops.aws.network import Subnet
from ops.errors import InputError
from ops.operations import Operation
from ops.snapshots.compiler import METHODS
from ops.snapshots.pipeline.model import COMPATIBLE, NAME_FIELDS, NAME_FORMAT, PipelineSettings, snapshot_name

POLICY = "policy"  # session key: the text of the policy in the form
POLICY_HEIGHT = 360
METHOD_CAPTIONS = (
    "Changes the copy and rewrites its tables. One temporary database; fastest if few tables are treated.",
    "Sends sanitized rows to a new, empty database, which becomes the snapshot: nothing of the original "
    "storage or log is in it. Two temporary databases. Takes about as long as a dump and a restore.",
)
FIRST_POLICY = """\
# List every table and column with a treatment: keep, null, hash, constant TEXT, shift DAYS by COLUMN, or
# fake KIND. Kinds: address, card, city, company, email, first_name, ip, last_name, name, phone, postcode,
# text, url, username. If the database has unlisted columns, a run fails and reports them.
version = 1
engine = "{engine}"
unlisted = "fail"

# [tables.customers]
# id = "keep"
# email = "fake email"
# notes = "null"

# [tables.audit_log]
# "*" = "truncate"
"""


def default_settings(
    database: str, engine: str, subnets: Sequence[Subnet], poll_seconds: int
) -> PipelineSettings:
    """Return the initial settings for a database without a pipeline."""
    first = subnets[0] if subnets else None
    pair = [subnet.id for subnet in subnets if first and subnet.vpc == first.vpc][:2]
    return PipelineSettings(
        database=database,
        policy=FIRST_POLICY.replace("{engine}", COMPATIBLE.get(engine, engine)),
        vpc=first.vpc if first else "",
        subnets=(pair[0], pair[1]) if len(pair) == 2 else ("", ""),
        poll_seconds=poll_seconds,
    )


def current_policy(start: PipelineSettings) -> str:
    """Return the policy in the form: the initial one until somebody changes it."""
    return str(st.session_state.setdefault(POLICY, start.policy))


def show_form(
    bench: Workbench, place: Place, start: PipelineSettings, subnets: Sequence[Subnet]
) -> PipelineSettings | None:
    """Show the form. Return the settings when *Preview changes* is clicked. Raises InputError."""
    current_policy(start)
    policy = st.text_area("Sanitization policy", height=POLICY_HEIGHT, key=POLICY)
    with st.form("pipeline", border=False):
        method = st.radio(
            "Method",
            METHODS,
            index=METHODS.index(start.method),
            captions=METHOD_CAPTIONS,
            format_func=str.capitalize,
        )
        shares = _ask_shares(bench, place, start)
        chosen = _ask_subnets(start, subnets)
        with st.expander("More settings"):
            more = _ask_more(start)
        refusal = Operation.PREPARE_STACK.refusal(bench.actor.role)
        pressed = st.form_submit_button(
            "Preview changes",
            type="primary",
            icon=":material/difference:",
            disabled=bool(refusal),
            help=refusal or None,
        )
    if not pressed:
        return None
    if len(chosen) != 2:
        raise InputError(
            "The pipeline needs two subnets.",
            field="subnets",
            hint="Choose two subnets in different Availability Zones.",
        )
    vpc = next(subnet.vpc for subnet in subnets if subnet.id == chosen[0])
    return replace(
        more, policy=policy, method=method, share_with=shares, vpc=vpc, subnets=(chosen[0], chosen[1])
    )


def _ask_shares(bench: Workbench, place: Place, start: PipelineSettings) -> tuple[str, ...]:
    names = {account.name: account.id for account in bench.cloud.accounts if account != place.account}
    known = [name for name, id_ in names.items() if id_ in start.share_with]
    others = [id_ for id_ in start.share_with if id_ not in names.values()]
    left, right = st.columns(2)
    picked = left.multiselect("Share with", list(names), default=known, placeholder="No account")
    typed = right.text_input(
        "Other account IDs", ", ".join(others), placeholder="12 digits each, separated by commas"
    )
    return tuple(dict.fromkeys([*(names[name] for name in picked), *typed.replace(",", " ").split()]))


def _ask_subnets(start: PipelineSettings, subnets: Sequence[Subnet]) -> list[str]:
    labels = {subnet.id: _subnet_label(subnet) for subnet in subnets}
    return st.multiselect(
        "Subnets of the temporary database and the task",
        list(labels),
        default=[id_ for id_ in start.subnets if id_ in labels],
        format_func=lambda id_: labels[id_],
        max_selections=2,
    )


def _subnet_label(subnet: Subnet) -> str:
    name = f"{subnet.name} · " if subnet.name else ""
    return f"{name}{subnet.id} · {subnet.zone} · {subnet.vpc}{' · public' if subnet.public else ''}"


def _ask_more(start: PipelineSettings) -> PipelineSettings:
    left, right = st.columns(2)
    with left:
        latest = st.checkbox(
            "Use the latest snapshot instead of taking a new one", value=start.use_latest_snapshot
        )
        database_name = st.text_input(
            "Database name", start.database_name, placeholder="Default: initial database"
        )
        name_format = st.text_input(
            "Snapshot name", start.name_format, help=f"Available fields, in braces: {', '.join(NAME_FIELDS)}."
        )
        st.caption(_example(name_format, start.database))
        keep = st.number_input("Snapshots to keep", 1, 100, start.keep)
        fake_secret = st.text_input(
            "Fake secret",
            start.fake_secret,
            placeholder="Secret ARN. Default: a new secret in each run",
            help="Pipelines with the same secret of Secrets Manager create the same fakes in every run.",
        )
        kms_key = st.text_input("KMS key", start.kms_key, placeholder="Key ARN. Default: key of the source")
    with right:
        schedule = st.text_input("Schedule (UTC)", start.schedule, placeholder="cron(0 3 ? * MON *)")
        email = st.text_input("Notification email", start.notify_email, placeholder="name@example.com")
        instance_class = st.text_input(
            "Instance class of the copy", start.instance_class, placeholder="Default: class of the source"
        )
        poll = st.number_input("Polling interval (s)", 1, 600, start.poll_seconds)
        public = st.checkbox("Assign a public IP to the task", value=start.assign_public_ip)
    return replace(
        start,
        database_name=database_name.strip(),
        use_latest_snapshot=latest,
        name_format=name_format.strip() or NAME_FORMAT,
        kms_key=kms_key.strip(),
        fake_secret=fake_secret.strip(),
        keep=int(keep),
        schedule=schedule.strip(),
        notify_email=email.strip(),
        assign_public_ip=public,
        instance_class=instance_class.strip(),
        poll_seconds=int(poll),
    )


def _example(name_format: str, database: str) -> str:
    try:
        return f"Example: {plain(snapshot_name(name_format, database, datetime.now(UTC)))}"
    except InputError as error:
        return f":red[{plain(str(error))}]"


def show_changes(changes: Sequence[Change]) -> None:
    """Show a change set as a table. Changes that lose data come first."""
    rows = [
        {
            "Action": _change_word(change),
            "Resource": change.logical_id,
            "Type": change.kind,
            "Changed properties": ", ".join(change.properties),
        }
        for change in sorted(changes, key=lambda change: (not change.is_destructive, change.logical_id))
    ]
    show_table(rows, key="changes")


def _change_word(change: Change) -> str:
    words = {"Add": "Add", "Modify": "Modify", "Remove": "REMOVE"}
    if change.action == "Modify" and change.is_destructive:
        return "REPLACE" if change.replacement == "True" else "May REPLACE"
    return words.get(change.action, change.action.lower())
