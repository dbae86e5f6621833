"""What an evaluation has stored already, and what it submits. Killed and run again, it does nothing twice.

All state is what the API stores: the metadata of a batch name its evaluation, dataset and fixed knobs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from specreason.cli.evaluating.asked import Asked
from specreason.client import Batch, Client
from specreason.config import RunConfig
from specreason.errors import Conflict, InvalidField
from specreason.evaluation.cells import Cell
from specreason.evaluation.plan.missing import (
    Planned,
    cell_as_asked,
    differing,
    numbers_of_repeats,
    plan,
)
from specreason.submission.grid import name_of
from specreason.submission.jsonl import canonical_json
from specreason.words import shown

# The most characters of a batch's name.
LONGEST_BATCH_NAME = 200
# The keys of a batch's metadata. The last two tell a batch of this command from one that only bears the name.
EVAL, DATASET, HASH, KNOBS = "eval", "dataset", "dataset_hash", "eval_knobs"


def stored_batches(client: Client, asked: Asked) -> dict[Cell, list[Batch]]:
    """The batches that were submitted under this name, by cell, the oldest first.

    Raises InvalidField if other problems or other fixed knobs have this name.
    """
    found: dict[Cell, list[Batch]] = defaultdict(list)
    for batch in reversed(list(client.batches(eval=asked.name))):
        if not _is_of_this_command(batch):
            continue
        _refuse_another(batch, asked)
        dataset, knobs = batch.metadata[DATASET], batch.metadata[KNOBS]
        found[cell_as_asked(batch.pair, dataset, knobs, batch.config)].append(batch)
    return dict(found)


def planned(asked: Asked, stored: Mapping[Cell, Sequence[Batch]]) -> tuple[Planned, ...]:
    """What each cell lacks."""
    there = {
        cell: [numbers_of_repeats(batch.config) for batch in batches] for cell, batches in stored.items()
    }
    return plan(asked.cells, there, asked.num_repeats)


def submitted(client: Client, asked: Asked, cells: Sequence[Planned]) -> Iterator[tuple[Cell, Batch]]:
    """Submit what the cells lack, cell by cell, and yield each batch once it is stored.

    Cells of one pair have falling priorities, so that their jobs run one cell after another. Raises Conflict if
    another command submits the same cell with other repeats at this moment.
    """
    places: dict[str, int] = defaultdict(int)
    for each in cells:
        priority = -places[each.cell.pair]
        places[each.cell.pair] += 1
        for config in each.lacking:
            yield each.cell, _submit(client, asked, each.cell, config, priority)


def batch_name(asked: Asked, cell: Cell, config: RunConfig) -> str:
    """The name of a batch: the evaluation, the dataset if there are several, and what tells its cell from others."""
    of_dataset = f"{asked.name} {cell.dataset}" if len(asked.datasets) > 1 else asked.name
    words = [name_of("", config)]
    if config.scheme.drafts_steps and config.first_steps_on_base:
        words.append(f"first_steps={config.first_steps_on_base}")
    if config.token_budget != RunConfig.model_fields["token_budget"].default:
        words.append(f"budget={config.token_budget}")
    if config.first_repeat:
        words.append(f"from_repeat={config.first_repeat}")
    of_cell = " ".join(words)
    return f"{of_dataset[: LONGEST_BATCH_NAME - len(of_cell) - 1]} {of_cell}"


def _submit(client: Client, asked: Asked, cell: Cell, config: RunConfig, priority: int) -> Batch:
    dataset = asked.datasets[cell.dataset]
    # One key for whatever begins with this repeat of this cell: two commands at once cannot both store it.
    identity = [
        asked.name,
        cell.pair,
        cell.dataset,
        dataset.hash,
        list(cell.knobs),
        cell.scheme,
        config.first_repeat,
    ]
    try:
        return client.submit(
            dataset.content,
            idempotency_key=hashlib.sha256(canonical_json(identity).encode()).hexdigest(),
            pair=cell.pair,
            config=config.model_dump(mode="json", exclude_defaults=True),
            name=batch_name(asked, cell, config),
            priority=priority,
            mapping=dataset.mapping,
            filename=f"{dataset.name}.jsonl",
            metadata={
                **dataset.facts,
                EVAL: asked.name,
                DATASET: dataset.name,
                HASH: dataset.hash,
                KNOBS: dict(asked.knobs),
            },
        )
    except Conflict as error:
        raise Conflict(
            f"the eval '{asked.name}' is being submitted by another command with other options ({error}); run this one "
            "again once that one has submitted"
        ) from error


def _is_of_this_command(batch: Batch) -> bool:
    """Whether the batch is not only one that its user has given the name of an evaluation."""
    facts, knobs = map(batch.metadata.get, (EVAL, DATASET, HASH)), batch.metadata.get(KNOBS)
    return all(isinstance(fact, str) for fact in facts) and isinstance(knobs, dict)


def _refuse_another(batch: Batch, asked: Asked) -> None:
    dataset = asked.datasets.get(batch.metadata[DATASET])
    if dataset is not None and dataset.hash != batch.metadata[HASH]:
        raise InvalidField(
            "--name",
            f"the eval '{asked.name}' has run other problems as '{dataset.name}'; give this one another name, or the "
            "same file and --limit",
        )
    if (found := differing(asked.knobs, batch.metadata[KNOBS])) is not None:
        knob, theirs, ours = found
        raise InvalidField(
            "--name",
            f"the eval '{asked.name}' has run with {knob} {shown(theirs)}, and this one asks for {shown(ours)}; give "
            f"this one another name, or the same {knob}",
        )
