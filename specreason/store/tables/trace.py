"""The tables of a run: each kept step with its draft and verdict, its texts, rewards and grades, and sums.

The checks of `step` state its rules: the columns of a draft and of a verdict are set where `decision` says that there
was one, and NULL elsewhere. Reads and writes no row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from specreason.engines.base import FinishReason, Role
from specreason.reasoning.steps import Decision, Phase
from specreason.store.tables.columns import (
    DEVICE_SECONDS,
    all_or_none,
    count_column,
    created_at,
    id_column,
    metadata,
    one_of,
    reference,
    words,
)


def _completion(role: str) -> list[Column[object]]:
    """The cost of one generate call. All are NULL where there was no call."""
    return [
        Column(f"{role}_tokens", Integer),
        Column(f"{role}_finish_reason", Text),
        Column(f"{role}_prompt_tokens", Integer),
        Column(f"{role}_cached_tokens", Integer),
        Column(f"{role}_ttft_s", Double),
        Column(f"{role}_latency_s", Double),
    ]


_DRAFTED = f"decision IN ({words(d for d in Decision if d.drafted)})"
_CLOSED = f"decision IN ({words(d for d in Decision if d.closes_thinking)})"
_COST = ("prompt_tokens", "cached_tokens", "latency_s")
_COMPLETION = ("tokens", "finish_reason", "ttft_s", *_COST)

step = Table(
    "step",
    metadata,
    Column("job_id", ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True),  # from 0, without gaps
    Column("fence", BigInteger, nullable=False),  # of the claim that wrote it
    Column("phase", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("author", Text),  # role of the model that wrote the kept text; NULL: the loop closed the thinking
    # When the step began: the share of recent drafts that were kept, the share from which on drafting pays, and the
    # tokens that the base wrote since the last draft, in all jobs. NULL: unknown.
    Column("recent_acceptance", Double),
    Column("break_even", Double),
    Column("tokens_since_draft", Integer),
    Column("threshold", Double),  # in force for this step; NULL where nothing was scored
    Column("utility_score", SmallInteger),  # the digit that the base model wrote; NULL: none
    # Mean of the ten digits, weighted by their probabilities; NULL where the base model wrote no digit.
    Column("expected_score", Double),
    Column("digit_probs", ARRAY(Double, dimensions=1)),  # of digits 0 to 9; an element is NULL where unknown
    Column("non_digit_mass", Double),  # probability on no digit; NULL unless all ten are known
    Column("kept_tokens", Integer, nullable=False),  # generated and kept
    # Tokens of the draft, the verdict and the written text; not of a draft ahead that was thrown away.
    Column("spent_tokens", Integer, nullable=False),
    Column("finish_reason", Text),  # of the kept completion
    *_completion("draft"),
    Column("draft_ahead_s", Double),  # how long the draft ran before its step began (overlap)
    Column("verify_token_id", Integer),
    Column("verify_prompt_tokens", Integer),
    Column("verify_cached_tokens", Integer),
    Column("verify_latency_s", Double),
    *_completion("written"),
    created_at(),
    # Device time: seconds in which the pair worked, each shared equally among the calls in flight. Of the step's calls
    # and of drafts ahead that were thrown away before it. NULL: written by a version that did not measure it.
    *(Column(name, Double) for name in DEVICE_SECONDS),
    count_column("inserted_tokens"),  # the closing of the thinking that the loop put in: kept, not generated
    one_of("phase", Phase),
    one_of("decision", Decision),
    one_of("author", Role),
    *(one_of(f"{prefix}finish_reason", FinishReason) for prefix in ("", "draft_", "written_")),
    all_or_none(
        ("digit_probs", *(f"verify_{name}" for name in ("token_id", *_COST))),
        _DRAFTED,
        name="verdict_where_drafted",
    ),
    all_or_none(
        (f"draft_{name}" for name in (*_COMPLETION, "ahead_s")), _DRAFTED, name="draft_where_drafted"
    ),
    CheckConstraint("num_nonnulls(recent_acceptance, break_even, tokens_since_draft) IN (0, 3)", name="odds"),
    all_or_none(
        (f"written_{name}" for name in _COMPLETION),
        f"NOT ({_CLOSED} OR decision = 'accepted')",
        name="written_unless_draft_kept",
    ),
    CheckConstraint(f"(author IS NULL) = ({_CLOSED})", name="author_unless_closed"),
    CheckConstraint("decision <> 'accepted' OR author = 'drafter'", name="accepted_keeps_draft"),
    CheckConstraint(
        "decision NOT IN ('rejected', 'rejected_no_digit') OR author = 'base'", name="rejected_keeps_base"
    ),
    CheckConstraint("utility_score BETWEEN 0 AND 9", name="utility_score"),
    CheckConstraint(
        "(utility_score IS NOT NULL) = (decision IN ('accepted', 'rejected'))",
        name="utility_score_where_digit",
    ),
    CheckConstraint("expected_score IS NULL OR utility_score IS NOT NULL", name="expected_score"),
    CheckConstraint("array_length(digit_probs, 1) = 10", name="digit_probs"),
    CheckConstraint(
        "spent_tokens"
        " = coalesce(draft_tokens, 0) + coalesce(written_tokens, 0) + num_nonnulls(verify_token_id)",
        name="spent_tokens",
    ),
    CheckConstraint("index >= 0 AND kept_tokens >= 0", name="not_negative"),
    CheckConstraint("kept_tokens <= spent_tokens", name="kept_is_spent"),
    CheckConstraint(f"num_nonnulls({', '.join(DEVICE_SECONDS)}) IN (0, 4)", name="device_seconds"),
    CheckConstraint(f"(inserted_tokens > 0) = ({_CLOSED})", name="inserted_where_closed"),
)

# Not columns of `step`: retention can delete the texts and keep the numbers.
step_payload = Table(
    "step_payload",
    metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("kept_text", Text, nullable=False),
    Column("kept_ids", ARRAY(Integer, dimensions=1), nullable=False),  # in the author's vocabulary; the truth
    Column("draft_text", Text),
    Column("draft_ids", ARRAY(Integer, dimensions=1)),
    Column("written_text", Text),
    Column("written_ids", ARRAY(Integer, dimensions=1)),
    ForeignKeyConstraint(["job_id", "index"], ["step.job_id", "step.index"], ondelete="CASCADE"),
)

step_reward = Table(  # what a process reward model thinks of a step; any number of models may score it
    "step_reward",
    metadata,
    Column("job_id", Uuid, primary_key=True),
    Column("step_index", Integer, primary_key=True),
    Column("prm", Text, primary_key=True),  # the model's name
    Column("revision", Text, primary_key=True),  # of its files: a commit, or a hash
    Column("score", Double, nullable=False),  # of the kept text behind the steps before it: that it is right
    # Of the draft that was rejected in its favour, in the same place; NULL: there was none, or it was not scored.
    Column("draft_score", Double),
    created_at(),
    ForeignKeyConstraint(["job_id", "step_index"], ["step.job_id", "step.index"], ondelete="CASCADE"),
    CheckConstraint("score BETWEEN 0 AND 1", name="score"),
    CheckConstraint("draft_score BETWEEN 0 AND 1", name="draft_score"),
)

grade = Table(  # grading again adds a row, and the newest one counts
    "grade",
    metadata,
    id_column(),
    reference("job_id", "job.id"),
    Column("grader", Text, nullable=False),  # name and version
    Column("answer", Text),  # as extracted when it was graded
    Column("is_correct", Boolean, nullable=False),
    Column("detail", Text),
    created_at(),
    Column("gold", Text),  # that the answer was compared with; NULL in grades older than this column
    # Whether no grader could decide within its bounds: `detail` says which, and the answer counts as wrong.
    Column("given_up", Boolean, nullable=False, server_default=text("false")),
)
Index(None, grade.c.job_id, grade.c.id)

# Sums over the steps of jobs that have ended, one row for each combination of the key. `queue.rollups` writes them.
ROLLUP_KEY = (
    "batch_id",
    "part",
    "phase",
    "decision",
    "author",
    "utility_score",
    "position",
    "length",
)
ROLLUP_SUMS = (
    "num_steps",
    "kept_tokens",
    "spent_tokens",
    "draft_tokens",
    "written_tokens",
    "inserted_tokens",
    "draft_s",
    "verify_s",
    "written_s",
)
step_rollup = Table(
    "step_rollup",
    metadata,
    reference("batch_id", "batch.id"),
    # By the job's id. Jobs that end at once mostly have different parts, and so wait for each other less.
    Column("part", SmallInteger, nullable=False),
    Column("phase", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("author", Text),
    Column("utility_score", SmallInteger),
    # The range in which the index of the step lies, by its smallest number: 0, 1, 2 (for 2 and 3), 4 (for 4 to 7), 8, …
    Column("position", Integer, nullable=False),
    # Likewise the tokens of the draft; without one, of the text that was written or put in.
    Column("length", Integer, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ROLLUP_SUMS if not name.endswith("_s")),
    # Seconds that the step loop waited for drafts, verdicts and written text. Of decimal digits, so that what is
    # subtracted is what was added; each step's are rounded to microseconds.
    *(Column(name, Numeric(18, 6), nullable=False) for name in ROLLUP_SUMS if name.endswith("_s")),
    UniqueConstraint(*ROLLUP_KEY, name="uq_step_rollup_key", postgresql_nulls_not_distinct=True),
    # Room for new versions of a row beside the old one.
    postgresql_with={"fillfactor": 70},
)
