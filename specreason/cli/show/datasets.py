"""Named datasets as a table, and one of them as facts."""

from __future__ import annotations

from collections.abc import Iterable

from specreason.cli.show.output import data_console, print_facts
from specreason.cli.show.tables import Column, print_table
from specreason.named_datasets.listing import NamedDataset

COLUMNS = (
    Column(heading="name"),
    Column(heading="problems", justify="right"),
    Column(heading="licence", drop=1),
    Column(heading="from", least=12, keeps="ends", drop=2),
    Column(heading="here"),
    Column(heading="needs", least=12),
)
ANY_NUMBER = "any number"


def print_datasets(datasets: Iterable[NamedDataset]) -> None:
    """Print one row per dataset."""
    print_table(
        data_console(),
        COLUMNS,
        (
            (
                each.name,
                _problems(each),
                each.licence,
                each.source,
                _here(each),
                "; ".join(each.needs) or None,
            )
            for each in datasets
        ),
    )


def print_dataset(dataset: NamedDataset) -> None:
    """Print what is known of one dataset, one fact a line."""
    print_facts(
        data_console(),
        (
            ("name", dataset.name),
            ("problems", _problems(dataset)),
            ("licence", dataset.licence),
            ("from", dataset.source),
            ("revision", dataset.revision),
            ("sha256", dataset.sha256),
            ("needs", "; ".join(dataset.needs) or "nothing"),
            ("here", _here(dataset)),
            ("tasks", ", ".join(dataset.tasks) or None),
        ),
    )


def _problems(dataset: NamedDataset) -> str:
    return ANY_NUMBER if dataset.num_problems is None else f"{dataset.num_problems:,}"


def _here(dataset: NamedDataset) -> str:
    return "yes" if dataset.is_here else "no"
