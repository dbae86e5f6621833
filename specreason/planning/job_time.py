"""The seconds of one job on a pair of engines, with others in flight beside it.

The calls of a mean job are added up on the clocks of both engines. Each other job is in either engine for as large a
part of its time as this one is: so many calls share the forwards there. While one of the others is in the other engine,
that one takes half of the cards' time. Overlap counts as no gain, because the cards do the same work with it. Storing
and the loop itself are left out; benchmarks/step_overhead.py measures them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from specreason.pairs import PairConfig
from specreason.planning.cards import Card
from specreason.planning.needs import BASE, DRAFTER, batched_tokens, draft_model, loaded_shapes
from specreason.planning.roofline import Clock, Pace, SpeculatingClock
from specreason.planning.shapes import ModelShape
from specreason.planning.timing import Timing
from specreason.planning.workload import Calls, Role

OTHER: dict[Role, Role] = {"base": "drafter", "drafter": "base"}
# The parts of a job's time in the two engines settle within so many rounds: each halves the distance.
ROUNDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class PairClocks:
    """Both engines of a pair on the same cards."""

    base: Clock
    drafter: Clock
    # The model that drafts tokens in the base's engine, and how many before each check. None: there is none.
    draft_model: Clock | None = None
    speculated: int = 0

    @classmethod
    def of(cls, pair: PairConfig, shapes: Mapping[str, ModelShape], card: Card, *, pace: Pace) -> PairClocks:
        """Return the clocks of `pair`; `shapes` are those of config.json, by role.

        Raises InputError for a card of unknown speed.
        """

        def clock(shape: ModelShape, role: Role) -> Clock:
            model = pair.model(role)
            return Clock(
                shape=shape,
                card=card,
                pace=pace,
                tensor_parallel_size=model.tensor_parallel_size,
                batched_tokens=batched_tokens(model),
            )

        loaded, inside = loaded_shapes(pair, shapes), draft_model(pair, shapes)
        return cls(
            base=clock(loaded[BASE], "base"),
            drafter=clock(loaded[DRAFTER], "drafter"),
            # It is spread as the base is.
            draft_model=None if inside is None else clock(inside, "base"),
            speculated=0 if pair.speculation is None else pair.speculation.num_tokens,
        )

    def timing(self, role: Role, token_acceptance: float) -> Timing:
        """Return the timing of a role's engine."""
        if role == "drafter":
            return self.drafter
        if self.draft_model is None:
            return self.base
        return SpeculatingClock(
            base=self.base, drafter=self.draft_model, num_tokens=self.speculated, acceptance=token_acceptance
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTime:
    """Seconds of one job, prompts and verdicts apart from the tokens that are decoded one by one."""

    prefill_s: float
    decode_s: float

    @property
    def latency_s(self) -> float:
        return self.prefill_s + self.decode_s

    def times(self, factor: float) -> JobTime:
        """Return a time that is so many times as long."""
        return JobTime(prefill_s=factor * self.prefill_s, decode_s=factor * self.decode_s)


def job_time(
    calls: Sequence[Calls], clocks: PairClocks, *, concurrency: int, token_acceptance: float
) -> JobTime:
    """Return the seconds of a job of these calls while `concurrency` such jobs are in flight, itself included."""
    timings = {role: clocks.timing(role, token_acceptance) for role in OTHER}
    others = concurrency - 1
    share: dict[Role, float] = dict.fromkeys(OTHER, 0.5)
    for _ in range(ROUNDS):
        times = {}
        for role, other in OTHER.items():
            alone = _time_in(
                (each for each in calls if each.role == role),
                timings[role],
                in_flight=1 + others * share[role],
            )
            other_is_busy = 1 - (1 - share[other]) ** others
            times[role] = alone.times(1 + other_is_busy)
        latency_s = sum(time.latency_s for time in times.values())
        share = {role: (share[role] + times[role].latency_s / latency_s) / 2 for role in OTHER}
    return JobTime(
        prefill_s=sum(time.prefill_s for time in times.values()),
        decode_s=sum(time.decode_s for time in times.values()),
    )


def _time_in(calls: Iterable[Calls], timing: Timing, *, in_flight: float) -> JobTime:
    """Return the seconds of these calls in their engine, if the cards do nothing else."""
    prefill_s = decode_s = 0.0
    for each in calls:
        prefill_s += each.number * timing.first_token_s(each.new, cached=each.context, in_flight=in_flight)
        decode_s += max(each.tokens - each.number, 0) * timing.next_token_s(each.context, in_flight=in_flight)
    return JobTime(prefill_s=prefill_s, decode_s=decode_s)
