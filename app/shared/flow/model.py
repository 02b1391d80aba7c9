"""The nodes, the edges, and the main path of a diagram. All texts may be hostile: they are only text."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from app.shared.statuses import Fill


@dataclass(frozen=True)
class FlowNode:
    """A box. `notes` are lines below the title; `values` are drawn as a line, oldest first.

    A `label` has no box and cannot be selected. The diagram follows the `current` nodes.
    """

    id: str
    title: str
    fill: Fill
    notes: tuple[str, ...] = ()
    choice: bool = False
    label: bool = False
    current: bool = False
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class FlowEdge:
    """An arrow: dashed for an error, `taken` if a run has passed it."""

    source: str
    target: str
    dashed: bool = False
    taken: bool = False


@dataclass(frozen=True)
class Flow:
    """A diagram. `nodes` are in topological order, except for loops.

    `main` is the main path. `shown` are the nodes of the folded diagram: those that are not in it are folded.
    """

    nodes: tuple[FlowNode, ...]
    edges: tuple[FlowEdge, ...]
    main: frozenset[str]
    shown: frozenset[str]

    @property
    def folded(self) -> "Flow":
        """The diagram without the folded nodes."""
        return self._only(self.shown)

    @property
    def hidden_after(self) -> dict[str, int]:
        """How many folded nodes begin at each shown one, not counting those after an error."""
        following: dict[str, list[str]] = {}
        for edge in self.edges:
            if not edge.dashed:
                following.setdefault(edge.source, []).append(edge.target)
        counts = {node: len(self._hidden(node, following)) for node in self.shown}
        return {node: number for node, number in counts.items() if number}

    def _hidden(self, start: str, following: dict[str, list[str]]) -> set[str]:
        found: set[str] = set()
        todo = [start]
        while todo:
            new = [name for name in following.get(todo.pop(), ()) if name not in self.shown | found]
            found.update(new)
            todo += new
        return found

    def _only(self, names: Collection[str]) -> "Flow":
        return replace(
            self,
            nodes=tuple(node for node in self.nodes if node.id in names),
            edges=tuple(edge for edge in self.edges if edge.source in names and edge.target in names),
        )
