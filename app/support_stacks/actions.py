"""What the page Support stacks can do: the clean-up, the shared buckets, the way of a pipeline to them."""

from collections.abc import Sequence

import streamlit as st

from app.shared.components import confirm_plan, empty_state, errors_shown, plain, show_error
from app.shared.dialogs import close_dialog, dialog
from app.shared.plan_panel import show_plan_panel
from app.shared.plan_runs import PlanRun
from app.shared.session import Workbench
from app.shared.words import count
from app.support_stacks.scan import Scan
from app.support_stacks.views import label
from ops.aws.cloud import Cloud
from ops.errors import SlipwayError
from ops.plan import Plan
from ops.settings import Account
from ops.support_stacks import cdk_code, migration
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import Wishes
from ops.support_stacks.liveness import Graph, Kind, State, Verdict
from ops.support_stacks.replication import Shared, plan_replication, read_shared

CLEAN_UP, SET_UP = "Clean up", "Set up shared replication"
LOOK_S = 1.0
SHARED_TTL_S = 30


def is_outdated(bench: Workbench, reading: Scan) -> bool:
    """Whether a clean-up has ended since the inventory was read."""
    work = _latest(bench, CLEAN_UP)
    if work is None or work.running or not work.progress or reading.begun is None:
        return False
    return work.progress[-1].at > reading.begun


def show_clean_up(bench: Workbench, graph: Graph, *, outdated: bool) -> None:
    """Choose, see the plan, confirm; or the plan under way. What is outdated is read again before a plan."""
    work = _latest(bench, CLEAN_UP)
    if work:
        _show_work(bench, work, "support-clean-up")
    dead = _choices(graph)
    if not dead:
        empty_state(
            "There is nothing to clean up",
            "What is orphaned would be offered here, with a plan that says what is deleted and why.",
        )
        return
    keys = {verdict.key: verdict for verdict in dead}
    if st.session_state.get("clean-up-offered") != list(keys):  # what is new is chosen as well
        st.session_state.update({"clean-up-offered": list(keys), "clean-up-chosen": list(keys)})
    chosen = st.multiselect(
        "What to delete",
        list(keys),
        format_func=lambda key: label(graph, keys[key]),
        key="clean-up-chosen",
        help="A support stack brings what is in it.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        archive = st.text_input(
            "Archive to bucket", key="clean-up-archive", placeholder="none: contents are lost", width=320
        )
        unprotect = st.checkbox("Turn termination protection off", key="clean-up-unprotect")
    busy = outdated or (work is not None and work.running)
    if st.button("Show plan", type="primary", key="clean-up-plan", disabled=not chosen or busy):
        with errors_shown():
            wishes = Wishes(archive=archive.strip(), unprotect=unprotect)
            _confirm(bench, plan_clean_up(bench.cloud, graph, chosen, wishes), "Clean up")


def _choices(graph: Graph) -> list[Verdict]:
    """Stacks, and what is orphaned without one: the rest goes with its stack."""
    return [v for v in graph.of(State.ORPHANED) if v.kind is Kind.STACK or not v.stack]


@dialog("Plan")
def _confirm(bench: Workbench, plan: Plan, button: str) -> None:
    st.markdown(f"**{plain(plan.title)}** · {count(len(plan.steps), 'step')} · {plan.fingerprint}")
    if confirm_plan(bench, plan, button=button):
        close_dialog()


def _latest(bench: Workbench, title: str) -> PlanRun | None:
    return next((work for work in bench.plan_runs.recent() if work.plan.title.startswith(title)), None)


def _show_work(bench: Workbench, work: PlanRun, key: str) -> None:
    show_plan_panel(
        bench,
        work,
        key=key,
        thing="step",
        then=_shared.clear,
        advice="Nothing that has changed was touched. Plan again what is left: what is done stays done.",
    )


@st.cache_data(ttl=SHARED_TTL_S, show_spinner="Reading the shared buckets…")
def _shared(_cloud: Cloud, account: Account, regions: tuple[str, ...]) -> list[Shared]:
    return read_shared(_cloud, account, regions)


def show_cure(bench: Workbench, graph: Graph) -> None:
    """What is set up, its code, and setting it up in more regions."""
    st.markdown(
        "One shared bucket and key a region makes every support stack unnecessary: give the pipeline the "
        "mapping, with every region that it lives in or deploys to."
    )
    accounts = {account.name: account for account in bench.cloud.accounts}
    account = accounts[st.selectbox("Account", list(accounts), key="cure-account", width=260)]
    regions = graph.inventory.regions.get(account.id, ())
    with errors_shown():
        shared = _shared(bench.cloud, account, regions)
        if shared:
            show_code(shared)
        else:
            empty_state("None is set up in this account", "Choose regions and target accounts below.")
        _set_up(bench, account, regions, shared)


def show_code(shared: Sequence[Shared]) -> None:
    mapping = cdk_code.as_mapping(shared)
    typescript, python, as_json = st.tabs(["TypeScript", "Python", "JSON"])
    typescript.code(cdk_code.as_typescript(mapping), language="typescript")
    python.code(cdk_code.as_python(mapping), language="python")
    as_json.code(cdk_code.as_json(shared), language="json")


def _set_up(bench: Workbench, account: Account, regions: Sequence[str], shared: Sequence[Shared]) -> None:
    work = _latest(bench, SET_UP)
    if work:
        _show_work(bench, work, "support-cure")
    ready = [item.region for item in shared]
    chosen = st.multiselect("Regions", regions, default=ready, key=f"cure-regions-{account.id}")
    names = {other.id: other.name for other in bench.cloud.accounts if other.id != account.id}
    readers = sorted({target for item in shared for target in item.targets})
    names |= {id: id for id in readers if id not in names}
    targets = st.multiselect(
        "Accounts that it deploys to",
        list(names),
        default=readers,
        format_func=lambda id: names[id],
        key=f"cure-targets-{account.id}",
    )
    busy = work is not None and work.running
    if st.button("Show plan", key="cure-plan", disabled=not chosen or busy):
        with errors_shown():
            _shared.clear()
            _confirm(bench, plan_replication(bench.cloud, account, chosen, targets), "Set up")


def show_migration(bench: Workbench, graph: Graph) -> None:
    """The way of one live pipeline, each step with whether AWS shows that it is done."""
    found = migration.candidates(graph)
    if not found:
        empty_state(
            "No pipeline uses a support stack",
            "One that does would be guided here to the shared buckets, step by step.",
        )
        return
    pipeline = st.selectbox(
        "Pipeline", found, format_func=lambda p: f"{p.name} ({p.region})", key="migration-pipeline"
    )
    try:
        account = bench.cloud.account(pipeline.account)
        shared = _shared(bench.cloud, account, graph.inventory.regions[account.id])
    except SlipwayError as error:
        show_error(error)
        return
    way = migration.guide(graph, pipeline, shared)
    for number, step in enumerate(way.steps, 1):
        icon = ":material/check_circle:" if step.done else ":material/radio_button_unchecked:"
        st.markdown(f"{icon} **{number}. {step.title}** {'· done' if step.done else ''}")
        st.caption(plain(step.text))
        if step.command:
            st.code(step.command, language=None, wrap_lines=True)
    if shared and not way.missing:
        show_code([item for item in shared if item.region in {store.region for store in pipeline.stores}])
