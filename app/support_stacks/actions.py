"""The actions of the page Support stacks: cleanup, shared buckets, and the migration of a pipeline."""

from collections.abc import Collection, Mapping, Sequence
from zlib import crc32

import streamlit as st

from app.shared.components import confirm_plan, empty_state, errors_shown, plain, show_error
from app.shared.dialogs import close_dialog, dialog
from app.shared.plans.panel import show_plan_panel
from app.shared.plans.runs import PlanRun
from app.shared.session import Workbench
from app.shared.words import count
from app.support_stacks.views import label
from ops.aws.cloud import Cloud
from ops.errors import SlipwayError
from ops.operations import Operation
from ops.plan import Plan
from ops.settings import Account
from ops.support_stacks import cdk_code, migration
from ops.support_stacks.cleanup import plan_clean_up
from ops.support_stacks.cleanup_steps import CleanUpOptions
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import ResourceType, UsageGraph, UsageState, UsageVerdict
from ops.support_stacks.replication import SharedBucket, plan_replication, read_shared

SHARED_TTL_S = 30
ALL_CHOSEN = "clean-up-all-chosen"  # how often


def show_clean_up(bench: Workbench, graph: UsageGraph, *, outdated: bool) -> None:
    """Show the latest cleanup, and the selection for the next. An outdated inventory allows no plan."""
    work = bench.plan_runs.latest(Operation.CLEAN_UP_SUPPORT)
    if work:
        _show_work(bench, work, "support-clean-up")
    orphaned = _options(graph)
    if not orphaned:
        empty_state(
            "Nothing to clean up", "Orphaned resources appear here. A plan shows each deletion first."
        )
        return
    verdicts = {verdict.key: verdict for verdict in orphaned}
    chosen: dict[str, bool] = st.session_state.setdefault("clean-up-chosen", {})
    if st.button("Select all", key="clean-up-all"):
        chosen.update(dict.fromkeys(_not_extended(graph, orphaned), True))
        st.session_state[ALL_CHOSEN] = st.session_state.get(ALL_CHOSEN, 0) + 1
    selected = _select(graph, verdicts, chosen)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        archive = st.text_input(
            "Archive bucket", key="clean-up-archive", placeholder="None: delete permanently", width=320
        )
        unprotect = st.checkbox("Disable termination protection", key="clean-up-unprotect")
        with_additions = any(stack.additions for stack in graph.inventory.stacks) and st.checkbox(
            "Delete resources that were added to a support stack", key="clean-up-with-additions"
        )
    busy = outdated or (work is not None and work.running)
    if st.button("Show plan", type="primary", key="clean-up-plan", disabled=not selected or busy):
        with errors_shown():
            options = CleanUpOptions(archive.strip(), unprotect, with_additions)
            plan = plan_clean_up(bench.cloud, graph, selected, options)
            _confirm(bench, plan, f"Delete {count(len(selected), 'resource')}")


def _not_extended(graph: UsageGraph, verdicts: Sequence[UsageVerdict]) -> list[str]:
    """Return the keys of all but stacks with resources that are not CDK's: they are chosen one by one."""
    extended = {stack.id for stack in graph.inventory.stacks if stack.additions}
    return [verdict.key for verdict in verdicts if verdict.stack not in extended]


def _selection_key(names: Collection[str]) -> str:
    """Return the key for these names; after Select all, it is another widget, which begins with that."""
    return f"clean-up-selected-{st.session_state.get(ALL_CHOSEN, 0)}-{crc32(' '.join(names).encode())}"


def _select(graph: UsageGraph, verdicts: Mapping[str, UsageVerdict], chosen: dict[str, bool]) -> list[str]:
    """Let the user choose resources; none is selected at first.

    Other resources are another widget: a value that the browser sent for the previous ones, while these were
    drawn, would count as the choice among these. What the user chose is kept beside the widget, whose value
    Streamlit discards when a run does not show it, and is the widget's default: a browser that draws the
    widget again begins with that, and sends it as the choice.
    """
    key = _selection_key(verdicts)
    return st.multiselect(
        "Resources to delete",
        list(verdicts),
        default=[name for name in verdicts if chosen.get(name)],
        format_func=lambda option: label(graph, verdicts[option]),
        key=key,
        on_change=_note_choice,
        args=(chosen, frozenset(verdicts), key),
        help="A support stack includes its bucket and key.",
    )


def _note_choice(chosen: dict[str, bool], shown: Collection[str], key: str) -> None:
    chosen.update({name: name in st.session_state[key] for name in shown})


def _options(graph: UsageGraph) -> list[UsageVerdict]:
    """Return the orphaned stacks and the orphaned resources without a stack; a stack includes the others.

    Stacks of roles are not offered: Slipway does not delete IAM roles.
    """
    orphaned = graph.with_state(UsageState.ORPHANED)
    of_roles = {stack.id for stack in graph.inventory.stacks if stack.kind is StackKind.ROLES}
    offered = [verdict for verdict in orphaned if verdict.stack not in of_roles]
    return [v for v in offered if v.kind is ResourceType.STACK or not v.stack]


def _confirm(bench: Workbench, plan: Plan, action: str) -> None:
    dialog(action)(_show_plan)(bench, plan, action)


def _show_plan(bench: Workbench, plan: Plan, action: str) -> None:
    st.markdown(f"**{plain(plan.title)}** · {count(len(plan.steps), 'step')} · {plan.fingerprint}")
    if confirm_plan(bench, plan, button=action):
        close_dialog()


def _show_work(bench: Workbench, work: PlanRun, key: str) -> None:
    show_plan_panel(
        bench,
        work,
        key=key,
        thing="step",
        then=_shared_buckets.clear,
        advice="Changed resources were skipped. Create a new plan for the rest; completed steps stay done.",
    )


