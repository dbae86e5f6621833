"""A day of a small cluster, played in seconds: the step loop, its policies and the admission are the product's own.

Two workers have a pair each, QwQ-32B with R1-1.5B on two A6000, and take jobs from one queue. To make a day short, one
token of the scripts stands for TOKENS of the models, and their caches hold so many fewer of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import pytest

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import THINK_END, ModelPair, Role
from specreason.engines.scripted.engine import JUDGE_SUFFIX, ScriptedEngine, scripted_pair
from specreason.engines.scripted.scripts import DELIMITER
from specreason.planning import paper
from specreason.planning.cards import known_cards
from specreason.planning.job_time import PairClocks, job_time
from specreason.planning.roofline import SLOW, Clock
from specreason.planning.shapes import known_shape
from specreason.planning.timing import SECONDS_PER_HOUR, Steady, Timing
from specreason.planning.workload import StepStatistics, calls_of
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.virtual_time import Clock as Now
from tests.support.virtual_time import in_virtual_time
from worker.kv_admission import KvAdmission, Reservation

DAY_S = 86_400
TOKENS = 128
# In tokens of the scripts: a context, what both caches hold, a step, a job's thinking and its answer.
CONTEXT, KV, STEP, THINK, ANSWER = 1024, 550, 32, 128, 12
SLOTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Coarse:
    """A timing for tokens each of which stands for TOKENS. A verdict is still one token."""

    fine: Timing

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        return self.fine.first_token_s(TOKENS * new, cached=TOKENS * cached, in_flight=in_flight)

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        return TOKENS * self.fine.next_token_s(TOKENS * context, in_flight=in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """An engine that shares its cards with another one: while both have work, each gets half of the time.

    Two processes on one card take turns (time slicing), and where both are bound by memory nothing is gained by
    running at once. So this holds with CUDA's MPS, too, but for the gaps that the host leaves.
    """

    alone: Timing
    other_is_busy: Callable[[], bool]

    def first_token_s(self, new: float, *, cached: float, in_flight: float) -> float:
        return self._share() * self.alone.first_token_s(new, cached=cached, in_flight=in_flight)

    def next_token_s(self, context: float, *, in_flight: float) -> float:
        return self._share() * self.alone.next_token_s(context, in_flight=in_flight)

    def _share(self) -> int:
        return 2 if self.other_is_busy() else 1


@cache
def clocks() -> PairClocks:
    base, drafter = (
        Clock(shape=shape, card=known_cards()["a6000"], pace=SLOW, tensor_parallel_size=2)
        for model in (paper.QWQ_R1.base, paper.QWQ_R1.drafter)
        if (shape := known_shape(model)) is not None
    )
    return PairClocks(base=base, drafter=drafter)


def a_pair(now: Now) -> ModelPair:
    """Both engines on the same cards; every second draft is good."""

    def write(prompt: str, seed: int) -> str:
        return "a" * (ANSWER - 1) if THINK_END in prompt else "x" * (STEP - 1) + DELIMITER

    def engine(role: Role, other_is_busy: Callable[[], bool]) -> ScriptedEngine:
        return ScriptedEngine(
            respond=write,
            scores=(9, 3),
            max_model_len=CONTEXT,
            kv_tokens=KV,
            timing=Coarse(fine=Shared(alone=clocks().timing(role.value, 0), other_is_busy=other_is_busy)),
            clock=now,
        )

    drafter = engine(Role.DRAFTER, lambda: base.num_unfinished > 0)
    base = engine(Role.BASE, lambda: drafter.num_unfinished > 0)
    return scripted_pair(drafter=drafter, base=base)


@dataclass(slots=True)
class Worker:
    """A pair, its admission, and what the day brought."""

    pair: ModelPair
    admission: KvAdmission
    running: set[Reservation] = field(default_factory=set)
    latencies: list[float] = field(default_factory=list)
    num_started: int = 0
    most_running: int = 0
    most_reserved: int = 0
    num_steps: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


async def run_jobs(worker: Worker, now: Now) -> None:
    """One of a worker's slots: take jobs from a queue without an end until the day is over."""
    while now() < DAY_S:
        # On one thread, a job that waits inside would keep all others from ending.
        if not worker.admission._has_room():
            worker.ended.clear()
            await worker.ended.wait()
            continue
        with worker.admission.reserve() as reservation:
            worker.running.add(reservation)
            await run_job(worker, reservation, now)
            worker.running.discard(reservation)
        worker.ended.set()


