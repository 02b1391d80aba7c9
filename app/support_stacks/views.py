"""The inventory on the page Support stacks: its progress, summary, table and graph."""

from datetime import UTC, datetime

import streamlit as st

from app.shared import statuses, time_zone
from app.shared.charts import show_chart
from app.shared.components import empty_state, plain, show_error
from app.shared.inventory import InventoryScan
from app.shared.refreshing import show_refreshing
from app.shared.tables import show_table
from app.shared.words import ago, count, listed, sentence
from app.support_stacks import graph as support_graph
from ops.aws.readings import Unread
from ops.aws.s3.buckets import BucketContents
from ops.support_stacks.liveness import (
    MIN_IDLE_DAYS,
    ResourceType,
    UsageGraph,
    UsageState,
    UsageVerdict,
    assess_usage,
)

POLL_INTERVAL_S = 1.0
MAX_LISTED_REGIONS = 3  # in a table cell
PHASES = (
    "Regions",
    "Buckets",
    "Pipelines, stacks and keys",
    "Details: buckets",
    "Details: stacks",
    "Details: keys",
)
TYPE_NAMES = {ResourceType.STACK: "Stack", ResourceType.BUCKET: "Bucket", ResourceType.KEY: "Key"}


def show_progress(scan: InventoryScan) -> None:
    """Show the progress of the current read, and rerun the page when it completes."""

    def panel() -> bool:
        phase = next((name for name in reversed(PHASES) if name in scan.progress), PHASES[0])
        progress = scan.progress.get(phase)
        done, total = (progress.done, progress.total) if progress else (0, 0)
        completed = PHASES.index(phase) + (done / total if total else 0)
        amount = f": {done} of {total}" if total else "…"
        st.progress(min(completed / len(PHASES), 1.0), text=f"Reading {phase.lower()}{amount}")
        return not scan.running

    show_refreshing(panel, every=POLL_INTERVAL_S)


def input_min_idle_days() -> int:
    return int(
        st.number_input(
            "Minimum idle days",
            min_value=0,
            max_value=3650,
            value=MIN_IDLE_DAYS,
            key="min-idle-days",
            width=160,
            help="A resource that was created or written to within this period is never orphaned.",
        )
    )


def graph_of(scan: InventoryScan, min_idle_days: int) -> UsageGraph | None:
    if scan.result is None:
        return None
    return assess_usage(scan.result, datetime.now(UTC), min_idle_days)


def show_summary(graph: UsageGraph) -> None:
    orphaned = graph.with_state(UsageState.ORPHANED)
    regions = {region for enabled in graph.inventory.regions.values() for region in enabled}
    scope = ", ".join(
        [
            count(len(graph.inventory.pipelines), "pipeline"),
            count(len(graph.inventory.accounts), "account"),
            count(len(regions), "region"),
        ]
    )
    parts = [scope, f"read {ago(graph.inventory.at, graph.now)}"]
    if unknown := len(graph.with_state(UsageState.UNKNOWN)):
        parts.insert(0, f"{unknown} unknown")
    if orphaned:
        cost = graph.orphaned_monthly.text(lambda dollars: f"\\${dollars:.2f}")
        parts.insert(0, f"{cost}/month")
        parts.insert(0, f"**{count(len(orphaned), 'orphaned resource')}**")
    elif graph.verdicts:
        read = " in what could be read" if graph.inventory.gaps or graph.inventory.excluded else ""
        parts.insert(0, f"**No orphaned resources{read}**")
    st.markdown(" · ".join(parts))


def show_gaps(graph: UsageGraph) -> None:
    """Show what could not be read, and the consequence."""
    for exclusion in graph.inventory.excluded:
        st.caption(f":material/visibility_off: {plain(str(exclusion))}")
    gaps = graph.inventory.gaps
    if not gaps:
        return
    st.warning(
        f"{count(len(gaps), 'read')} failed. Resources that depend on them stay unknown and are not deleted.",
        icon=":material/visibility_off:",
    )
    with st.expander("Unread accounts and regions"):
        show_table(gap_rows(graph), key="gaps")


def gap_rows(graph: UsageGraph) -> list[dict[str, str]]:
    """Return one row for all regions of an account in which the same read fails with the same hint."""
    groups: dict[tuple[str, str, str], list[Unread]] = {}
    for gap in graph.inventory.gaps:
        groups.setdefault((gap.account, gap.subject, gap.error.hint), []).append(gap)
    return [
        {
            "Account": graph.inventory.accounts.get(account, account),
            "Not read": subject,
            "Region": _regions(graph, gaps),
            "Error": str(gaps[0].error),
            "Recommended action": hint,
        }
        for (account, subject, hint), gaps in groups.items()
    ]


def _regions(graph: UsageGraph, gaps: list[Unread]) -> str:
    regions = sorted(gap.region for gap in gaps)
    if regions in ([""], sorted(graph.inventory.regions.get(gaps[0].account, ()))):
        return "all regions"
    more = len(regions) - MAX_LISTED_REGIONS
    return listed(regions) if more < 2 else f"{', '.join(regions[:MAX_LISTED_REGIONS])} and {more} more"


