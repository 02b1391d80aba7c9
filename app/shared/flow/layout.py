"""Positions of a diagram's boxes and routes of its arrows, in pixels. Pure.

The layers are wrapped into rows, like words into lines, so that a long path fits one screen: the arrow from
the end of a row returns to the start of the next. With one column, the diagram is a list of steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.shared.flow.layers import Cell, cells
from app.shared.flow.model import Flow, FlowEdge

WIDTH = 168  # of a box
LIST_HEIGHT = 40  # of a box in a list
GAP_X, GAP_Y = 26, 26  # between columns and between lanes
INDENT = 18  # of a branch in a list
LIST_GAP = 14
MARGIN_X, MARGIN_Y = 15, 6  # around the boxes: the arrows between rows run there

Point = tuple[int, int]


@dataclass(frozen=True)
class Route:
    """The corners of an arrow, from the edge of one box to the edge of another."""

    edge: FlowEdge
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """A drawn diagram: the upper left corner of each box, and the size. A list fills its container."""

    columns: int
    width: int
    height: int
    corners: Mapping[str, Point]
    routes: tuple[Route, ...]


def layout(flow: Flow, columns: int, height: int) -> Layout:
    """Place the diagram in rows of `columns` boxes, which are `height` high."""
    if columns == 1:
        return _list(flow)
    grid = _Grid(cells(flow), columns, height)
    routes = tuple(Route(edge, grid.route(edge)) for edge in flow.edges)
    return Layout(columns, grid.width, grid.height, {name: grid.corner(name) for name in grid.cells}, routes)


def _list(flow: Flow) -> Layout:
    """Return the list of steps. An arrow that is not to the next step is left out."""
    places = cells(flow)
    order = sorted(places, key=lambda name: (places[name].layer, places[name].lane))
    step = LIST_HEIGHT + LIST_GAP
    corners = {name: (INDENT * places[name].lane, number * step) for number, name in enumerate(order)}
    routes = [
        Route(
            edge,
            ((corners[edge.target][0] + INDENT, top - LIST_GAP), (corners[edge.target][0] + INDENT, top)),
        )
        for edge in flow.edges
        if (top := corners[edge.target][1]) - corners[edge.source][1] == step
    ]
    return Layout(1, 0, len(order) * step - LIST_GAP + MARGIN_Y, corners, tuple(routes))


class _Grid:
    """Rows of layers. A row is as high as its lanes."""

    def __init__(self, places: Mapping[str, Cell], columns: int, height: int) -> None:
        self.cells, self.columns, self.box = places, columns, height
        self.occupied = set(places.values())
        rows = max((cell.layer // columns for cell in places.values()), default=0) + 1
        lanes = [0] * rows
        for cell in places.values():
            lanes[cell.layer // columns] = max(lanes[cell.layer // columns], cell.lane + 1)
        self.tops = [MARGIN_Y + sum(lanes[:row]) * (height + GAP_Y) for row in range(rows)]
        self.height = MARGIN_Y + sum(lanes) * (height + GAP_Y)
        used = min(columns, max((cell.layer for cell in places.values()), default=0) + 1)
        self.width = used * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN_X

    def corner(self, name: str) -> Point:
        return self._corner(self.cells[name])

    def _corner(self, cell: Cell) -> Point:
        row, column = divmod(cell.layer, self.columns)
        return MARGIN_X + column * (WIDTH + GAP_X), self.tops[row] + cell.lane * (self.box + GAP_Y)

    def route(self, edge: FlowEdge) -> tuple[Point, ...]:
        """Return the corners of an arrow, which runs between the boxes."""
        source, target = self.cells[edge.source], self.cells[edge.target]
        (left, top), (to_left, to_top) = self._corner(source), self._corner(target)
        start, end = (left + WIDTH, top + self.box // 2), (to_left, to_top + self.box // 2)
        out, into = start[0] + GAP_X // 2, end[0] - GAP_X // 2
        if source.layer < target.layer and source.layer // self.columns == target.layer // self.columns:
            if self._free(source, target.layer, source.lane):
                return _straight(start, (into, start[1]), (into, end[1]), end)
            if self._free(source, target.layer, target.lane):
                return _straight(start, (out, start[1]), (out, end[1]), end)
        # Between two rows, or around the boxes: through the gap above the target.
        gap = to_top - GAP_Y // 2 if source.layer < target.layer else top + self.box + GAP_Y // 2
        return _straight(start, (out, start[1]), (out, gap), (into, gap), (into, end[1]), end)

    def _free(self, source: Cell, layer: int, lane: int) -> bool:
        return not any(Cell(between, lane) in self.occupied for between in range(source.layer + 1, layer))


def _straight(*points: Point) -> tuple[Point, ...]:
    """Leave out the corners at which an arrow does not turn."""
    kept = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        if point != kept[-1] and not (before[1] == point[1] == after[1] or before[0] == point[0] == after[0]):
            kept.append(point)
    return (*kept, points[-1])
