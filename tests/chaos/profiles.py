"""The two kinds of chaos run: on scripted engines, fast and exact, and on the demo pair in real vLLM engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from specreason.config import RunConfig
from tests.chaos.faults import FaultKind

# A job that loses worker after worker is dead by design, for it may be what kills them. Here the monkey kills them,
# and may strike one job any number of times: neither limit may be reached, or its own faults would fail the run.
NEVER = "100000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`deck` is how often each fault comes in one round of the monkey's; `gap_s` the mean pause between two."""

    pair: str
    child_module: str
    num_workers: int
    jobs_per_s: float
    least_jobs: int
    config: RunConfig
    gap_s: float
    deck: Mapping[FaultKind, int]
    slots: int
    lease_s: float
    stall_s: float
    start_s: float  # bound on loading the pair
    pairs_file: Path | None = None
    once: FaultKind | None = None  # half-way through

    @property
    def environment(self) -> dict[str, str]:
        """The workers' settings: every time short, so that a run sees each of them run out often."""
        pairs = {} if self.pairs_file is None else {"SPECREASON_PAIRS_FILE": str(self.pairs_file)}
        return pairs | {
            "SPECREASON_SLOTS": str(self.slots),
            "SPECREASON_LEASE_S": str(self.lease_s),
            "SPECREASON_BEAT_S": "0.5",
            "SPECREASON_STALL_S": str(self.stall_s),
            "SPECREASON_REPUBLISH_S": "3",
            "SPECREASON_RETRY_S": "0.5",
            "SPECREASON_DRAIN_S": "5",
            "SPECREASON_MAX_LOST": NEVER,
            "SPECREASON_MAX_ATTEMPTS": NEVER,
        }


SCRIPTED = Profile(
    pair="scripted",
    child_module="tests.chaos.deployment.faulty_child",
    num_workers=3,
    jobs_per_s=3.0,
    least_jobs=300,
    config=RunConfig(),
    gap_s=1.5,
    deck={
        FaultKind.KILL_CHILD: 3,
        FaultKind.KILL_SUPERVISOR: 1,
        FaultKind.WATCHED_KILL_CHILD: 1,
        FaultKind.WATCHED_KILL_SUPERVISOR: 1,
        FaultKind.FREEZE: 2,
        FaultKind.KILL_ENGINE: 2,
        FaultKind.HANG_ENGINE: 1,
        FaultKind.FLUSH_BROKER: 2,
        FaultKind.RESTART_BROKER: 1,
        FaultKind.RESTART_POSTGRES: 1,
        FaultKind.FREEZE_POSTGRES: 1,
        FaultKind.CUT_CONNECTIONS: 2,
        FaultKind.DUPLICATE_MESSAGES: 2,
        FaultKind.DROP_MESSAGES: 2,
        FaultKind.REPLICA_BROKER: 1,
        FaultKind.FULL_BROKER: 1,
        FaultKind.UNSAVABLE_BROKER: 1,
        FaultKind.CUT_BROKER: 1,
        FaultKind.SILENT_BROKER: 1,
        FaultKind.KILL_API: 1,
        FaultKind.PAUSE_BATCH: 2,
        FaultKind.CANCEL_JOBS: 2,
    },
    once=FaultKind.LONG_OUTAGE,
    slots=4,
    lease_s=4.0,
    stall_s=5.0,
    start_s=120.0,
    pairs_file=Path(__file__).with_name("pairs.toml"),
)

DEMO = Profile(
    pair="demo",
    child_module="worker",
    num_workers=1,
    jobs_per_s=0.1,
    least_jobs=12,
    config=RunConfig(temperature=0.0, token_budget=512, max_answer_tokens=64),
    gap_s=12.0,  # loading the pair takes most of a minute
    deck={
        FaultKind.KILL_CHILD: 2,
        FaultKind.KILL_SUPERVISOR: 1,
        FaultKind.KILL_ENGINE: 2,
        FaultKind.HANG_ENGINE: 1,
        FaultKind.FLUSH_BROKER: 2,
        FaultKind.RESTART_BROKER: 1,
        FaultKind.RESTART_POSTGRES: 1,
        FaultKind.CUT_CONNECTIONS: 1,
        FaultKind.DUPLICATE_MESSAGES: 1,
        FaultKind.DROP_MESSAGES: 1,
        FaultKind.REPLICA_BROKER: 1,
        FaultKind.CUT_BROKER: 1,
        FaultKind.SILENT_BROKER: 1,
    },
    slots=4,
    lease_s=6.0,
    stall_s=15.0,
    start_s=400.0,
)

PROFILES = {profile.pair: profile for profile in (SCRIPTED, DEMO)}
