"""The knobs in which two batches differ."""

from __future__ import annotations

from specreason.config import SchemeName, every_knob
from specreason.evaluation.comparison.values import Knob
from specreason.evaluation.estimate import OF_THE_DRAW
from specreason.evaluation.runs import Run
from specreason.submission.remarks import unread_knobs


def differing_knobs(a: Run, b: Run) -> tuple[Knob, ...]:
    """The knobs with other values, by name; the pair of models comes first, as if it were one."""
    found = [] if a.pair == b.pair else [Knob(name="pair", a=a.pair, b=b.pair)]
    ours, theirs = every_knob(a.config), every_knob(b.config)
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            found.append(Knob(name=name, a=ours.get(name), b=theirs.get(name)))
    return tuple(found)


def unlike_in_cost(a: Run, b: Run) -> tuple[Knob, ...]:
    """Those of them, beside the scheme, that can make jobs cost more in one batch: both schemes read them."""
    schemes = (SchemeName(every_knob(run.config)["scheme"]) for run in (a, b))
    left_out = {"scheme", *OF_THE_DRAW}.union(*map(unread_knobs, schemes))
    return tuple(knob for knob in differing_knobs(a, b) if knob.name not in left_out)
