"""Layers and lanes of diagrams: the main path in one line, branches below it."""

from app.shared.flow.layers import Cell, cells
from app.shared.flow.model import Flow, FlowEdge, FlowNode
from app.shared.statuses import STEPS


def flow(names: str, edges: str, main: str, shown: str = "") -> Flow:
    """Return a diagram of one-letter nodes: `flow("abc", "ab bc", "abc")`. A dashed edge is `a-b`."""
    nodes = tuple(FlowNode(name, name, STEPS["pending"]) for name in names)
    drawn = tuple(FlowEdge(edge[0], edge[-1], dashed="-" in edge) for edge in edges.split())
    return Flow(nodes, drawn, frozenset(main), frozenset(shown or names))


def test_the_layer_is_the_longest_path() -> None:
    places = cells(flow("abcd", "ab bc cd ad", "abcd"))
    assert places == {name: Cell(layer, 0) for layer, name in enumerate("abcd")}


def test_branches_are_below_the_main_path() -> None:
    places = cells(flow("abcde", "ab ac bd cd de", "abde"))
    assert places["c"] == Cell(1, 1)
    assert {places[name].lane for name in "abde"} == {0}


def test_a_branch_leaves_its_layers_of_the_main_path_free() -> None:
    places = cells(flow("abcd", "ab bc cd ad", "ad"))
    assert (places["a"], places["d"]) == (Cell(0, 0), Cell(3, 0))
    assert (places["b"], places["c"]) == (Cell(1, 1), Cell(2, 1))


def test_a_loop_leads_back() -> None:
    assert cells(flow("abc", "ab bc ca", "abc"))["a"] == Cell(0, 0)


def test_no_two_nodes_share_a_place() -> None:
    places = cells(flow("abcdef", "ab ac ad ae bf cf df ef", "abf"))
    assert len(set(places.values())) == len(places)


def test_what_cannot_be_reached_follows_the_rest() -> None:
    places = cells(flow("abxy", "ab x-y", "ab"))
    assert (places["x"], places["y"]) == (Cell(2, 0), Cell(3, 0))


def test_folded_nodes_are_counted_where_they_begin() -> None:
    drawn = flow("abcdef", "ab bc cd ad a-e ef", "ad", shown="ad")
    assert drawn.hidden_after == {"a": 2}  # not what follows an error
    assert [node.id for node in drawn.folded.nodes] == ["a", "d"]
    assert [(edge.source, edge.target) for edge in drawn.folded.edges] == [("a", "d")]
