"""The tables of the queue: what users submitted, the state of each job, and the workers. Reads and writes no row.

Names: tables singular; `_at` timestamptz, `_s` wall seconds, `num_*` counts, `*_tokens` tokens. Rows are only added to
`attempt` and `event`. The steps of a job are in `trace`, uploaded files in `files`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from specreason.reasoning.steps import StopReason
from specreason.store.tables.columns import (
    DEVICE_SECONDS,
    count_column,
    created_at,
    id_column,
    json_column,
    metadata,
    moment,
    one_of,
    reference,
    words,
)
from specreason.store.tables.states import AttemptOutcome, EventKind, JobState

batch = Table(
    "batch",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("pair", Text, nullable=False),
    Column("config", JSONB, nullable=False),  # RunConfig, verbatim
    Column("config_hash", Text, nullable=False),
    Column("num_problems", Integer, nullable=False),
    Column("num_jobs", Integer, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),  # larger goes first
    json_column("metadata"),
    Column("owner", Text),  # of the batch and its jobs; NULL: submitted without a key
    Column("file_id", ForeignKey("file.id")),
    # The OpenAI batch whose lines are the problems; NULL: submitted under /api.
    Column("openai_batch_id", ForeignKey("openai_batch.id")),
    created_at(),
    moment("paused_at"),  # NULL: its jobs may run
    moment("cancelled_at"),
)
Index(None, batch.c.owner, batch.c.id)
Index(None, batch.c.openai_batch_id, postgresql_where=text("openai_batch_id IS NOT NULL"))
# The batches of an evaluation, which their metadata name.
Index(
    "ix_batch_eval",
    text("(metadata ->> 'eval')"),
    batch.c.id,
    postgresql_where=text("metadata ->> 'eval' IS NOT NULL"),
)

problem = Table(
    "problem",
    metadata,
    id_column(),
    reference("batch_id", "batch.id"),
    Column("index", Integer, nullable=False),  # order within the batch, from 0
    Column("problem_id", Text),  # the user's own name for it
    Column("text", Text, nullable=False),
    Column("answer", Text),  # gold
    json_column("source"),  # the user's other keys, as given
    # The chat that the problem is: role and content of each message; NULL: one user turn, `text`.
    Column("messages", JSONB),
    UniqueConstraint("batch_id", "index"),
)

model_pair = Table(
    "model_pair",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("name", Text, nullable=False),
    json_column("config"),  # its table of pairs.toml, and `generation_defaults` of its models
    created_at(),
)

worker = Table(
    "worker",
    metadata,
    id_column(),
    Column("pair", Text, nullable=False),
    Column("pair_fingerprint", ForeignKey("model_pair.fingerprint"), nullable=False),
    Column("gpu", Text),  # CUDA_VISIBLE_DEVICES; NULL on a CPU
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("slots", Integer, nullable=False),  # most jobs in flight
    Column("num_devices", Integer, nullable=False, server_default=text("1")),  # GPUs of the pair; 1 on a CPU
    created_at("started_at"),
    created_at("heartbeat_at"),
    Column("lease_expires_at", DateTime(timezone=True), nullable=False),
    moment("stopped_at"),
)

job = Table(
    "job",
    metadata,
    id_column(),
    reference("batch_id", "batch.id"),
    reference("problem_id", "problem.id"),
    Column("repeat", Integer, nullable=False),  # statistical repeat, from 0
    Column("seed", BigInteger, nullable=False),
    Column("pair", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, server_default=text(f"'{JobState.QUEUED}'")),
    Column("turn", BigInteger, nullable=False, server_default=text("0")),  # see `fairness`
    # While the job is queued: whether its batch is paused.
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    # Whether no other job may run on the worker beside this one, the next time it runs.
    Column("alone", Boolean, nullable=False, server_default=text("false")),
    created_at("run_after"),
    moment("deadline_at"),
    Column("fence", BigInteger, nullable=False, server_default=text("0")),  # raised by each claim
    count_column("num_attempts"),
    count_column("num_errors"),  # attempts that ended in an error since a user last queued the job
    count_column("num_lost"),  # attempts whose worker was lost since then
    Column("worker_id", ForeignKey("worker.id")),  # of the last claim
    Column("pair_fingerprint", ForeignKey("model_pair.fingerprint")),  # of the worker that wrote the steps
    moment("published_at"),  # when its message was last sent; NULL: the message is still to be sent
    Column("concurrency", Integer),  # jobs in flight on the worker at the last claim, this one included
    Column("resumed", Boolean, nullable=False, server_default=text("false")),
    # Whether its problem has a gold answer.
    Column("gradable", Boolean, nullable=False, server_default=text("false")),
    created_at(),
    moment("started_at"),  # the first claim
    # NULL until the job has ended, from here on.
    moment("finished_at"),
    Column("stop_reason", Text),
    Column("error", Text),
    Column("answer", Text),  # extracted, not graded
    *(count_column(name, nullable=True) for name in ("num_steps", "num_drafted", "num_accepted")),
    *(Column(name, BigInteger) for name in ("think_tokens", "answer_tokens", "spent_tokens")),
    Column("engine_s", Double),  # seconds that the step loop waited for engines
    Column("latency_s", Double),  # from the last claim to the end
    moment("graded_at"),  # NULL while a grade is still to come; an earlier one counts until then
    Column(
        "inserted_tokens", BigInteger
    ),  # that the loop put in to close the thinking: no model generated them
    # Seconds that the last attempt waited until its steps were stored; NULL unless the worker ended the job.
    Column("store_s", Double),
    # Seconds before the last claim for which the worker had no room for the job; not part of `latency_s`.
    Column("admission_s", Double),
    # Mean number of jobs in flight on the worker during the last attempt, this one included; NULL as `store_s`.
    Column("mean_concurrency", Double),
    # Steps of thinking that a model wrote, and of these the drafter's; and of the kept tokens the drafter's.
    *(count_column(name, nullable=True) for name in ("num_thinking", "num_by_drafter")),
    Column("drafter_tokens", BigInteger),
    # Sums over its steps, as `step` explains them; NULL where one of these is.
    *(Column(name, Double) for name in DEVICE_SECONDS),
    Column("grader", Text),  # name of the grader that a user asked for; NULL: the project's own
    count_column("num_grading_attempts"),  # since the job ended or was last to be graded anew
    moment("grading_until"),  # until then one grader alone has the answer
    UniqueConstraint("batch_id", "problem_id", "repeat"),
    one_of("state", JobState),
    one_of("stop_reason", StopReason),
    CheckConstraint(
        f"(state IN ({words(s for s in JobState if s.ended)})) = (finished_at IS NOT NULL)",
        name="ended_has_finished_at",
    ),
    CheckConstraint("state <> 'running' OR worker_id IS NOT NULL", name="running_has_worker"),
)
Index(None, job.c.batch_id, job.c.id)
Index(None, job.c.problem_id)
Index(
    "ix_job_queue",
    job.c.pair,
    job.c.priority.desc(),
    job.c.turn,
    job.c.id,
    postgresql_where=text("state = 'queued' AND NOT paused AND published_at IS NULL"),
)
Index(
    "ix_job_announced",
    job.c.pair,
    job.c.published_at,
    job.c.id,
    postgresql_where=text("state = 'queued' AND NOT paused AND published_at IS NOT NULL"),
)
Index(
    "ix_job_deadline",
    job.c.deadline_at,
    postgresql_where=text("state IN ('queued', 'running') AND deadline_at IS NOT NULL"),
)
Index("ix_job_open", job.c.batch_id, postgresql_where=text("state IN ('queued', 'running')"))
Index("ix_job_running", job.c.worker_id, postgresql_where=text("state = 'running'"))
# The answers that wait for a grade, the first or another one. Queries that say it so find the index.
UNGRADED = "gradable AND state = 'succeeded' AND graded_at IS NULL"
# The ended jobs whose steps are not in the sums of `step_rollup`. See `older`.
LEFT_OUT = "finished_at IS NOT NULL AND num_thinking IS NULL"
Index("ix_job_left_out", job.c.id, postgresql_where=text(LEFT_OUT))
Index("ix_job_ungraded", job.c.batch_id, job.c.id, postgresql_where=text(UNGRADED))

turn_clock = Table(  # the largest turn that a queue has announced: see `fairness`
    "turn_clock",
    metadata,
    Column("pair", Text, primary_key=True),
    Column("priority", Integer, primary_key=True),
    Column("turn", BigInteger, nullable=False),
)

# The turn of the batch's last failed job that is tried again. Not a column of `batch`: a row of `batch` is locked
# before the rows of its jobs, a row of this table after them.
retry_turn = Table(
    "retry_turn",
    metadata,
    Column("batch_id", ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
    Column("turn", BigInteger, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("job_id", ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1
    Column("fence", BigInteger, nullable=False),
    Column("worker_id", ForeignKey("worker.id"), nullable=False),
    Column("first_step", Integer, nullable=False),  # index of the step that this attempt starts with
    created_at("started_at"),
    moment("ended_at"),
    Column("outcome", Text),
    Column("error", Text),
    one_of("outcome", AttemptOutcome),
    CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
)
Index(None, attempt.c.worker_id)

event = Table(  # no foreign keys: an event stays when the rows that it names are deleted
    "event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("batch_id", Uuid),
    Column("job_id", Uuid),
    Column("worker_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("state", Text),  # the job's new state
    Column("outcome", Text),  # of the attempt that ended with this change
    json_column("detail"),
    created_at(),
    one_of("kind", EventKind),
    one_of("state", JobState),
    one_of("outcome", AttemptOutcome),
)
Index(None, event.c.job_id, event.c.id)
Index(None, event.c.batch_id, event.c.id)
