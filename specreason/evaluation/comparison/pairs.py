"""The pairs of jobs that two runs have in common, in columns."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from specreason.evaluation.comparison.matching import Match
from specreason.evaluation.comparison.values import Side
from specreason.evaluation.runs import Run
from specreason.evaluation.scientific import np

Both = tuple[np.ndarray, np.ndarray]


class Pairs:
    """`problems` has the number of each pair's problem among the `num_problems` matched ones."""

    def __init__(self, a: Run, b: Run, matched: Match) -> None:
        self.runs = (a, b)
        places = np.array(matched.pairs, dtype=int).reshape(-1, 3)
        self.problems, self.num_problems = places[:, 0], len(matched.problems)
        self._places = (places[:, 1], places[:, 2])

    def column(self, side: int, name: str) -> np.ndarray:
        """A column of words or truths of A's (0) or B's (1) jobs."""
        found: np.ndarray = np.array(self.runs[side].jobs[name], dtype=object)[self._places[side]]
        return found

    def of(self, name: str) -> Both:
        """A column of numbers of A's and of B's jobs, NaN where they are unknown."""
        a, b = (
            np.array(run.jobs[name], dtype=float)[places]
            for run, places in zip(self.runs, self._places, strict=True)
        )
        return a, b

    @cached_property
    def right(self) -> Both:
        """1 for a right answer, 0 for a wrong one."""
        return self.of("is_correct")

    @cached_property
    def latency_s(self) -> Both:
        """Of jobs that succeeded in one attempt; NaN of the others."""
        a, b = self.of("latency_s")
        for side, values in enumerate((a, b)):
            values[
                (self.column(side, "state") != "succeeded") | self.column(side, "resumed").astype(bool)
            ] = np.nan
        return a, b

    @cached_property
    def gpu_s(self) -> Both:
        """Device time, each device counted, of jobs that succeeded; NaN of the others."""
        a, b = (
            np.array(run.gpu_s(), dtype=float)[places]
            for run, places in zip(self.runs, self._places, strict=True)
        )
        return a, b

    def graded(self) -> Both:
        """By problem, the repeats with a grade in both, and how many more of them are right in B."""
        more = self.right[1] - self.right[0]
        known = ~np.isnan(more)
        numbers = np.bincount(self.problems[known], minlength=self.num_problems)
        return numbers, np.bincount(self.problems[known], weights=more[known], minlength=self.num_problems)

    def side(self, side: int) -> Side:
        """The batch itself, and how many of its jobs in pairs are in which state."""
        run, state = self.runs[side], self.column(side, "state")
        open_, succeeded = np.isin(state, ("queued", "running")), state == "succeeded"
        pending = self.column(side, "is_gradable").astype(bool) & ~self.column(side, "is_final").astype(bool)
        timed = ~np.isnan(self.latency_s[0] + self.latency_s[1])
        concurrency = self.of("concurrency")[side][timed]
        known = concurrency[~np.isnan(concurrency)]
        graders = Counter(self.column(side, "graded_by").tolist())
        return Side(
            batch_id=run.batch_id,
            name=run.name,
            pair=run.pair,
            scheme=str(run.config.get("scheme", "")),
            created_at=run.created_at,
            num_problems=run.num_problems,
            num_jobs=run.num_jobs,
            num_problems_left_out=run.num_problems - self.num_problems,
            num_jobs_left_out=run.num_jobs - len(state),
            num_open=int(open_.sum()),
            num_unsuccessful=int((~open_ & ~succeeded).sum()),
            num_to_grade=int((succeeded & pending).sum()),
            num_resumed=int((succeeded & self.column(side, "resumed").astype(bool)).sum()),
            num_unmeasured=int((succeeded & np.isnan(self.gpu_s[side])).sum()),
            concurrency=float(known.mean()) if len(known) else None,
            graders={name: number for name, number in graders.items() if name is not None},
        )
