"""The verdicts of `specreason grade`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from specreason.cli.dataset.grading import Judged
from specreason.cli.show.output import data_console, print_message
from specreason.cli.show.tables import Cell, Column, print_table
from specreason.words import counted

_COLUMNS = (
    Column(heading="row"),
    Column(heading="gold", least=6),
    Column(heading="answer", least=6),
    Column(heading="verdict"),
    Column(heading="expected"),
    Column(heading="layer", drop=2),
    Column(heading="why", least=12, drop=1),
)
_WORDS = {True: "right", False: "wrong", None: None}


@dataclass(slots=True, kw_only=True)
class Summary:
    """Counts of verdicts. `num_labelled` rows say themselves whether their answer is right."""

    num_answers: int = 0
    num_right: int = 0
    num_given_up: int = 0
    num_labelled: int = 0
    num_disagreements: int = 0

    def count(self, judged: Judged) -> None:
        self.num_answers += 1
        self.num_right += judged.is_correct
        self.num_given_up += judged.given_up
        self.num_labelled += judged.expected is not None
        self.num_disagreements += judged.disagrees


def print_judged(rows: Iterable[Judged]) -> None:
    """Print a table of verdicts; nothing if there is none."""
    cells: list[tuple[Cell, ...]] = [
        (
            each.row,
            each.gold,
            each.answer,
            _WORDS[each.is_correct],
            _WORDS[each.expected],
            each.layer,
            each.why,
        )
        for each in rows
    ]
    if cells:
        print_table(data_console(), _COLUMNS, cells)


def tell_golds(golds: Mapping[str, int]) -> None:
    """Say on stderr how gold answers were found, where that is worth a remark."""
    for remark, number in golds.items():
        print_message(f"the gold answer of {counted(number, 'row')} is {remark}")


def print_summary(summary: Summary) -> None:
    """Print the counts."""
    words = [
        counted(summary.num_answers, "answer"),
        f"{summary.num_right:,} right",
        f"{summary.num_answers - summary.num_right:,} wrong",
    ]
    if summary.num_given_up:
        words.append(f"{summary.num_given_up:,} of them given up")
    if summary.num_labelled:
        words.append(
            f"{counted(summary.num_disagreements, 'disagreement')} with {counted(summary.num_labelled, 'label')}"
        )
    data_console().print(", ".join(words), soft_wrap=True, markup=False)
