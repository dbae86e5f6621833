"""The pairs of jobs that two runs have in common, in columns."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from specreason.evaluation.comparison.matching import Match
from specreason.evaluation.comparison.values import Side
from specreason.evaluation.runs import Run, is_measured, is_timed
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

    def numbers(self, side: int, name: str) -> np.ndarray:
        """A column of numbers of A's (0) or B's (1) jobs, NaN where they are unknown."""
        found: np.ndarray = np.array(self.runs[side].jobs[name], dtype=float)[self._places[side]]
        return found

    def measured(self, name: str) -> Both:
        """A column of numbers of A's and of B's measured jobs, NaN of the others."""
        return self._only_measured(self.numbers(0, name), self.numbers(1, name))

    @cached_property
    def right(self) -> Both:
        """1 for a right answer, 0 for a wrong one."""
        return self.numbers(0, "is_correct"), self.numbers(1, "is_correct")

    @cached_property
    def latency_s(self) -> Both:
        """Of timed jobs; NaN of the others."""
        a, b = (
            np.where(
                list(map(is_timed, self.column(side, "state"), self.column(side, "resumed"))), values, np.nan
            )
            for side, values in enumerate(self.measured("latency_s"))
        )
        return a, b

    @cached_property
    def gpu_s(self) -> Both:
        """Device time of measured jobs, each device counted."""
        return self._only_measured(*self.all_gpu_s)

    @cached_property
    def all_gpu_s(self) -> Both:
        """The same of all jobs that have ended."""
        a, b = (
            (self.numbers(side, "drafter_device_s") + self.numbers(side, "base_device_s"))
            * self.numbers(side, "num_devices")
            for side in (0, 1)
        )
        return a, b

    @cached_property
    def all_right(self) -> Both:
        """`right`, and 0 for a job with a gold answer that ended without success."""
        a, b = (
            np.where(self._unsuccessful[side] & self.column(side, "is_gradable").astype(bool), 0.0, right)
            for side, right in enumerate(self.right)
        )
        return a, b

    @cached_property
    def _measured(self) -> Both:
        a, b = (np.array(list(map(is_measured, self.column(side, "state"))), dtype=bool) for side in (0, 1))
        return a, b

    @cached_property
    def _unsuccessful(self) -> Both:
        a, b = (
            ~self._measured[side] & ~np.isin(self.column(side, "state"), ("queued", "running"))
            for side in (0, 1)
        )
        return a, b

    def _only_measured(self, a: np.ndarray, b: np.ndarray) -> Both:
        return np.where(self._measured[0], a, np.nan), np.where(self._measured[1], b, np.nan)

    def side(self, side: int) -> Side:
        """The batch itself, and how many of its jobs in pairs are in which state."""
        run, measured, unsuccessful = self.runs[side], self._measured[side], self._unsuccessful[side]
        pending = self.column(side, "is_gradable").astype(bool) & ~self.column(side, "is_final").astype(bool)
        timed = ~np.isnan(self.latency_s[0] + self.latency_s[1])
        concurrency = self.numbers(side, "concurrency")[timed]
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
            num_jobs_left_out=run.num_jobs - len(measured),
            num_open=int((~measured & ~unsuccessful).sum()),
            num_unsuccessful=int(unsuccessful.sum()),
            num_to_grade=int((measured & pending).sum()),
            num_resumed=int((measured & self.column(side, "resumed").astype(bool)).sum()),
            num_unmeasured=int(((measured | unsuccessful) & np.isnan(self.all_gpu_s[side])).sum()),
            concurrency=float(known.mean()) if len(known) else None,
            graders={name: number for name, number in graders.items() if name is not None},
        )
