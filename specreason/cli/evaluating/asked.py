"""What a user asks of an evaluation, from the options of `specreason eval`. This module finds their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from specreason.cli.dataset.choices import run_config
from specreason.cli.evaluating.dataset import EvalDataset
from specreason.cli.options import check_choices
from specreason.config import RunConfig, SchemeName
from specreason.errors import InvalidField
from specreason.evaluation.cells import OF_THE_REPEATS, Cell, labels
from specreason.evaluation.plan.grid import OF_THE_GRID, Grid
from specreason.evaluation.plan.missing import fixed_knobs
from specreason.evaluation.plan.pairs import pair_of
from specreason.pairs import PairConfig, get_pair
from specreason.submission.remarks import unread_knobs
from specreason.validation import first_invalid_field
from specreason.words import shown

# The option that has the values of a knob of the grid.
OPTION_OF = {
    "scheme": "--schemes",
    "threshold": "--thresholds",
    "first_steps_on_base": "--first-steps",
    "token_budget": "--token-budgets",
}
ALWAYS = (SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON)
# A cell's place is its priority, and of these there are so many at and below the usual one.
MOST_CELLS = 101
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An evaluation: each cell with the configuration of its first repeat, and the fixed knobs of all cells."""

    name: str
    datasets: Mapping[str, EvalDataset]
    cells: Mapping[Cell, RunConfig]
    labels: Mapping[Cell, str]
    knobs: Mapping[str, Any]
    num_repeats: int

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs of the cells, in the order in which they run."""
        return tuple(dict.fromkeys(cell.pair for cell in self.cells))

    def num_problems(self, cell: Cell) -> int:
        return self.datasets[cell.dataset].num_problems


def chosen_schemes(given: str | None) -> tuple[SchemeName, ...] | None:
    """The schemes of `--schemes`; None if the user leaves the choice to the command."""
    if given is None:
        return None
    names = [name.strip() for name in given.split(",")]
    check_choices("--schemes", names, [scheme.value for scheme in SchemeName])
    return tuple(dict.fromkeys(map(SchemeName, names)))


def pairs_of(
    schemes: Sequence[SchemeName] | None,
    pair: str,
    known: Mapping[str, PairConfig],
    is_served: Callable[[str], bool],
) -> dict[SchemeName, str]:
    """The pair of each scheme. Without schemes: of the three usual ones, and of others that a served pair fits.

    Raises InvalidField for an unknown pair, and for a scheme that was asked for and that no pair fits.
    """
    get_pair(known, pair)
    found = {scheme: pair_of(scheme, pair, known) for scheme in schemes or SchemeName}
    if schemes is None:
        return {
            scheme: name
            for scheme, name in found.items()
            if name is not None and (name == pair or scheme in ALWAYS or is_served(name))
        }
    for scheme, name in found.items():
        if name is None:
            has = "without" if scheme.fits(base_speculates=False) else "with"
            raise InvalidField(
                "--schemes",
                f"{scheme} needs a pair with the models and cards of '{pair}' {has} `speculation`, and pairs.toml has "
                f"none; leave {scheme} out, or add such a pair",
            )
    return {scheme: name for scheme, name in found.items() if name is not None}


def asked(
    datasets: Sequence[EvalDataset],
    pairs: Mapping[SchemeName, str],
    known: Mapping[str, PairConfig],
    *,
    pair: str,
    name: str | None,
    grid: Mapping[str, str | None],
    config: str | None,
    seed: int | None,
    num_repeats: int,
) -> Asked:
    """Put it together. `grid` has the lists of numbers by knob, as typed.

    Raises InvalidField that names an option as it is typed.
    """
    chosen = run_config(config, {"seed": seed})
    for knob in chosen:
        if knob in OF_THE_REPEATS:
            raise InvalidField(
                f"config.{knob}", "is for --repeats to say: the command knows what is there already"
            )
        if knob == "scheme" or (knob in grid and grid[knob] is not None):
            raise InvalidField(f"config.{knob}", f"is what {OPTION_OF[knob]} is for; name it there alone")
    lists = {knob: _numbers(knob, grid[knob]) for knob in OF_THE_GRID if grid.get(knob) is not None}
    for knob in lists:
        if all(knob in unread_knobs(scheme) for scheme in pairs):
            raise InvalidField(OPTION_OF[knob], f"has no effect: no step is drafted by {', '.join(pairs)}")
    own = RunConfig.model_validate(chosen)
    thresholds = {
        used: lists.get("threshold", (known[used].threshold if own.threshold is None else own.threshold,))
        for used in pairs.values()
    }
    whole = Grid(
        datasets=tuple(dataset.name for dataset in datasets),
        pairs=pairs,
        thresholds=thresholds,
        first_steps_on_base=lists.get("first_steps_on_base", (own.first_steps_on_base,)),
        token_budgets=lists.get("token_budget", (own.token_budget,)),
        knobs={knob: value for knob, value in chosen.items() if knob not in OF_THE_GRID},
    )
    try:
        cells = whole.cells(MOST_CELLS)
    except ValidationError as error:
        invalid = first_invalid_field(error)
        raise InvalidField(OPTION_OF.get(invalid.field, f"config.{invalid.field}"), invalid.reason) from error
    if len(cells) > MOST_CELLS:
        longest = max(lists, key=lambda knob: len(lists[knob]), default=None)
        raise InvalidField(
            "--dataset" if longest is None else OPTION_OF[longest],
            f"the grid has more than {MOST_CELLS} cells, which is the most that are run at once; give it fewer values",
        )
    _check_pairs(cells, known)
    return Asked(
        name=_checked_name(name, default=f"{'+'.join(whole.datasets)}-{pair}"),
        datasets={dataset.name: dataset for dataset in datasets},
        cells=cells,
        labels=dict(zip(cells, labels(list(cells)), strict=True)),
        knobs=fixed_knobs(chosen),
        num_repeats=num_repeats,
    )


def _numbers(knob: str, text: str | None) -> tuple[Any, ...]:
    """The numbers of a list such as "5,7,9", each once. A threshold may have decimals."""
    number = float if knob == "threshold" else int
    values = []
    for each in (text or "").split(","):
        try:
            values.append(number(each))
        except ValueError:
            kind = "numbers" if number is float else "whole numbers"
            raise InvalidField(
                OPTION_OF[knob], f"must be {kind} with commas between them, not {shown(text)}"
            ) from None
    return tuple(dict.fromkeys(values))


def _check_pairs(cells: Mapping[Cell, RunConfig], known: Mapping[str, PairConfig]) -> None:
    """Refuse now what the API would refuse of one cell once others are submitted."""
    from specreason.reasoning.schemes import check_fit

    for cell, config in cells.items():
        try:
            speculates = known[cell.pair].speculation is not None
            check_fit(config.scheme, config.min_p or 0.0, cell.pair, base_speculates=speculates)
        except InvalidField as error:
            others = f"{error.reason}; name the other schemes with --schemes"
            raise InvalidField(error.field, others) from error


def _checked_name(given: str | None, *, default: str) -> str:
    name = given or default
    if len(name) > LONGEST_NAME:
        whose = "has" if given else "is made of the datasets and the pair by default, and has"
        raise InvalidField("--name", f"{whose} {len(name)} characters; at most {LONGEST_NAME} are allowed")
    if not name.isprintable():
        raise InvalidField("--name", "must have no control characters")
    return name
