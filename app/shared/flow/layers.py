"""The layer of every node (its distance from the start) and its lane (its row within the layer). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.shared.flow.model import Flow, FlowEdge


@dataclass(frozen=True)
class Cell:
    """The place of a node. The main path is in lane 0; its branches are in the lanes below."""

    layer: int
    lane: int


def cells(flow: Flow) -> dict[str, Cell]:
    """Return the place of every node.

    The layer is the length of the longest path to a node, without edges that lead back. What cannot be
    reached from the first node, such as the handling of any error, follows in layers of its own.
    """
    order = {node.id: number for number, node in enumerate(flow.nodes)}
    forward = [edge for edge in flow.edges if order[edge.source] < order[edge.target]]
    layers = _layers(order, forward)
    taken: set[Cell] = set()
    found: dict[str, Cell] = {}
    for name in sorted(order, key=lambda name: (name not in flow.main, order[name])):
        lane = 0 if name in flow.main or not _crossed(layers[name], name, flow, layers) else 1
        lane = max(lane, _lane_of_source(name, forward, found, flow))
        while Cell(layers[name], lane) in taken:
            lane += 1
        found[name] = Cell(layers[name], lane)
        taken.add(found[name])
    return found


def _layers(order: Mapping[str, int], edges: Iterable[FlowEdge]) -> dict[str, int]:
    sources: dict[str, list[str]] = {}
    for edge in edges:
        sources.setdefault(edge.target, []).append(edge.source)
    layers: dict[str, int] = {}
    for number, name in enumerate(order):
        before = [layers[source] for source in sources.get(name, ())]
        start = max(layers.values(), default=-1) + 1 if number else 0
        layers[name] = max(before) + 1 if before else start
    return layers


def _crossed(layer: int, name: str, flow: Flow, layers: Mapping[str, int]) -> bool:
    """Return whether the main path passes the layer: its line would cross the node in lane 0."""
    main = [layers[other] for other in flow.main if other in layers and other != name]
    return bool(main) and min(main) <= layer <= max(main)


def _lane_of_source(name: str, edges: Iterable[FlowEdge], found: Mapping[str, Cell], flow: Flow) -> int:
    """Return the lane that a node outside the main path continues."""
    if name in flow.main:
        return 0
    lanes = [found[edge.source].lane for edge in edges if edge.target == name and edge.source in found]
    return min(lanes, default=0)