@st.cache_data(ttl=SHARED_TTL_S, show_spinner="Reading the shared buckets…")
def _shared_buckets(_cloud: Cloud, account: Account, regions: tuple[str, ...]) -> list[SharedBucket]:
    return read_shared(_cloud, account, regions)


def show_shared_buckets(bench: Workbench, graph: UsageGraph) -> None:
    """Show the shared buckets of an account, their CDK code, and the setup of more regions."""
    st.markdown(
        "One shared bucket and key per region replaces all support stacks. Pass the mapping to the pipeline, "
        "with every region that it runs in or deploys to."
    )
    accounts = {account.name: account for account in bench.cloud.accounts}
    account = accounts[st.selectbox("Account", list(accounts), key="shared-account", width=260)]
    regions = graph.inventory.regions.get(account.id, ())
    with errors_shown():
        shared = _shared_buckets(bench.cloud, account, regions)
        if shared:
            show_code(shared)
        else:
            empty_state("No shared buckets in this account", "Select regions and target accounts below.")
        _set_up(bench, account, regions, shared)


def _offer_buckets(bench: Workbench, guide: migration.Guide, shared: Sequence[SharedBucket]) -> None:
    """Show the button that sets up the shared buckets of a pipeline, with the targets of existing ones."""
    work = bench.plan_runs.latest(Operation.SHARE_REPLICATION)
    if work:
        _show_work(bench, work, "migration-shared")
    names = {a.id: a.name for a in bench.cloud.accounts if a.id != guide.pipeline.account}
    current = sorted({target for item in shared for target in item.targets if target in names})
    targets = st.multiselect(
        "Accounts that the pipeline deploys to",
        list(names),
        default=current,
        format_func=lambda id: names[id],
        key="migration-targets",
    )
    action = f"Set up {count(len(guide.missing), 'shared bucket')}"
    busy = work is not None and work.running
    if st.button(action, key="migration-set-up", icon=":material/build:", disabled=busy):
        with errors_shown():
            account = bench.cloud.account(guide.pipeline.account)
            regions = sorted({*guide.missing, *(item.region for item in shared)})
            _confirm(bench, plan_replication(bench.cloud, account, regions, targets), action)


def _offer_old_buckets(bench: Workbench, graph: UsageGraph, guide: migration.Guide) -> None:
    """Show the button that deletes the old buckets of a pipeline, once they are orphaned."""
    old = {verdict.stack or verdict.id for verdict in guide.left}
    orphaned = [verdict.key for verdict in _options(graph) if verdict.id in old or verdict.stack in old]
    if guide.old or not orphaned:
        return
    action = f"Delete {count(len(orphaned), 'resource')}"
    if st.button(action, key="migration-clean-up", icon=":material/delete_sweep:"):
        with errors_shown():
            _confirm(bench, plan_clean_up(bench.cloud, graph, orphaned), action)


def show_code(shared: Sequence[SharedBucket]) -> None:
    mapping = cdk_code.as_mapping(shared)
    typescript, python, as_json = st.tabs(["TypeScript", "Python", "JSON"])
    typescript.code(cdk_code.as_typescript(mapping), language="typescript")
    python.code(cdk_code.as_python(mapping), language="python")
    as_json.code(cdk_code.as_json(shared), language="json")


def _set_up(
    bench: Workbench, account: Account, regions: Sequence[str], shared: Sequence[SharedBucket]
) -> None:
    work = bench.plan_runs.latest(Operation.SHARE_REPLICATION)
    if work:
        _show_work(bench, work, "support-shared")
    existing = [item.region for item in shared]
    selected = st.multiselect("Regions", regions, default=existing, key=f"shared-regions-{account.id}")
    names = {other.id: other.name for other in bench.cloud.accounts if other.id != account.id}
    current_targets = sorted({target for item in shared for target in item.targets})
    names |= {id: id for id in current_targets if id not in names}
    targets = st.multiselect(
        "Target accounts",
        list(names),
        default=current_targets,
        format_func=lambda id: names[id],
        key=f"shared-targets-{account.id}",
        help="The accounts that the pipelines deploy to. They may read and decrypt the artifacts.",
    )
    busy = work is not None and work.running
    if st.button("Show plan", key="shared-plan", disabled=not selected or busy):
        with errors_shown():
            _shared_buckets.clear()
            plan = plan_replication(bench.cloud, account, selected, targets)
            _confirm(bench, plan, "Set up shared replication")


def show_migration(bench: Workbench, graph: UsageGraph) -> None:
    """Show the migration steps of one pipeline, and which of them are done."""
    candidates = migration.candidates(graph)
    if not candidates:
        empty_state(
            "No pipeline uses a support stack", "Pipelines that use one get a step-by-step guide here."
        )
        return
    pipeline = st.selectbox(
        "Pipeline", candidates, format_func=lambda p: f"{p.name} ({p.region})", key="migration-pipeline"
    )
    try:
        account = bench.cloud.account(pipeline.account)
        shared = _shared_buckets(bench.cloud, account, graph.inventory.regions[account.id])
    except SlipwayError as error:
        show_error(error)
        return
    guide = migration.guide(graph, pipeline, shared)
    for number, step in enumerate(guide.steps, 1):
        icon = ":material/check_circle:" if step.done else ":material/radio_button_unchecked:"
        st.markdown(f"{icon} **{number}. {step.title}** {'· Done' if step.done else ''}")
        st.caption(plain(step.text))
        if step.command:
            st.code(step.command, language=None, wrap_lines=True)
        if number == 1 and guide.missing:
            _offer_buckets(bench, guide, shared)
    _offer_old_buckets(bench, graph, guide)
    if shared and not guide.missing:
        show_code([item for item in shared if item.region in {store.region for store in pipeline.stores}])