async def run_job(worker: Worker, reservation: Reservation, now: Now) -> None:
    started, sink = now(), ListSink()
    worker.num_started += 1
    transcript = Transcript(worker.pair, user_turn(f"{worker.num_started:4d}"))
    reservation.hold(transcript)
    config = RunConfig(
        token_budget=THINK, max_step_tokens=STEP, max_answer_tokens=ANSWER, max_same_steps=0, overlap=False
    )
    worker.most_running = max(worker.most_running, len(worker.running))
    await reason(plan_run(config, worker.pair, transcript, seed=0, repeat=0), transcript, sink)
    worker.most_reserved = max(worker.most_reserved, sum(each.num_tokens for each in worker.running))
    reservation.completed()
    worker.latencies.append(now() - started)
    worker.num_steps += len(sink.steps)


async def a_day(now: Now) -> list[Worker]:
    workers = [Worker(pair=pair, admission=KvAdmission(pair)) for pair in (a_pair(now), a_pair(now))]
    await asyncio.gather(*(run_jobs(worker, now) for worker in workers for _ in range(SLOTS)))
    return workers


@pytest.fixture(scope="module")
def day() -> list[Worker]:
    return in_virtual_time(a_day)


def test_an_engine_has_half_of_the_time_while_the_other_one_is_busy() -> None:
    busy = False
    shared = Shared(alone=Steady(latency_s=1, token_s=2), other_is_busy=lambda: busy)
    assert shared.first_token_s(10, cached=0, in_flight=1) == 3
    assert shared.next_token_s(10, in_flight=1) == 2
    busy = True
    assert shared.first_token_s(10, cached=0, in_flight=1) == 6
    assert shared.next_token_s(10, in_flight=1) == 4


def test_every_slot_works_all_day_within_slots_and_caches(day: list[Worker]) -> None:
    for worker in day:
        assert 1 < worker.most_running <= SLOTS
        assert worker.most_reserved <= KV
        assert not worker.running
        assert worker.num_steps > len(worker.latencies) * THINK / STEP


def test_the_caches_and_not_the_slots_bound_the_jobs_in_flight(day: list[Worker]) -> None:
    length = THINK + ANSWER + len("User:    1\n<think>\n")
    for worker in day:
        assert worker.most_running == pytest.approx(KV / length, abs=1)


def test_a_day_of_jobs_takes_about_what_the_forecast_says(day: list[Worker]) -> None:
    statistics = StepStatistics(
        prompt_tokens=12 * TOKENS,
        think_tokens=THINK * TOKENS,
        base_tokens=THINK * TOKENS,
        drafter_tokens=THINK * TOKENS,
        draft_tokens=STEP * TOKENS,
        written_tokens=STEP * TOKENS,
        suffix_tokens=len(JUDGE_SUFFIX) * TOKENS,
        answer_tokens=ANSWER * TOKENS,
        scores=(0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0.5),
        token_acceptance=0,
    )
    for worker in day:
        expected = job_time(
            calls_of(SchemeName.SPECREASON, statistics, threshold=7),
            clocks(),
            concurrency=worker.most_running,
            token_acceptance=0,
        )
        predicted = worker.most_running * SECONDS_PER_HOUR / expected.latency_s
        assert len(worker.latencies) / (DAY_S / SECONDS_PER_HOUR) == pytest.approx(predicted, rel=0.2)
