"""What the page Support stacks is made of: the reading, its result as sentence, table and picture."""

from datetime import UTC, datetime

import streamlit as st

from app.shared import statuses
from app.shared.components import empty_state, show_error
from app.shared.session import Workbench
from app.shared.tables import show_table
from app.shared.words import ago, count, listed
from app.support_stacks import graph as support_graph
from app.support_stacks.scan import Scan
from ops.aws.s3.buckets import Contents
from ops.support_stacks.facts import Gap
from ops.support_stacks.inventory import read_inventory
from ops.support_stacks.liveness import QUIET_DAYS, Graph, Kind, State, Verdict, judge

LOOK_S = 1.0
MOST_REGIONS = 3  # that a row names
SHORT_READING_S = 0.5
PHASES = (
    "Regions",
    "Buckets",
    "Pipelines, stacks and keys",
    "Evidence: buckets",
    "Evidence: stacks",
    "Evidence: keys",
)
WORDS = {Kind.STACK: "stack", Kind.BUCKET: "bucket", Kind.KEY: "key"}


@st.cache_resource(show_spinner=False)
def scan(_bench: Workbench) -> Scan:
    """One for all who look at the page."""
    return Scan()


def begin(bench: Workbench, reading: Scan) -> None:
    """Reads; a page that is opened for the first time begins by itself: nothing is changed by it."""
    reading.start(lambda now, report: read_inventory(bench.cloud, now, report))
    reading.wait(SHORT_READING_S)


def show_progress(reading: Scan) -> None:
    """What is being read and how far; redraws the page once it has ended."""

    @st.fragment(run_every=LOOK_S)
    def panel() -> None:
        if not reading.running:
            st.rerun()
        phase = next((name for name in reversed(PHASES) if name in reading.ticks), PHASES[0])
        tick = reading.ticks.get(phase)
        done, total = (tick.done, tick.total) if tick else (0, 0)
        step = PHASES.index(phase)
        share = (step + (done / total if total else 0)) / len(PHASES)
        st.progress(min(share, 1.0), text=f"Reading · {phase}" + (f": {done} of {total}" if total else "…"))

    panel()


def ask_quiet_days() -> int:
    return int(
        st.number_input(
            "Quiet days",
            min_value=0,
            max_value=3650,
            value=QUIET_DAYS,
            key="quiet-days",
            width=140,
            help="What was written or made more lately than this is never called orphaned.",
        )
    )


def graph_of(reading: Scan, quiet_days: int) -> Graph | None:
    if reading.inventory is None:
        return None
    return judge(reading.inventory, datetime.now(UTC), quiet_days)


def show_state(graph: Graph) -> None:
    """One sentence."""
    dead = graph.of(State.ORPHANED)
    when = ago(graph.inventory.at, graph.now)
    accounts = count(len(graph.inventory.accounts), "account")
    regions = {region for each in graph.inventory.regions.values() for region in each}
    pipelines = count(len(graph.inventory.pipelines), "pipeline")
    read = f"{accounts} in {count(len(regions), 'region')} read {when}: {pipelines}."
    if not graph.verdicts:
        st.markdown(read)
        return
    said = (
        f"**{count(len(dead), 'thing')} nobody needs**, for \\${graph.orphaned_monthly:.2f} a month. "
        if dead
        else "**Nothing is orphaned.** "
    )
    unknown = len(graph.of(State.UNKNOWN))
    st.markdown(said + (f"{count(unknown, 'thing')} of unknown use. " if unknown else "") + read)


def show_gaps(graph: Graph) -> None:
    """What could not be read, and what that means."""
    gaps = graph.inventory.gaps
    if not gaps:
        return
    st.warning(
        f"{count(len(gaps), 'reading')} failed. What depends on them is unknown, and is not cleaned up.",
        icon=":material/visibility_off:",
    )
    with st.expander("What could not be read"):
        show_table(gap_rows(graph), key="gaps")


def gap_rows(graph: Graph) -> list[dict[str, str]]:
    """One row for what fails in the same way in many regions of an account."""
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in graph.inventory.gaps:
        alike.setdefault((gap.account, gap.what, gap.error.hint), []).append(gap)
    return [
        {
            "Account": graph.inventory.accounts.get(account, account),
            "What": what,
            "Where": _where(graph, gaps),
            "What to do": hint,
            "Why": str(gaps[0].error),
        }
        for (account, what, hint), gaps in alike.items()
    ]


