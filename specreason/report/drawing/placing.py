"""Places labels beside points so that they cover neither each other nor a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from specreason.report.drawing.ink import GREY

# Distances in points at which a label is tried around its point, and directions in degrees, the best first.
DISTANCES = (3, 8, 15, 23, 33, 45, 60, 78, 100, 125)
DIRECTIONS = (0, 180, 90, 270, 35, 325, 145, 215, 60, 300, 120, 240, 15, 345, 165, 195)
# A label farther away gets a line to its point.
NEAR = 9
MARKER = 4.5  # points from the middle of a marker to its edge
# What covering costs for each square point, against one point of distance.
OF_LABELS, OF_MARKERS, OF_LINES, OUTSIDE = 20.0, 12.0, 0.8, 60.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in points of the page."""

    left: float
    bottom: float
    right: float
    top: float

    def covered_by(self, other: Box) -> float:
        """The area that both have in common, in square points."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0

    def outside(self, other: Box) -> float:
        """The area that does not lie in the other one, in square points."""
        return (self.right - self.left) * (self.top - self.bottom) - self.covered_by(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A point in data coordinates and its label; `lines` are the boxes of its interval bars, in data coordinates."""

    x: float
    y: float
    label: str
    lines: Sequence[tuple[float, float, float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacles:
    """What a label must not cover, and the room that it must not leave."""

    room: Box
    markers: Sequence[Box]
    lines: Sequence[Box]
    labels: list[Box]

    def cost(self, box: Box, distance: float) -> float:
        """What a label in this box costs, so far from its point."""
        return (
            distance
            + OF_LABELS * sum(map(box.covered_by, self.labels))
            + OF_MARKERS * sum(map(box.covered_by, self.markers))
            + OF_LINES * sum(map(box.covered_by, self.lines))
            + OUTSIDE * box.outside(self.room)
        )


def places(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    room: Box,
    lines: Sequence[Box] = (),
) -> list[tuple[float, float]]:
    """The middle of each label, from the place of each point and the size of each label, all in points of the page.

    Greedy: each label takes the cheapest place that those before it have left.
    """
    markers = [Box(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in points]
    obstacles = Obstacles(room=room, markers=markers, lines=lines, labels=[])
    for (x, y), size in zip(points, sizes, strict=True):
        tried = [(_box(x, y, size, each, angle), each) for each in DISTANCES for angle in DIRECTIONS]
        costs = [obstacles.cost(box, distance) for box, distance in tried]
        obstacles.labels.append(tried[costs.index(min(costs))][0])
    return [((box.left + box.right) / 2, (box.bottom + box.top) / 2) for box in obstacles.labels]


def place_labels(axes: Any, labelled: Sequence[Labelled], *, fontsize: float = 8.5) -> None:
    """Write the labels. The layout of the figure must be settled, and its limits set."""
    if not labelled:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = axes.figure
    renderer = FigureCanvasAgg(figure).get_renderer()
    to_points = 72 / figure.dpi
    ink = {"fontsize": fontsize, "ha": "center", "va": "center"}
    sizes = []
    for each in labelled:
        text = axes.text(each.x, each.y, each.label, **ink)
        extent = text.get_window_extent(renderer)
        sizes.append((extent.width * to_points + 2, extent.height * to_points + 1))
        text.remove()
    transform = axes.transData.transform
    points = [tuple(to_points * transform((each.x, each.y))) for each in labelled]
    lines = [
        Box(*(to_points * transform((left, bottom)) - 1), *(to_points * transform((right, top)) + 1))
        for each in labelled
        for left, bottom, right, top in each.lines
    ]
    area = axes.get_window_extent(renderer)
    room = Box(*(to_points * value for value in (area.x0, area.y0, area.x1, area.y1)))
    for each, (x, y), (to_x, to_y), (width, height) in zip(
        labelled, points, places(points, sizes, room, lines), sizes, strict=True
    ):
        gap = math.hypot(max(0.0, abs(to_x - x) - width / 2), max(0.0, abs(to_y - y) - height / 2))
        arrow = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARKER}
        axes.annotate(
            each.label,
            (each.x, each.y),
            xytext=(to_x - x, to_y - y),
            textcoords="offset points",
            arrowprops=arrow if gap > NEAR + 1 else None,
            annotation_clip=False,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
            **ink,
        )


def settle(figure: Any) -> None:
    """Lay the figure out once and keep that, so that places on the page are known."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _box(x: float, y: float, size: tuple[float, float], distance: float, angle: float) -> Box:
    """A box of this size whose edge is about so far from the marker's edge in this direction."""
    width, height = size
    across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    middle_x = x + across * (MARKER + distance) + _sign(across) * width / 2
    middle_y = y + up * (MARKER + distance) + _sign(up) * height / 2
    return Box(middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2)


def _sign(value: float) -> float:
    return 0.0 if abs(value) < 1e-9 else math.copysign(1.0, value)
