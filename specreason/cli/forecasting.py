"""What `specreason plan` predicts: whose figures it starts from, which schemes, and for how many jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from specreason.cli.connection import connected
from specreason.cli.dataset.reading import checked_dataset
from specreason.cli.dataset.rows import format_of
from specreason.client import Client, short_id
from specreason.config import SchemeName
from specreason.errors import InputError, InvalidField
from specreason.pairs import PairConfig
from specreason.planning import paper
from specreason.planning.cards import Card
from specreason.planning.forecast import Forecast, Workload, forecast
from specreason.planning.job_time import PairClocks
from specreason.planning.measured import workload_of
from specreason.planning.memory import MemoryPlan
from specreason.planning.roofline import PACES
from specreason.planning.shapes import ModelShape
from specreason.reasoning.schemes import misfit
from specreason.words import counted, none_of

# The jobs of a batch that lengths are read from, and those whose steps are read, too.
JOBS_READ, JOBS_WITH_STEPS = 200, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The user's choices. None: the pair's threshold, the plan's slots, and no number of jobs."""

    schemes: tuple[SchemeName, ...] = ()
    thresholds: tuple[float, ...] = ()
    concurrency: int | None = None
    num_jobs: int | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The forecasts of one pair on its cards, and where their statistics are from.

    `price` is that of one GPU-hour, in the user's own currency. `slots` bounds the jobs in flight.
    """

    source: str
    card: str
    num_devices: int
    slots: int
    num_jobs: int | None
    price: float | None
    rows: tuple[Forecast, ...]


def section(
    name: str,
    pair: PairConfig,
    workload: Workload,
    asked: Asked,
    *,
    shapes: Mapping[str, ModelShape],
    card: Card,
    plan: MemoryPlan,
) -> Section:
    """Return the forecasts that were asked for. Raises InputError for a scheme that the pair cannot run."""
    clocks = [PairClocks.of(pair, shapes, card, pace=pace) for pace in PACES]
    num_devices = max(pair.model(role).tensor_parallel_size for role in shapes)
    rows = []
    for scheme in asked.schemes or _schemes_of(pair):
        if not scheme.fits(base_speculates=pair.speculation is not None):
            raise InvalidField("--scheme", misfit(scheme, name))
        room = plan.kv_tokens // round(workload.worst.job_tokens(scheme))
        most = max(1, min(plan.slots, room))
        for threshold in (
            (asked.thresholds or (pair.threshold,)) if scheme.drafts_steps else (pair.threshold,)
        ):
            rows.append(
                forecast(
                    scheme,
                    workload,
                    clocks,
                    threshold=threshold,
                    concurrency=min(asked.concurrency or most, most),
                    num_devices=num_devices,
                    num_jobs=asked.num_jobs,
                )
            )
    return Section(
        source=workload.source,
        card=card.name,
        num_devices=num_devices,
        slots=plan.slots,
        num_jobs=asked.num_jobs,
        price=asked.price,
        rows=tuple(rows),
    )


def scheme_names(given: Sequence[str]) -> tuple[SchemeName, ...]:
    """Return the schemes of these names, each once. Raises InvalidField for an unknown one."""
    known = tuple(scheme.value for scheme in SchemeName)
    for each in given:
        if each not in known:
            raise InvalidField("--scheme", none_of(each, known))
    return tuple(dict.fromkeys(map(SchemeName, given)))


def number_of_jobs(problems: int | None, file: str | None, repeats: int) -> int | None:
    """Return the jobs of so many problems, or of the dataset in `file`; None without either."""
    if problems is not None and file is not None:
        raise InvalidField("--problems", "a dataset in --file has its own number of problems")
    if file is not None:
        columns = dict.fromkeys(("problem", "answer", "id"))
        with checked_dataset(file, format_of(file), columns, None) as dataset:
            problems = dataset.num_problems
    return None if problems is None else problems * repeats


def workload(pair: PairConfig, like: str, from_batch: str | None, api: str | None) -> Workload:
    """Return the statistics to predict from: those of a batch, or those that the paper has for a dataset."""
    if like not in paper.DATASETS:
        raise InvalidField("--like", none_of(like, paper.DATASETS))
    published = paper.published(pair.base.model, pair.drafter.model)
    best, worst = paper.statistics_on(published, like)
    of_pair = (
        ""
        if published.base == pair.base.model and published.drafter == pair.drafter.model
        else (" with QwQ-32B and R1-1.5B, as it has none for these models")
    )
    usual = Workload(source=f"the paper's figures for {like}{of_pair}", best=best, worst=worst)
    if from_batch is None:
        return usual
    with connected(api) as client:
        return _measured(client, from_batch, usual)


def _measured(client: Client, ref: str, usual: Workload) -> Workload:
    """Return the statistics of a batch's jobs that have succeeded."""
    batch = client.batch(client.find_batch(ref))
    jobs = list(islice(client.jobs(batch.batch_id, states=["succeeded"]), JOBS_READ))
    if not jobs:
        raise InputError(
            f"batch {ref}: none of its jobs has succeeded yet, so that there is nothing to learn from"
        )
    steps = (step for job in jobs[:JOBS_WITH_STEPS] for step in client.steps(job.job_id))
    source = f"{counted(len(jobs), 'job')} of batch {short_id(batch.batch_id)} ({batch.pair}, {batch.scheme})"
    unknown = "" if batch.num_drafted else "; drafts and scores as in " + usual.source
    return workload_of(SchemeName(batch.scheme), jobs, steps, usual, source + unknown)


def _schemes_of(pair: PairConfig) -> tuple[SchemeName, ...]:
    speculates = pair.speculation is not None
    return tuple(scheme for scheme in SchemeName if scheme.fits(base_speculates=speculates))
