"""What a chaos run found, as one JSON object, and whether it passed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MUST_BE_ZERO = ("lost", "duplicated", "gaps", "stale_writes", "overlapping")


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
    supervisors_ended: Mapping[int, int]
    diverged: int | None  # jobs whose trace is not that of an undisturbed run
    repeated_steps: Mapping[str, int] | None
    recovery_s: Mapping[str, Mapping[str, float | int | None]]
    recovery_bound_s: float

    @property
    def passed(self) -> bool:
        """Times are reported, not judged: they are the machine's too."""
        right = all(self.audit[name] == 0 for name in MUST_BE_ZERO)
        right = right and not self.broken_rules and not self.diverged
        return right and self.audit["succeeded"] == self.audit["jobs"]

    def to_json(self) -> str:
        return json.dumps(
            {
                "passed": self.passed,
                "pair": self.pair,
                "seed": self.seed,
                "duration_s": self.duration_s,
                "workers": self.workers,
                **self.audit,
                "broken_rules": list(self.broken_rules),
                "diverged": self.diverged,
                "num_faults": sum(self.faults.values()),
                "faults": dict(self.faults),
                "attempts": dict(self.outcomes),
                "supervisors_ended": dict(self.supervisors_ended),
                "repeated_steps": self.repeated_steps,
                "recovery_s": {**self.recovery_s, "bound": self.recovery_bound_s},
            }
        )
