"""What `specreason plan` predicts: whose figures it starts from, which schemes, and for how many jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from specreason.cli.connection import connected
from specreason.cli.dataset.reading import checked_dataset
from specreason.cli.planning import Planned
from specreason.client import Client, short_id
from specreason.config import SchemeName
from specreason.errors import InputError, InvalidField
from specreason.pairs import PairConfig
from specreason.planning import paper
from specreason.planning.forecast import Forecast, Workload, forecast
from specreason.planning.job_time import PairClocks
from specreason.planning.measured import workload_of
from specreason.planning.memory import MemoryPlan
from specreason.planning.roofline import PACES
from specreason.reasoning.schemes import check_fit
from specreason.submission.datasets import format_of
from specreason.words import counted, none_of

# The jobs of a batch that lengths are read from, and those whose steps are read, too.
JOBS_READ, JOBS_WITH_STEPS = 200, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The user's choices. None: as many jobs in flight as there is room for, and no number of jobs or price.

    Without schemes, those that the pair can run; without thresholds, the pair's own. `price` is that of one GPU-hour.
    """

    schemes: tuple[SchemeName, ...] = ()
    thresholds: tuple[float, ...] = ()
    concurrency: int | None = None
    num_jobs: int | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The forecasts for a pair on its cards, and where their statistics are from."""

    source: str
    card: str
    num_devices: int
    num_jobs: int | None
    price: float | None
    rows: tuple[Forecast, ...]


def why_not(found: Planned) -> str | None:
    """Return why nothing can be predicted for this plan; None if it can."""
    if found.plan is None:
        return "there is no forecast for a pair that does not fit"
    if found.cards is None:
        return "there is no forecast for a machine without a GPU; --gpu names cards"
    if found.cards.card.bandwidth_gb_s is None:
        return (
            f"there is no forecast: the speed of {found.cards.card.name} is not known here; --gpu names cards"
        )
    return None


def predict(found: Planned, workload: Workload, asked: Asked) -> Prediction:
    """Return the forecasts that were asked for, unless `why_not` says why there are none.

    Raises InvalidField for a scheme that the pair cannot run.
    """
    assert found.plan is not None
    assert found.cards is not None
    pair, card = found.pair, found.cards.card
    clocks = [PairClocks.of(pair, found.shapes, card, pace=pace) for pace in PACES]
    rows = []
    for scheme in asked.schemes or _schemes_of(pair):
        try:
            check_fit(scheme, 0.0, found.name, base_speculates=pair.speculation is not None)
        except InvalidField as error:
            raise InvalidField("--scheme", error.reason) from error
        room = _room(found.plan, workload, scheme)
        thresholds = asked.thresholds if scheme.drafts_steps else ()
        rows += [
            forecast(
                scheme,
                workload,
                clocks,
                threshold=threshold,
                concurrency=min(asked.concurrency or room, room),
                num_devices=pair.num_devices,
                num_jobs=asked.num_jobs,
            )
            for threshold in thresholds or (pair.threshold,)
        ]
    return Prediction(
        source=workload.source,
        card=card.name,
        num_devices=pair.num_devices,
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


def number_of_jobs(
    problems: int | None, file: str | None, repeats: int | None, announce: Callable[[str], None]
) -> int | None:
    """Return the jobs of so many problems, or of the dataset in `file` or of that name; None without either.

    `announce` gets lines while a named dataset is fetched or made. Raises InvalidField for both, and for `repeats` of
    neither.
    """
    if repeats is not None and problems is None and file is None:
        raise InvalidField(
            "--repeats", "says how often each problem runs; name problems with --problems or --file"
        )
    if problems is not None and file is not None:
        raise InvalidField("--problems", "the dataset of --file has a number of its own; name one of both")
    if file is not None:
        with checked_dataset(file, format_of(file), {}, None, announce=announce) as dataset:
            problems = dataset.num_problems
    return None if problems is None else problems * (repeats or 1)


def workload_for(pair: PairConfig, like: str, from_batch: str | None, api: str | None) -> Workload:
    """Return the statistics to predict from: those of a batch, or those that the paper has for a dataset."""
    if like not in paper.DATASETS:
        raise InvalidField("--like", none_of(like, paper.DATASETS))
    published = paper.published(pair.base.model, pair.drafter.model)
    best, worst = paper.statistics_on(published, like)
    is_known = (published.base, published.drafter) == (pair.base.model, pair.drafter.model)
    whose = "" if is_known else " with QwQ-32B and R1-1.5B, because it has none for these two models"
    usual = Workload(source=f"the paper's figures for {like}{whose}", best=best, worst=worst)
    if from_batch is None:
        return usual
    with connected(api) as client:
        return _measured(client, from_batch, usual)


def _measured(client: Client, ref: str, usual: Workload) -> Workload:
    """Return the statistics of a batch's jobs that have succeeded."""
    batch = client.batch(client.find_batch(ref))
    ended = client.jobs(batch.batch_id, states=["succeeded"])
    jobs = list(islice((job for job in ended if job.think_tokens), JOBS_READ))
    if not jobs:
        raise InputError(f"batch {ref}: no job of it has thought and succeeded yet, so it tells nothing")
    steps = (step for job in jobs[:JOBS_WITH_STEPS] for step in client.steps(job.job_id))
    source = f"{counted(len(jobs), 'job')} of batch {short_id(batch.batch_id)} ({batch.pair}, {batch.scheme})"
    if not batch.num_drafted:
        source += f"; for drafts and scores, {usual.source}"
    return workload_of(SchemeName(batch.scheme), jobs, steps, usual, source)


def _room(plan: MemoryPlan, workload: Workload, scheme: SchemeName) -> int:
    """Return the jobs that may be in flight: as many as the slots, if the KV caches hold the longest of such jobs."""
    return max(1, min(plan.slots, int(plan.kv_tokens / workload.worst.job_tokens(scheme))))


def _schemes_of(pair: PairConfig) -> tuple[SchemeName, ...]:
    speculates = pair.speculation is not None
    return tuple(scheme for scheme in SchemeName if scheme.fits(base_speculates=speculates))
