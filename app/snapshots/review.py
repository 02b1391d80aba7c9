"""The table of every column with its suggestion, the decisions, and the policy that they make.

Decisions are kept in the session. They are saved when the policy is deployed, which is an audited plan.
"""

import difflib
from collections.abc import Sequence

import streamlit as st

from app.shared import address
from app.shared.components import errors_shown, operation_button, plain, show_error, show_lines
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import count, visible
from app.snapshots.pipeline_form import POLICY
from ops.errors import InputError
from ops.operations import Operation
from ops.snapshots.pipeline.catalog import DeployedPipeline
from ops.snapshots.policy import review
from ops.snapshots.policy.review import Decisions, Name, ReviewRow, State
from ops.snapshots.report import SanitizingReport
from ops.snapshots.runs import control as runs

READ_TTL_S = 30
TABLE_HEIGHT = 420
DIFF_HEIGHT = 320
DESCRIBED = 5  # selected rows that are described one by one
SHOWN_KEYS = 5
_VERSION = "review-version"  # session key: a selection ends with the rows that it was made in
_DECIDED = "review-decisions"  # session key: the name of a stack, and its decisions
_ANY = "All"


@st.cache_data(ttl=READ_TTL_S, show_spinner="Loading suggestions…")
def _report(
    _bench: Workbench, _pipeline: DeployedPipeline, machine: str, run: str
) -> tuple[str, SanitizingReport]:
    """Return a run and its report: the run in the address, or the newest that has ended."""
    cloud = _bench.cloud
    ended = [
        each.name
        for each in runs.list_runs(cloud, _pipeline)
        if each.status != "RUNNING" and not runs.is_clean_up(each.name)
    ]
    name = run if run in ended else next(iter(ended), "")
    task = runs.read_run(cloud, _pipeline, name).task if name else ""
    return name, runs.report_from_lines(runs.task_log(cloud, _pipeline, task) if task else [])


def show_review(bench: Workbench, pipeline: DeployedPipeline, deployed: str, current: str) -> None:
    """Show the columns of the last run and of the policy. `current` is the policy in the form."""
    with errors_shown():
        run, report = _report(bench, pipeline, pipeline.machine, address.current().get("run", ""))
        rows = review.review_rows(current, report)
        if not rows:
            st.caption("The first run reports every column of the database. Its suggestions are shown here.")
            return
        decisions = _decisions(pipeline.name)
        is_open = bool(review.open_rows(rows, decisions) or decisions)
        with st.expander(_title(rows, decisions), icon=":material/rate_review:", expanded=is_open):
            if report.unlisted:
                st.caption(f"Suggestions from the run {plain(run)}. No value of the database is shown.")
            _show_table(pipeline.name, rows, decisions)
            _show_split_keys(rows, decisions)
            _show_policy(bench, rows, decisions, deployed, current)


def _decisions(stack: str) -> dict[Name, str]:
    """Return the decisions of this session for a stack."""
    of, decisions = st.session_state.get(_DECIDED, ("", {}))
    return decisions if of == stack else {}


def _decide(stack: str, decisions: dict[Name, str]) -> None:
    st.session_state[_DECIDED] = (stack, decisions)
    _end_selection()


def _end_selection() -> None:
    st.session_state[_VERSION] = st.session_state.get(_VERSION, 0) + 1


def _title(rows: Sequence[ReviewRow], decisions: Decisions) -> str:
    waiting = review.open_rows(rows, decisions)
    if not waiting:
        return f"Columns: {len(rows)}, none open"
    unjudged = sum(not row.has_suggestion for row in waiting)
    more = f", {unjudged} without a suggestion" if unjudged else ""
    return f"Columns: {len(waiting)} of {len(rows)} open{more}"


def _show_table(stack: str, rows: Sequence[ReviewRow], decisions: dict[Name, str]) -> None:
    """Show the rows that the filters select, and what can be decided for them."""
    shown = review.by_urgency(_filtered(rows, decisions), decisions)
    confident = review.accept_confident(shown, decisions)
    number = len(confident) - len(decisions)
    st.button(
        f"Accept {count(number, 'suggestion')} of at least {review.HIGH:.0%} confidence",
        icon=":material/done_all:",
        disabled=not number,
        on_click=_decide,
        args=(stack, confident),
        key="review-accept-confident",
    )
    if not shown:
        st.caption("No matching columns.")
        return
    event = show_table(
        [_cells(row, decisions) for row in shown],
        key=f"review-{st.session_state.get(_VERSION, 0)}",
        height=TABLE_HEIGHT if len(shown) > 11 else "auto",
        on_select="rerun",
        selection_mode="multi-row",
    )
    if selected := [shown[index] for index in event.selection.rows if index < len(shown)]:
        _show_selected(stack, selected, decisions)
    else:
        st.caption("Select rows to accept, change, or keep them.")


def _filtered(rows: Sequence[ReviewRow], decisions: Decisions) -> list[ReviewRow]:
    with st.container(horizontal=True):
        table = _filter("Table", [row.table for row in rows])
        cls = _filter("Class", [row.cls for row in rows])
        state = _filter("State", [row.state(decisions) for row in rows])
    return [
        row
        for row in rows
        if table in (_ANY, row.table) and cls in (_ANY, row.cls) and state in (_ANY, row.state(decisions))
    ]


