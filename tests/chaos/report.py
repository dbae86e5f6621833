"""The findings of a chaos run, as one JSON object, and whether it passed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MUST_BE_ZERO = ("lost", "duplicated", "gaps", "stale_writes", "overlapping")
MOST_REPEATED = (
    2  # steps of a job that one crash may cost: the one awaiting its commit and the one in progress
)
# What a run of five minutes has to show for itself; a shorter one in proportion.
FULL_RUN_S = 300.0
FLUSH_BOUND_S = 20.0
LEAST_FAULTS, LEAST_KINDS, LEAST_KILLS_AFTER_A_STEP, LEAST_STALE_REFUSED = 60, 5, 10, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`supervisors_ended`: exit statuses of those that were not killed. None is what the demo pair does not tell."""

    seed: int
    duration_s: float
    pair: str
    workers: int
    audit: Mapping[str, int]
    broken_rules: Sequence[str]  # of queue_rules, at the end or at some moment before
    outcomes: Mapping[str, int]
    faults: Mapping[str, int]
    unanswered: int  # submissions that had to be sent again
    orphans: int  # processes that were left when all had been told to end
    supervisors_ended: Mapping[int, int]
    diverged: int | None  # jobs whose trace is not that of an undisturbed run
    repeated_steps: Mapping[str, int] | None
    recovery_s: Mapping[str, Mapping[str, float | int | None]]
    recovery_bound_s: float

    @property
    def passed(self) -> bool:
        return not self.complaints

    @property
    def complaints(self) -> list[str]:
        """What is wrong with the pipeline, and whether there was enough to find it out.

        Recovery times are judged in full runs only: in a short one there may be none.
        """
        share = min(1.0, self.duration_s / FULL_RUN_S)
        repeated = self.repeated_steps["max"] if self.repeated_steps is not None else 0
        wrong = {
            **{name: self.audit[name] != 0 for name in MUST_BE_ZERO},
            "not all succeeded": self.audit["succeeded"] != self.audit["jobs"],
            "broken rules": bool(self.broken_rules),
            "diverged": bool(self.diverged),
            "orphans": bool(self.orphans),
            "repeated steps": repeated > MOST_REPEATED,
        }
        if self.scripted:  # a real pair takes too long to load for so many
            wrong |= {
                "too few faults": sum(self.faults.values()) < share * LEAST_FAULTS,
                "too few kinds of fault": len(self.faults) < share * LEAST_KINDS,
                "too few kills after a step": self.audit["kills_after_a_step"]
                < int(share * LEAST_KILLS_AFTER_A_STEP),
                "too few stale writes refused": self.audit["stale_refused"]
                < int(share * LEAST_STALE_REFUSED),
            }
        if self.scripted and share == 1:
            worker, flush = self.recovery_s["worker"], self.recovery_s["flush"]
            wrong |= {
                "no recovery was watched": not worker["count"],
                "late recovery": (worker["max"] or 0) > self.recovery_bound_s,
                "late after a flush": (flush["max"] or 0) > FLUSH_BOUND_S,
            }
        return [complaint for complaint, holds in wrong.items() if holds]

    @property
    def scripted(self) -> bool:
        return self.repeated_steps is not None

    def to_json(self) -> str:
        return json.dumps(
            {
                "passed": self.passed,
                "complaints": self.complaints,
                "pair": self.pair,
                "seed": self.seed,
                "duration_s": self.duration_s,
                "workers": self.workers,
                **self.audit,
                "broken_rules": list(self.broken_rules),
                "diverged": self.diverged,
                "num_faults": sum(self.faults.values()),
                "faults": dict(self.faults),
                "unanswered": self.unanswered,
                "orphans": self.orphans,
                "attempts": dict(self.outcomes),
                "supervisors_ended": dict(self.supervisors_ended),
                "repeated_steps": self.repeated_steps,
                "recovery_s": {**self.recovery_s, "bound": self.recovery_bound_s},
            }
        )
