"""The metrics of one worker's child, by Prometheus's conventions: counters since its start, seconds, shares 0–1.

One object per process, with a registry of its own: what vLLM registers stays apart. A step costs some twenty additions.
"""

from __future__ import annotations

from itertools import product
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from specreason import __version__
from specreason.engines.base import Completion, Role, Verdict
from specreason.reasoning.economics import FadingMean
from specreason.reasoning.steps import Decision, Phase, StepRecord
from worker.observing.now import NowCollector

SCORES = tuple(float(digit) for digit in range(10))
STEP_S = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
VERDICT_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# How an attempt ends here: as `attempt.outcome` says it, or `recalled`, when the store had ended it before, or
# `engine_died`, after which the supervisor's end of the lease counts the job as lost.
OUTCOMES = ("succeeded", "failed", "error", "released", "recalled", "engine_died")


class WorkerMetrics:
    """Counts what passes through one child. Safe for threads; `see` is called from one event loop only."""

    def __init__(self, pair: str, *, num_restarts: int = 0) -> None:
        """`num_restarts`: how often the supervisor had to start a child again before this one."""
        self.registry = registry = CollectorRegistry()
        self._info = Info("specreason_worker", "The worker behind these figures.", registry=registry)
        self._pair = pair
        self._info.info({"pair": pair, "version": __version__})
        self._now = NowCollector(num_restarts=num_restarts)
        registry.register(self._now)

        steps = Counter(
            "specreason_worker_steps",
            "Kept steps that were handed to the store.",
            ("phase", "decision"),
            registry=registry,
        )
        self._steps = {key: steps.labels(*key) for key in product(Phase, Decision)}
        spent = Counter(
            "specreason_worker_spent_tokens",
            "Tokens that a model generated for kept steps: drafts, verdicts, rewritten steps, answers.",
            ("role",),
            registry=registry,
        )
        kept = Counter(
            "specreason_worker_kept_tokens",
            "Generated tokens that were kept, by the model that wrote them.",
            ("role",),
            registry=registry,
        )
        prompt = Counter(
            "specreason_worker_prompt_tokens", "Tokens of all prompts.", ("role",), registry=registry
        )
        cached = Counter(
            "specreason_worker_cached_tokens",
            "Prompt tokens that came from the prefix cache.",
            ("role",),
            registry=registry,
        )
        self._spent, self._kept, self._prompt, self._cached = (
            {role: counter.labels(role) for role in Role} for counter in (spent, kept, prompt, cached)
        )
        self._acceptance = Gauge(
            "specreason_worker_acceptance",
            "Share of the recent drafts that were kept; the last 64 weigh most.",
            registry=registry,
        )
        self._break_even = Gauge(
            "specreason_worker_break_even",
            "The acceptance from which on drafting pays here, as measured lately in all jobs.",
            registry=registry,
        )
        self._acceptance.set(nan)
        self._break_even.set(nan)
        self._accepted, self._pays_from = FadingMean(), FadingMean()
        self._score = Histogram(
            "specreason_worker_score",
            "Digits that the base gave to drafts; a verdict without one is not here.",
            buckets=SCORES,
            registry=registry,
        )
        self._step_s = Histogram(
            "specreason_worker_step_seconds",
            "Wall seconds of a step that its loop waited for engines.",
            buckets=STEP_S,
            registry=registry,
        )
        self._verdict_s = Histogram(
            "specreason_worker_verdict_seconds",
            "Wall seconds of a verdict.",
            buckets=VERDICT_S,
            registry=registry,
        )
        self._refused = Counter(
            "specreason_worker_refused_writes",
            "Jobs whose step was refused, because their claim did not hold any more.",
            registry=registry,
        )
        ended = Counter(
            "specreason_worker_attempts_ended", "Attempts that ended here.", ("outcome",), registry=registry
        )
        self._ended = {outcome: ended.labels(outcome) for outcome in OUTCOMES}
        self._errors = Counter(
            "specreason_worker_errors",
            "Attempts that an error ended, by the error's class.",
            ("error",),
            registry=registry,
        )

    @property
    def now(self) -> NowCollector:
        """What is read when somebody asks for the metrics."""
        return self._now

    def registered(self, worker_id: str, fingerprint: str) -> None:
        """The worker has registered: it can take jobs."""
        self._info.info(
            {"pair": self._pair, "version": __version__, "worker": worker_id, "fingerprint": fingerprint}
        )

    def see(self, step: StepRecord) -> None:
        """Count a kept step."""
        self._steps[step.phase, step.decision].inc()
        if step.author is not None:
            self._kept[step.author].inc(step.num_kept_tokens)
        self._step_s.observe(step.engine_s)
        if step.draft is not None:
            self._see_completion(Role.DRAFTER, step.draft)
        if step.written is not None and step.author is not None:
            self._see_completion(step.author, step.written)
        if step.verdict is not None:
            self._see_verdict(step.verdict, was_kept=step.written is None)
        if step.odds is not None:
            self._pays_from.see(step.odds.break_even)
            self._break_even.set(self._pays_from.value or nan)

    def refused(self) -> None:
        """Count a job whose step was refused."""
        self._refused.inc()

    def ended(self, outcome: str, error: BaseException | None = None) -> None:
        """Count the end of an attempt; `outcome` is one of OUTCOMES."""
        self._ended[outcome].inc()
        if error is not None:
            self._errors.labels(type(error).__name__).inc()

    def _see_completion(self, role: Role, completion: Completion) -> None:
        self._spent[role].inc(completion.num_tokens)
        self._prompt[role].inc(completion.num_prompt_tokens)
        self._cached[role].inc(completion.num_cached_tokens)

    def _see_verdict(self, verdict: Verdict, *, was_kept: bool) -> None:
        self._spent[Role.BASE].inc()
        self._prompt[Role.BASE].inc(verdict.num_prompt_tokens)
        self._cached[Role.BASE].inc(verdict.num_cached_tokens)
        self._verdict_s.observe(verdict.latency_s)
        if verdict.digit is not None:
            self._score.observe(verdict.digit)
        self._accepted.see(float(was_kept))
        self._acceptance.set(nan if self._accepted.value is None else self._accepted.value)
