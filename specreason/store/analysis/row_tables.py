"""The tables whose rows leave the database as Arrow: their columns, keys and words. No other place names them.

A change of a column, its kind or its words raises SCHEMA_VERSION, which every stream and file carries. An id is text,
as commands and pages show it: a reader can join, print and search it, and a sorted column of repeated ids costs a
Parquet file next to nothing. A word is one of a fixed list, in the order of its enum. JSON is its text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from specreason.engines.base import FinishReason, Role
from specreason.reasoning.steps import Decision, Phase, StopReason
from specreason.store.tables.states import AttemptOutcome, JobState

SCHEMA_VERSION = 2
# The schemas of files that this version imports. Version 1 has no rewards, and is the same otherwise.
READABLE_VERSIONS = frozenset({1, SCHEMA_VERSION})


class Table(StrEnum):
    """The tables, in an order in which every row follows those that it refers to."""

    MODEL_PAIR = "model_pair"  # those that the batch's jobs ran on
    WORKER = "worker"  # those that claimed one of its jobs
    BATCH = "batch"
    PROBLEM = "problem"
    JOB = "job"
    STEP = "step"
    PAYLOAD = "payload"  # `step_payload`: texts and token ids
    ATTEMPT = "attempt"
    GRADE = "grade"
    REWARD = "reward"  # `step_reward`: scores of process reward models

    @property
    def source(self) -> str:
        """Its name in the database."""
        return f"step_{self}" if self in (Table.PAYLOAD, Table.REWARD) else self.value

    @property
    def key(self) -> tuple[str, ...]:
        """The columns by which its rows are sorted."""
        return KEYS[self]

    @property
    def columns(self) -> tuple[Column, ...]:
        return COLUMNS[self]

    @property
    def is_of_jobs(self) -> bool:
        """Whether each of its rows names a job."""
        return self.key[0] == "job_id"


class Kind(Enum):
    """What a column holds."""

    ID = auto()
    TEXT = auto()
    JSON = auto()
    WORD = auto()
    FLAG = auto()
    SHORT = auto()  # 16 bits
    INT = auto()  # 32 bits
    LONG = auto()  # 64 bits
    REAL = auto()
    MOMENT = auto()  # microseconds, UTC
    TOKEN_IDS = auto()
    DIGITS = auto()  # ten probabilities; one is null where it is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. `words` are those of a Kind.WORD."""

    name: str
    kind: Kind
    nullable: bool = False
    words: tuple[str, ...] = ()


KEYS: dict[Table, tuple[str, ...]] = {
    Table.MODEL_PAIR: ("fingerprint",),
    Table.WORKER: ("id",),
    Table.BATCH: ("id",),
    Table.PROBLEM: ("index",),
    Table.JOB: ("id",),
    Table.STEP: ("job_id", "index"),
    Table.PAYLOAD: ("job_id", "index"),
    Table.ATTEMPT: ("job_id", "number"),
    Table.GRADE: ("job_id", "id"),
    Table.REWARD: ("job_id", "step_index", "prm", "revision"),
}


def _kept(kind: Kind, names: str) -> list[Column]:
    """Columns that are never null."""
    return [Column(name=name, kind=kind) for name in names.split()]


def _maybe(kind: Kind, names: str) -> list[Column]:
    return [Column(name=name, kind=kind, nullable=True) for name in names.split()]


def _word(name: str, words: Iterable[StrEnum], *, nullable: bool = True) -> list[Column]:
    return [Column(name=name, kind=Kind.WORD, nullable=nullable, words=tuple(map(str, words)))]


def _completion(role: str) -> list[Column]:
    """One generate call of a step, as `tables.trace` explains it."""
    return [
        *_maybe(Kind.INT, f"{role}_tokens"),
        *_word(f"{role}_finish_reason", FinishReason),
        *_maybe(Kind.INT, f"{role}_prompt_tokens {role}_cached_tokens"),
        *_maybe(Kind.REAL, f"{role}_ttft_s {role}_latency_s"),
    ]


_DEVICE_SECONDS = _maybe(Kind.REAL, "drafter_device_s base_device_s drafter_prefill_s base_prefill_s")

