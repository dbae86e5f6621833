"""The right trace of a job: that of a run which nothing disturbs, computed without a queue."""

from __future__ import annotations

from specreason.config import RunConfig
from specreason.engines.base import ModelPair
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink, StepRecord
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn


async def undisturbed(
    pair: ModelPair, problem: str, config: RunConfig, *, seed: int, repeat: int
) -> tuple[StepRecord, ...]:
    transcript = Transcript(pair, user_turn(problem))
    run = plan_run(config, pair, transcript, seed=seed, repeat=repeat)
    return (await reason(run, transcript, ListSink())).steps
