"""The graph of pipelines and the resources that they use."""

from app.support_stacks.graph import dot, drawable_verdicts
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import assess_usage
from tests.ops.support_stacks.samples import ALIAS, NAME, NOW, inventory, pipeline, stack


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
