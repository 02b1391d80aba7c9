"""The graph of pipelines and the resources that they use."""

from app.support_stacks.graph import NOT_READ, dot, drawable_verdicts, region_counts, region_grid
from ops.aws.readings import Unread
from ops.errors import AccessDenied
from ops.support_stacks import facts
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import UsageState, assess_usage
from tests.ops.support_stacks.samples import ALIAS, NAME, NOW, OTHER, REGION, inventory, pipeline, stack


def test_pipelines_buckets_keys_and_stacks_are_joined() -> None:
    graph = assess_usage(inventory(pipelines=(pipeline(),)), NOW)
    drawn = dot(graph, graph.verdicts)
    keys = [verdict.key for verdict in graph.verdicts]
    assert f'"{pipeline().arn}" -> "{keys[0]}"' in drawn
    assert f'"{keys[0]}" -> "{keys[1]}"' in drawn  # bucket to key
    assert f'"{keys[1]}" -> "{keys[2]}"' in drawn  # key to stack
    assert NAME in keys[0] and ALIAS in keys[1]


def test_hostile_names_stay_text() -> None:
    graph = assess_usage(inventory(pipelines=(pipeline('"];evil [label="x&lt;'),)), NOW)
    drawn = dot(graph, graph.verdicts)
    assert '\\"];evil [label=\\"x&amp;lt;' in drawn


def test_look_alikes_are_not_drawn() -> None:
    graph = assess_usage(inventory(stacks=(stack(kind=StackKind.LOOK_ALIKE),), buckets=(), aliases=()), NOW)
    assert drawable_verdicts(graph) == []


def test_the_grid_counts_orphaned_resources_and_marks_what_was_not_read() -> None:
    denied = AccessDenied("no", hint="Allow ListPipelines")
    gaps = (Unread(OTHER, "us-east-1", facts.PIPELINES, denied),)
    graph = assess_usage(inventory(pipelines=()), NOW)
    orphaned = len(graph.with_state(UsageState.ORPHANED))
    assert orphaned
    assert region_counts(graph) == [("tools", REGION, str(orphaned), orphaned), ("other", REGION, "0", 0)]
    unread = {cell[:2]: cell[2] for cell in region_counts(assess_usage(inventory(gaps=gaps), NOW))}
    assert (unread["other", "us-east-1"], unread["other", REGION]) == (NOT_READ, "0")
    drawn = region_grid(region_counts(graph)).to_dict()
    (rows,) = drawn["datasets"].values() if "datasets" in drawn else [drawn["data"]["values"]]
    assert [row["State"] for row in rows] == ["Orphaned", "None"]