def _filter(label: str, values: Sequence[str]) -> str:
    key = f"review-filter-{label}"
    options = [_ANY, *sorted(set(map(str, values)))]
    if st.session_state.get(key, _ANY) not in options:
        st.session_state[key] = _ANY
    return str(
        st.selectbox(label, options, key=key, format_func=visible, on_change=_end_selection, width=220)
    )


def _cells(row: ReviewRow, decisions: Decisions) -> dict[str, str]:
    state = row.state(decisions)
    return {
        "Table": row.table,
        "Column": row.column,
        "Type": row.type or "–",
        "Class": row.cls,
        "Confidence": f"{row.confidence:.0%}" if row.confidence else "–",
        "Suggestion": row.suggested or "–",
        "Treatment": "–" if state == State.OPEN else row.treatment(decisions),
        "State": state,
        "Reason": row.reason,
        "Example of a fake": row.example(decisions),
    }


def _show_selected(stack: str, selected: Sequence[ReviewRow], decisions: dict[Name, str]) -> None:
    with st.container(border=True):
        described = [_description(row) for row in selected[:DESCRIBED]]
        if more := len(selected) - DESCRIBED:
            described += [f"- {count(more, 'more column')}"] if more > 0 else []
        st.markdown("\n".join(described))
        accepted = review.accept(selected, decisions)
        reopened = {name: text for name, text in decisions.items() if name not in {r.name for r in selected}}
        with st.container(horizontal=True):
            _button("Accept suggestion", "check", stack, accepted, decisions)
            _button("Reopen", "undo", stack, reopened, decisions)
        left, right = st.columns(2)
        with left:
            _ask_treatment(stack, selected, decisions)
        with right:
            _ask_reason(stack, selected, decisions)


def _description(row: ReviewRow) -> str:
    confidence = f", {row.confidence:.0%}" if row.confidence else ""
    suggested = f" · suggested: {plain(row.suggested)}" if row.suggested else ""
    name = plain(review.full_name(row.name))
    return f"- **{name}** {plain(row.type)} · {plain(row.cls)}{confidence}: {plain(row.reason)}{suggested}"


def _button(label: str, icon: str, stack: str, changed: dict[Name, str], decisions: Decisions) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        disabled=changed == decisions,
        on_click=_decide,
        args=(stack, changed),
        key=f"review-{label}",
    )


def _ask_treatment(stack: str, selected: Sequence[ReviewRow], decisions: dict[Name, str]) -> None:
    with st.form("review-change", border=False):
        treatment = st.selectbox(
            "Treatment",
            review.shared_choices(selected),
            format_func=lambda choice: f"{choice}(empty)" if choice == "constant " else choice,
            placeholder="No treatment fits the types of all selected columns",
            key="review-treatment",
        )
        if st.form_submit_button("Change treatment", icon=":material/edit:", disabled=not treatment):
            _decide(stack, {**decisions, **{row.name: treatment for row in selected}})
            st.rerun()


def _ask_reason(stack: str, selected: Sequence[ReviewRow], decisions: dict[Name, str]) -> None:
    with st.form("review-keep", border=False):
        reason = st.text_input(
            "Reason to keep the values", placeholder="the names of our own products", key="review-reason"
        )
        paths = any(row.is_path for row in selected)
        if st.form_submit_button("Keep values", icon=":material/lock_open:", disabled=paths):
            try:
                kept = review.keep(selected, reason, decisions)
            except InputError as error:
                show_error(error)
                return
            _decide(stack, kept)
            st.rerun()


def _show_split_keys(rows: Sequence[ReviewRow], decisions: Decisions) -> None:
    pairs = review.split_keys(rows, decisions)
    if pairs:
        named = [
            f"- {plain(review.full_name(child.name))}: {plain(child.treatment(decisions))}. "
            f"{plain(review.full_name(parent.name))}: {plain(parent.treatment(decisions))}."
            for child, parent in pairs[:SHOWN_KEYS]
        ]
        st.warning(
            f"{count(len(pairs), 'foreign key')} with different treatments of its columns: a run fails. "
            "Give both the same treatment.\n\n" + "\n".join(named),
            icon=":material/key:",
        )


def _show_policy(
    bench: Workbench, rows: Sequence[ReviewRow], decisions: Decisions, deployed: str, current: str
) -> None:
    """Show how the decisions change the deployed policy, and the button that puts them into the form."""
    policy = review.reviewed_policy(current, rows, decisions)
    waiting = len(review.open_rows(rows, decisions))
    if policy != deployed:
        with st.expander("Changes of the policy"):
            show_lines(_diff(deployed, policy), DIFF_HEIGHT, "diff")
    if waiting:
        st.caption(f"{count(waiting, 'open column')}: a policy with an open review cannot be deployed.")
    operation_button(
        bench,
        Operation.PREPARE_STACK,
        "Update policy",
        icon=":material/edit_note:",
        disabled=policy == current,
        on_click=_put,
        args=(policy,),
        key="review-update",
        help="Writes the decisions into the policy below. Preview and deploy the changes to save it.",
    )


def _put(policy: str) -> None:
    st.session_state[POLICY] = policy
    st.session_state.pop(_DECIDED, None)
    _end_selection()


def _diff(before: str, after: str) -> str:
    old, new = (visible(text).splitlines() for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "deployed policy", "new policy", lineterm=""))
