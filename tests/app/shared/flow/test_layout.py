"""Positions and routes: rows that wrap, arrows that run between the boxes, and a list of steps."""

from itertools import pairwise, product

import pytest

from app.shared.flow.component import COLUMNS, STEP_HEIGHT, flow_data
from app.shared.flow.layout import INDENT, WIDTH, Layout, layout
from tests.app.shared.flow.test_layers import flow

NAMES = "abcdefghijklm"
LINE = flow(NAMES, " ".join(map("".join, pairwise(NAMES))), NAMES)
BRANCHED = flow(NAMES, "ab bc ac cd de ef cf fg gh gi hj ij jk kl lm bm", "acfghjklm")


def test_a_long_path_wraps_into_rows() -> None:
    drawn = layout(LINE, 5, STEP_HEIGHT)
    tops = sorted({top for _, top in drawn.corners.values()})
    assert len(tops) == 3
    assert drawn.corners["f"][0] == drawn.corners["a"][0] < drawn.corners["b"][0]
    assert drawn.corners["f"][1] == tops[1]


def test_a_short_path_is_as_wide_as_its_boxes() -> None:
    short = flow("ab", "ab", "ab")
    assert layout(short, 8, STEP_HEIGHT).width == layout(short, 2, STEP_HEIGHT).width


@pytest.mark.parametrize("columns", COLUMNS[1:])
@pytest.mark.parametrize("drawing", [LINE, BRANCHED])
def test_everything_is_inside_and_no_arrow_crosses_a_box(drawing, columns) -> None:  # type: ignore[no-untyped-def]
    drawn = layout(drawing, columns, STEP_HEIGHT)
    for left, top in drawn.corners.values():
        assert 0 <= left <= drawn.width - WIDTH and 0 <= top <= drawn.height - STEP_HEIGHT
    for route in drawn.routes:
        for point in route.points:
            assert 0 <= point[0] <= drawn.width and 0 <= point[1] <= drawn.height
    assert [crossing for crossing in crossings(drawn)] == []


def crossings(drawn: Layout) -> list[tuple[str, str]]:
    """Return (edge, box) of every box that an arrow passes through."""
    found = []
    for route, (name, (left, top)) in product(drawn.routes, drawn.corners.items()):
        for (x1, y1), (x2, y2) in pairwise(route.points):
            beside = max(x1, x2) <= left or min(x1, x2) >= left + WIDTH
            above = max(y1, y2) <= top or min(y1, y2) >= top + STEP_HEIGHT
            if not (beside or above):
                found.append((route.edge.source + route.edge.target, name))
    return found


def test_an_arrow_begins_and_ends_at_its_boxes() -> None:
    drawn = layout(BRANCHED, 4, STEP_HEIGHT)
    for route in drawn.routes:
        (left, top), (to_left, to_top) = drawn.corners[route.edge.source], drawn.corners[route.edge.target]
        assert route.points[0] == (left + WIDTH, top + STEP_HEIGHT // 2)
        assert route.points[-1] == (to_left, to_top + STEP_HEIGHT // 2)


def test_one_column_is_a_list_with_indented_branches() -> None:
    drawn = layout(flow("abcd", "ab ac bd cd", "abd"), 1, STEP_HEIGHT)
    order = sorted(drawn.corners, key=lambda name: drawn.corners[name][1])
    assert order == ["a", "b", "c", "d"]
    assert [drawn.corners[name][0] for name in order] == [0, 0, INDENT, 0]
    assert [route.edge.source + route.edge.target for route in drawn.routes] == ["ab", "cd"]


def test_the_browser_gets_each_width_once_and_a_list() -> None:
    layouts = flow_data(flow("abc", "ab bc", "abc"), "Steps", "", STEP_HEIGHT)["views"]["folded"]
    assert [one["list"] for one in layouts] == [True, False, False]
    assert len({one["width"] for one in layouts}) == 3


def test_a_diagram_without_folded_nodes_has_one_view() -> None:
    assert set(flow_data(LINE, "", "", STEP_HEIGHT)["views"]) == {"folded"}
    folded = flow("abc", "ab bc ac", "ac", shown="ac")
    assert set(flow_data(folded, "", "", STEP_HEIGHT)["views"]) == {"folded", "all"}


def test_hidden_characters_of_a_title_are_made_visible() -> None:
    data = flow_data(flow("a\u202eb", "", "a"), "", "", STEP_HEIGHT)
    assert [node["title"] for node in data["nodes"]] == ["a", "\\u{202e}", "b"]