COLUMNS: dict[Table, tuple[Column, ...]] = {
    Table.MODEL_PAIR: (
        *_kept(Kind.TEXT, "fingerprint name"),
        *_kept(Kind.JSON, "config"),
        *_kept(Kind.MOMENT, "created_at"),
    ),
    Table.WORKER: (
        *_kept(Kind.ID, "id"),
        *_kept(Kind.TEXT, "pair pair_fingerprint"),
        *_maybe(Kind.TEXT, "gpu"),
        *_kept(Kind.TEXT, "host"),
        *_kept(Kind.INT, "pid slots num_devices"),
        *_kept(Kind.MOMENT, "started_at heartbeat_at lease_expires_at"),
        *_maybe(Kind.MOMENT, "stopped_at"),
    ),
    Table.BATCH: (
        *_kept(Kind.ID, "id"),
        *_kept(Kind.TEXT, "name pair"),
        *_kept(Kind.JSON, "config"),
        *_kept(Kind.TEXT, "config_hash"),
        *_kept(Kind.INT, "num_problems num_jobs priority"),
        *_kept(Kind.JSON, "metadata"),
        *_maybe(Kind.TEXT, "owner"),
        *_maybe(Kind.ID, "file_id openai_batch_id"),
        *_kept(Kind.MOMENT, "created_at"),
        *_maybe(Kind.MOMENT, "paused_at cancelled_at"),
    ),
    Table.PROBLEM: (
        *_kept(Kind.ID, "id batch_id"),
        *_kept(Kind.INT, "index"),
        *_maybe(Kind.TEXT, "problem_id"),
        *_kept(Kind.TEXT, "text"),
        *_maybe(Kind.TEXT, "answer"),
        *_kept(Kind.JSON, "source"),
        *_maybe(Kind.JSON, "messages"),
    ),
    Table.JOB: (
        *_kept(Kind.ID, "id batch_id problem_id"),
        *_kept(Kind.INT, "repeat"),
        *_kept(Kind.LONG, "seed"),
        *_kept(Kind.TEXT, "pair"),
        *_kept(Kind.INT, "priority"),
        *_word("state", JobState, nullable=False),
        *_kept(Kind.LONG, "turn"),
        *_kept(Kind.FLAG, "paused alone"),
        *_kept(Kind.MOMENT, "run_after"),
        *_maybe(Kind.MOMENT, "deadline_at"),
        *_kept(Kind.LONG, "fence"),
        *_kept(Kind.INT, "num_attempts num_errors num_lost"),
        *_maybe(Kind.ID, "worker_id"),
        *_maybe(Kind.TEXT, "pair_fingerprint"),
        *_maybe(Kind.MOMENT, "published_at"),
        *_maybe(Kind.INT, "concurrency"),
        *_kept(Kind.FLAG, "resumed gradable"),
        *_kept(Kind.MOMENT, "created_at"),
        *_maybe(Kind.MOMENT, "started_at finished_at"),
        *_word("stop_reason", StopReason),
        *_maybe(Kind.TEXT, "error answer"),
        *_maybe(Kind.INT, "num_steps num_thinking num_by_drafter num_drafted num_accepted"),
        *_maybe(Kind.LONG, "think_tokens answer_tokens spent_tokens drafter_tokens"),
        *_maybe(Kind.REAL, "engine_s latency_s"),
        *_maybe(Kind.MOMENT, "graded_at"),
        *_maybe(Kind.LONG, "inserted_tokens"),
        *_maybe(Kind.REAL, "store_s admission_s mean_concurrency"),
        *_DEVICE_SECONDS,
        *_maybe(Kind.TEXT, "grader"),
        *_kept(Kind.INT, "num_grading_attempts"),
        *_maybe(Kind.MOMENT, "grading_until"),
    ),
    Table.STEP: (
        *_kept(Kind.ID, "job_id"),
        *_kept(Kind.INT, "index"),
        *_kept(Kind.LONG, "fence"),
        *_word("phase", Phase, nullable=False),
        *_word("decision", Decision, nullable=False),
        *_word("author", Role),
        *_maybe(Kind.REAL, "recent_acceptance break_even"),
        *_maybe(Kind.INT, "tokens_since_draft"),
        *_maybe(Kind.REAL, "threshold"),
        *_maybe(Kind.SHORT, "utility_score"),
        *_maybe(Kind.REAL, "expected_score"),
        *_maybe(Kind.DIGITS, "digit_probs"),
        *_maybe(Kind.REAL, "non_digit_mass"),
        *_kept(Kind.INT, "kept_tokens spent_tokens"),
        *_word("finish_reason", FinishReason),
        *_completion("draft"),
        *_maybe(Kind.REAL, "draft_ahead_s"),
        *_maybe(Kind.INT, "verify_token_id verify_prompt_tokens verify_cached_tokens"),
        *_maybe(Kind.REAL, "verify_latency_s"),
        *_completion("written"),
        *_kept(Kind.MOMENT, "created_at"),
        *_DEVICE_SECONDS,
        *_kept(Kind.INT, "inserted_tokens"),
    ),
    Table.PAYLOAD: (
        *_kept(Kind.ID, "job_id"),
        *_kept(Kind.INT, "index"),
        *_kept(Kind.TEXT, "kept_text"),
        *_kept(Kind.TOKEN_IDS, "kept_ids"),
        *_maybe(Kind.TEXT, "draft_text"),
        *_maybe(Kind.TOKEN_IDS, "draft_ids"),
        *_maybe(Kind.TEXT, "written_text"),
        *_maybe(Kind.TOKEN_IDS, "written_ids"),
    ),
    Table.ATTEMPT: (
        *_kept(Kind.ID, "job_id"),
        *_kept(Kind.INT, "number"),
        *_kept(Kind.LONG, "fence"),
        *_kept(Kind.ID, "worker_id"),
        *_kept(Kind.INT, "first_step"),
        *_kept(Kind.MOMENT, "started_at"),
        *_maybe(Kind.MOMENT, "ended_at"),
        *_word("outcome", AttemptOutcome),
        *_maybe(Kind.TEXT, "error"),
    ),
    Table.GRADE: (
        *_kept(Kind.ID, "id job_id"),
        *_kept(Kind.TEXT, "grader"),
        *_maybe(Kind.TEXT, "answer"),
        *_kept(Kind.FLAG, "is_correct"),
        *_maybe(Kind.TEXT, "detail"),
        *_kept(Kind.MOMENT, "created_at"),
        *_maybe(Kind.TEXT, "gold"),
        *_kept(Kind.FLAG, "given_up"),
    ),
    Table.REWARD: (
        *_kept(Kind.ID, "job_id"),
        *_kept(Kind.INT, "step_index"),
        *_kept(Kind.TEXT, "prm revision"),
        *_kept(Kind.REAL, "score"),
        *_maybe(Kind.REAL, "draft_score"),
        *_kept(Kind.MOMENT, "created_at"),
    ),
}
