"""A grid of cells: datasets × schemes × thresholds × first steps on the base × token budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from specreason.config import RunConfig, SchemeName
from specreason.evaluation.cells import Cell, cell_of, in_order
from specreason.submission.remarks import unread_knobs

# The knobs that make cells of one evaluation differ. All others are the same in each.
OF_THE_GRID = ("scheme", "threshold", "first_steps_on_base", "token_budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What to combine. `pairs` has the pair of each scheme, `thresholds` those of each pair, `knobs` the fixed ones.

    Knobs that the user does not choose have the defaults of RunConfig.
    """

    datasets: tuple[str, ...]
    pairs: Mapping[SchemeName, str]
    thresholds: Mapping[str, tuple[float, ...]]
    first_steps_on_base: tuple[int, ...]
    token_budgets: tuple[int, ...]
    knobs: Mapping[str, Any]

    def cells(self, most: int) -> dict[Cell, RunConfig]:
        """Each cell once, in order, with the configuration of its first repeat. Raises as RunConfig does.

        A knob that a scheme does not read makes no further cells. Of a grid with more than `most` cells it returns
        `most` + 1 of them.
        """
        found: dict[Cell, RunConfig] = {}
        for cell, config in self._combinations():
            found[cell] = config
            if len(found) > most:
                break
        return {cell: found[cell] for cell in in_order(found)}

    def _combinations(self) -> Iterator[tuple[Cell, RunConfig]]:
        for dataset, (scheme, pair) in product(self.datasets, self.pairs.items()):
            unread = unread_knobs(scheme)
            lists = ((scheme,), self.thresholds[pair], self.first_steps_on_base, self.token_budgets)
            read = {
                knob: values for knob, values in zip(OF_THE_GRID, lists, strict=True) if knob not in unread
            }
            for values in product(*read.values()):
                chosen = dict(zip(read, values, strict=True))
                config = RunConfig.model_validate({**self.knobs, **chosen, "repeats": 1, "first_repeat": 0})
                yield cell_of(pair, dataset, config.model_dump(mode="json")), config
