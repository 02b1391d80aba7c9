"""The picture of who needs what."""

from app.support_stacks.graph import dot, worth_drawing
from ops.support_stacks.fingerprints import StackKind
from ops.support_stacks.liveness import judge
from tests.ops.support_stacks.things import ALIAS, NAME, NOW, inventory, pipeline, stack


def test_pipelines_buckets_keys_and_stacks_are_joined() -> None:
    graph = judge(inventory(pipelines=(pipeline(),)), NOW)
    drawn = dot(graph, graph.verdicts)
    keys = [verdict.key for verdict in graph.verdicts]
    assert f'"{pipeline().arn}" -> "{keys[0]}"' in drawn
    assert f'"{keys[0]}" -> "{keys[1]}"' in drawn  # bucket to key
    assert f'"{keys[1]}" -> "{keys[2]}"' in drawn  # key to stack
    assert NAME in keys[0] and ALIAS in keys[1]


def test_hostile_names_stay_text() -> None:
    graph = judge(inventory(pipelines=(pipeline('"];evil [label="x&lt;'),)), NOW)
    drawn = dot(graph, graph.verdicts)
    assert '\\"];evil [label=\\"x&amp;lt;' in drawn


def test_look_alikes_are_not_drawn() -> None:
    graph = judge(inventory(stacks=(stack(kind=StackKind.LOOK_ALIKE),), buckets=(), aliases=()), NOW)
    assert worth_drawing(graph) == []