def _where(graph: Graph, gaps: list[Gap]) -> str:
    regions = sorted(gap.region for gap in gaps)
    if regions in ([""], sorted(graph.inventory.regions.get(gaps[0].account, ()))):
        return "all regions"
    more = len(regions) - MOST_REGIONS
    return listed(regions) if more < 2 else f"{', '.join(regions[:MOST_REGIONS])} and {more} more"


def show_nothing() -> None:
    empty_state(
        "CDK pipelines have left nothing here",
        "Support stacks, replication buckets, artifact buckets and their keys would be listed here. "
        "Pipelines that deploy to other regions make them; the tab Cure shows how to do without.",
    )


def show_inventory(graph: Graph) -> None:
    """Every thing with its verdict and what it rests on."""
    chosen = st.pills(
        "Show",
        [str(state) for state in State if graph.of(state)],
        selection_mode="multi",
        key="states",
        label_visibility="collapsed",
    )
    shown = [verdict for verdict in graph.verdicts if not chosen or verdict.state in chosen]
    order = list(State)
    order.insert(0, order.pop(order.index(State.ORPHANED)))
    shown.sort(key=lambda verdict: (order.index(verdict.state), verdict.region, verdict.id))
    held = {(bucket.account, bucket.name): bucket.contents for bucket in graph.inventory.buckets}
    show_table(
        [_row(graph, verdict, held.get((verdict.account, verdict.id))) for verdict in shown],
        key="inventory",
        height=min(36 * (len(shown) + 1), 560),
        column_config={
            "Monthly": st.column_config.NumberColumn("A month", format="$%.2f", help="At list prices"),
            "Name": st.column_config.TextColumn("Name", width="medium"),
            "Why": st.column_config.TextColumn("Why", width="large"),
            "Versions": st.column_config.NumberColumn(
                "Versions", format="localized", help="With delete markers"
            ),
            "Size": st.column_config.NumberColumn("Size", format="bytes"),
            "Written": st.column_config.TextColumn("Last written"),
        },
    )
    with st.expander(f"Where {count(len(graph.inventory.pipelines), 'pipeline')} keep their artifacts"):
        _show_pipelines(graph)


def _row(graph: Graph, verdict: Verdict, held: Contents | None) -> dict[str, object]:
    return {
        "State": statuses.VERDICTS[verdict.state][0].word,
        "Kind": WORDS[verdict.kind],
        "Name": verdict.id,
        "Account": graph.inventory.accounts.get(verdict.account, verdict.account),
        "Region": verdict.region,
        "Monthly": verdict.monthly,
        "Why": "; ".join(verdict.reasons),
        "Versions": held.versions + held.markers if held else None,
        "Size": held.bytes if held else None,
        "Written": f"{held.last_written:%Y-%m-%d}" if held and held.last_written else "",
    }


def _show_pipelines(graph: Graph) -> None:
    rows = [
        {
            "Pipeline": pipeline.name,
            "Account": graph.inventory.accounts.get(pipeline.account, pipeline.account),
            "Region": pipeline.region,
            "Artifacts in": store.region,
            "Bucket": store.bucket,
            "Key": store.key or "–",
        }
        for pipeline in graph.inventory.pipelines
        for store in pipeline.stores
    ]
    if rows:
        show_table(rows, key="pipelines")
    else:
        st.caption("No account and region that could be read has a pipeline.")


def show_graph(graph: Graph) -> None:
    """Pipelines → buckets → keys → stacks, an account at a time."""
    names = graph.inventory.accounts
    drawable = support_graph.worth_drawing(graph)
    accounts = list(dict.fromkeys(verdict.account for verdict in drawable))
    if not accounts:
        st.caption("Nothing to draw.")
        return
    account = st.selectbox(
        "Account", accounts, format_func=lambda id: names.get(id, id), key="graph-account", width=260
    )
    badges = " ".join(look.markdown for look, _ in statuses.VERDICTS.values())
    st.markdown(badges)
    st.graphviz_chart(
        support_graph.dot(graph, [v for v in drawable if v.account == account]), width="stretch"
    )


def show_failure(reading: Scan) -> None:
    if reading.error and not reading.running:
        show_error(reading.error)


def label(graph: Graph, verdict: Verdict) -> str:
    """A thing in a list of choices."""
    name = graph.inventory.accounts.get(verdict.account, verdict.account)
    return f"{WORDS[verdict.kind]} {verdict.id} ({name}, {verdict.region})"
