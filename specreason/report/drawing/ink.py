"""What all pictures of this project share: colours, markers, hatches and the style of a page.

The colours are Okabe and Ito's, which every eye tells apart; markers, line styles and hatches tell the same in black
and white.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specreason.config import SchemeName

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
AMBER, SKY, PINK = "#E69F00", "#56B4E9", "#CC79A7"
GREY, PALE, BLACK = "#767676", "#999999", "#000000"

# Fixed, so that the same values give the same bytes on every machine with the same matplotlib.
STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    # A dollar sign of a user begins no formula.
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "specreason",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """How one thing is drawn wherever it appears: its colour, its marker and its hatch."""

    name: str
    colour: str
    marker: str = "o"
    hatch: str = ""


INK_OF: dict[str, Ink] = {
    SchemeName.BASE: Ink(name="base", colour=BLUE, marker="s"),
    SchemeName.DRAFTER: Ink(name="drafter", colour=AMBER, marker="v"),
    SchemeName.SPECREASON: Ink(name="specreason", colour=GREEN, marker="o"),
    SchemeName.SPECDECODE: Ink(name="specdecode", colour=PINK, marker="D"),
    SchemeName.SPECREASON_DECODE: Ink(name="specreason+decode", colour=ORANGE, marker="^"),
}
# Authors have the colours of the schemes in which they write alone.
BY_BASE = Ink(name="kept, written by the base", colour=BLUE)
BY_DRAFTER = Ink(name="kept, written by the drafter", colour=AMBER, hatch="///")
WASTED = Ink(name="wasted: spent and not kept", colour="#FFFFFF", hatch="xxx")

LINE_COLOURS = (GREEN, ORANGE, BLUE, PINK, BLACK, AMBER, SKY)
LINE_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "p", "*")
LINE_DASHES = ("-", "--", "-.", ":", (0, (5, 1)))


def ink_of(scheme: str) -> Ink:
    """The ink of a scheme; grey for one that this version does not know."""
    return INK_OF.get(scheme, Ink(name=scheme, colour=GREY, marker="X"))


def line_styles(schemes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The style of each line, from its name and scheme. A scheme's only line has the scheme's own ink.

    The others get the colours in turn, with other markers in each round, so that no two of some dozens are alike.
    """
    given = list(schemes.values())
    own = {name: ink_of(scheme) for name, scheme in schemes.items() if given.count(scheme) == 1}
    colours = [colour for colour in LINE_COLOURS if colour not in {ink.colour for ink in own.values()}]
    markers = [marker for marker in LINE_MARKERS if marker not in {ink.marker for ink in own.values()}]
    styles: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(schemes):
        other = place - sum(before in own for before in list(schemes)[:place])
        ink = own.get(name)
        styles[name] = {
            "color": ink.colour if ink else colours[other % len(colours)],
            "marker": ink.marker if ink else markers[(other + other // len(colours)) % len(markers)],
            "linestyle": LINE_DASHES[place % len(LINE_DASHES)],
        }
    return styles
