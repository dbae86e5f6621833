"""One job of `benchmarks.simulate`: what it does, on which clock, and the step loop that runs it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import THINK_END, Role
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.engines.scripted.scripts import DELIMITER
from specreason.planning import paper
from specreason.planning.cards import known_cards
from specreason.planning.job_time import PairClocks
from specreason.planning.roofline import Clock, Pace
from specreason.planning.shapes import known_shape
from specreason.planning.workload import scores_with
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import BASELINE_CHUNK_TOKENS, plan_run
from specreason.reasoning.steps import ListSink
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.support.virtual_time import Clock as Now

LARGE_BASE = "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"
# The deviation of a step's logarithmic length: half of the rerun's steps have 17 tokens at most, nine in ten have 50.
SPREAD = 0.85
SUFFIX = "?" * int(paper.SUFFIX_TOKENS)
SPECULATED = 5  # tokens, §5.1
MEAN_TOKENS = {Role.DRAFTER: paper.DRAFT_TOKENS, Role.BASE: paper.WRITTEN_TOKENS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Jobs that are alike: what they do, and the clock they run on."""

    scheme: SchemeName
    think_tokens: float
    pace: Pace
    # The acceptance at `usual_threshold`; that at `threshold` follows.
    acceptance: float = 0.0
    usual_threshold: float = 7
    threshold: float = 7
    token_acceptance: float = 0.0
    first_steps_on_base: int = 0
    large: bool = False


async def run(case: Case, number: int, now: Now) -> float:
    """Run one job; return the seconds it took by its own clock."""
    clocks = clocks_of(case.pace, large=case.large)
    if case.scheme in (SchemeName.SPECDECODE, SchemeName.SPECREASON_DECODE):
        clocks = replace(clocks, draft_model=clocks.drafter, speculated=SPECULATED)
    shares = scores_with(case.acceptance, threshold=case.usual_threshold, like=paper.SCORES)

    def write(role: Role, prompt: str) -> str:
        if THINK_END in prompt:
            return ""  # the paper's loop has no answer apart
        if not case.scheme.drafts_steps:
            return "x" * BASELINE_CHUNK_TOKENS
        length = _length(MEAN_TOKENS[role], f"{number}/{prompt.count(DELIMITER)}/{role}")
        return "x" * (length - 1) + DELIMITER

    def score(prompt: str) -> int:
        return Random(f"{number}/{prompt.count(DELIMITER)}/score").choices(range(10), shares)[0]

    def engine(role: Role) -> ScriptedEngine:
        return ScriptedEngine(
            respond=lambda prompt, seed: write(role, prompt),
            score=score,
            judge_suffix=SUFFIX,
            timing=clocks.timing(role.value, case.token_acceptance),
            clock=now,
        )

    pair = scripted_pair(drafter=engine(Role.DRAFTER), base=engine(Role.BASE), judge_suffix=SUFFIX)
    pair = replace(pair, base_speculates=clocks.draft_model is not None)
    config = RunConfig(
        scheme=case.scheme,
        threshold=case.threshold,
        first_steps_on_base=case.first_steps_on_base,
        token_budget=round(case.think_tokens),
        max_steps=10_000,
        max_same_steps=0,
        overlap=False,
    )
    transcript = Transcript(pair, user_turn("p" * int(paper.PROMPT_TOKENS)))
    started = now()
    await reason(plan_run(config, pair, transcript, seed=number, repeat=0), transcript, ListSink())
    return now() - started


@cache
def clocks_of(pace: Pace, *, large: bool) -> PairClocks:
    """Return the engines of the paper's machines; a drafter has the tensor parallelism of its base (§5.1, §A.1)."""
    card = known_cards()["a100-80" if large else "a6000"]
    models = (LARGE_BASE if large else paper.QWQ_R1.base, paper.QWQ_R1.drafter)
    shapes = [shape for model in models if (shape := known_shape(model)) is not None]
    base, drafter = (
        Clock(shape=shape, card=card, pace=pace, tensor_parallel_size=4 if large else 2) for shape in shapes
    )
    return PairClocks(base=base, drafter=drafter)


def _length(mean: float, key: str) -> int:
    """Return the tokens of one step, the same at every clock."""
    drawn = Random(key).lognormvariate(math.log(mean) - SPREAD**2 / 2, SPREAD)
    return max(2, round(drawn))