def show_no_resources() -> None:
    empty_state(
        "No support stacks",
        "A CDK pipeline creates a support stack, with a bucket and a key, in every other region that it "
        "deploys to. To avoid them, set up shared replication buckets.",
    )


def show_inventory(graph: UsageGraph) -> None:
    """Show every resource with its state and the reasons, orphaned ones first."""
    selected = st.pills(
        "State",
        [str(state) for state in UsageState if graph.with_state(state)],
        format_func=lambda state: statuses.VERDICTS[state][0].word,
        selection_mode="multi",
        key="states",
        label_visibility="collapsed",
    )
    shown = [verdict for verdict in graph.verdicts if not selected or verdict.state in selected]
    order = list(UsageState)
    order.insert(0, order.pop(order.index(UsageState.ORPHANED)))
    shown.sort(key=lambda verdict: (order.index(verdict.state), verdict.region, verdict.id))
    contents = {(bucket.account, bucket.name): bucket.contents for bucket in graph.inventory.buckets}
    event = show_table(
        [_row(graph, verdict, contents.get((verdict.account, verdict.id))) for verdict in shown],
        key="inventory",
        height=min(36 * (len(shown) + 1), 560),
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Monthly": st.column_config.NumberColumn(
                "Monthly cost", format="$%.2f", help="Estimate at list prices"
            ),
            "Name": st.column_config.TextColumn("Name", width="medium"),
            "Versions": st.column_config.NumberColumn(
                "Versions", format="localized", help="Including delete markers"
            ),
            "Size": st.column_config.NumberColumn("Size", format="bytes"),
            "Written": st.column_config.TextColumn("Last written"),
        },
    )
    if rows := [row for row in event.selection.rows if row < len(shown)]:
        _show_reasons(shown[rows[0]])
    else:
        st.caption("Select a resource at its left edge to show the reasons for its state.")
    st.markdown("**Orphaned resources by account and Region**")
    if counts := support_graph.region_counts(graph):
        show_chart(support_graph.region_grid, counts, width="stretch")
    with st.expander(f"Artifact stores of {count(len(graph.inventory.pipelines), 'pipeline')}"):
        _show_artifact_stores(graph)


def _show_reasons(verdict: UsageVerdict) -> None:
    word = statuses.VERDICTS[verdict.state][0].markdown
    reasons = [f"- {plain(sentence(reason))}" for reason in verdict.reasons]
    st.markdown("\n".join([f"{word} **{plain(verdict.id)}**\n", *reasons]))


def _row(graph: UsageGraph, verdict: UsageVerdict, contents: BucketContents | None) -> dict[str, object]:
    written = contents.last_written if contents else None
    return {
        "State": statuses.VERDICTS[verdict.state][0].word,
        "Type": TYPE_NAMES[verdict.kind],
        "Name": verdict.id,
        "Account": graph.inventory.accounts.get(verdict.account, verdict.account),
        "Region": verdict.region,
        "Monthly": verdict.monthly,
        "Versions": contents.versions + contents.markers if contents else None,
        "Size": contents.bytes if contents else None,
        "Written": time_zone.day(written),
    }


def _show_artifact_stores(graph: UsageGraph) -> None:
    rows = [
        {
            "Pipeline": pipeline.name,
            "Account": graph.inventory.accounts.get(pipeline.account, pipeline.account),
            "Region": pipeline.region,
            "Store region": store.region,
            "Bucket": store.bucket,
            "Key": store.key or "–",
        }
        for pipeline in graph.inventory.pipelines
        for store in pipeline.stores
    ]
    if rows:
        show_table(rows, key="pipelines")
    else:
        st.caption("No pipelines in the accounts and regions that were read.")


def show_graph(graph: UsageGraph) -> None:
    """Show pipelines → buckets → keys → stacks of one account."""
    names = graph.inventory.accounts
    drawable = support_graph.drawable_verdicts(graph)
    accounts = list(dict.fromkeys(verdict.account for verdict in drawable))
    if not accounts:
        st.caption("No resources to show.")
        return
    account = st.selectbox(
        "Account", accounts, format_func=lambda id: names.get(id, id), key="graph-account", width=260
    )
    badges = " ".join(look.markdown for look, _ in statuses.VERDICTS.values())
    st.markdown(badges)
    st.graphviz_chart(
        support_graph.dot(graph, [v for v in drawable if v.account == account]), width="stretch"
    )


def show_failure(scan: InventoryScan) -> None:
    if scan.error and not scan.running:
        show_error(scan.error)


def label(graph: UsageGraph, verdict: UsageVerdict) -> str:
    """Return the resource's label in a list of options."""
    account = graph.inventory.accounts.get(verdict.account, verdict.account)
    return f"{TYPE_NAMES[verdict.kind]} {verdict.id} ({account}, {verdict.region})"
