"""The batches of a report: which they are, what they ran, and of which dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from specreason.errors import InvalidField, NotFound
from specreason.evaluation.report.rows import ReportBatch
from specreason.store.access.visibility import Viewer, no_batch
from specreason.store.session import Connection
from specreason.store.tables.columns import is_of_eval, one_of_ids
from specreason.store.tables.queue import batch, job
from specreason.submission.text import storable
from specreason.words import shown

MOST_BATCHES = 256
# All of their jobs are in memory at once.
MOST_JOBS = 1_000_000
# The dataset is what the metadata says, or else the column `dataset` if all problems have the same. An imported batch
# has lost its file, so the file's name says nothing.
_FACTS = """
    SELECT
        batch.id AS batch_id,
        batch.name,
        batch.pair,
        batch.config,
        coalesce(
            nullif(CASE WHEN jsonb_typeof(batch.metadata -> 'dataset') = 'string'
                THEN batch.metadata ->> 'dataset' END, ''),
            problems.dataset
        ) AS dataset,
        problems.digest AS problems_digest,
        versions.fingerprints,
        versions.config AS pair_config,
        (
            SELECT step.threshold FROM job JOIN step ON step.job_id = job.id
            WHERE job.batch_id = batch.id AND step.threshold IS NOT NULL
                AND batch.config ->> 'threshold' IS NULL AND batch.config ->> 'scheme' LIKE 'specreason%%'
            LIMIT 1
        ) AS threshold_of_steps
    FROM batch
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN count(DISTINCT problem.source ->> 'dataset') = 1
                    AND count(problem.source ->> 'dataset') = count(*)
                THEN nullif(min(problem.source ->> 'dataset'), '') END AS dataset,
            md5(string_agg(
                hashtextextended(coalesce(problem.messages::text, '') || problem.text, 0)::text, ','
                ORDER BY hashtextextended(coalesce(problem.messages::text, '') || problem.text, 0)
            )) AS digest
        FROM problem WHERE problem.batch_id = batch.id
    ) AS problems
    LEFT JOIN LATERAL (
        SELECT
            array_agg(model_pair.fingerprint ORDER BY model_pair.fingerprint) AS fingerprints,
            (array_agg(model_pair.config ORDER BY model_pair.created_at DESC, model_pair.fingerprint))[1] AS config
        FROM model_pair
        WHERE model_pair.fingerprint IN (
            SELECT DISTINCT job.pair_fingerprint FROM job WHERE job.batch_id = batch.id
        )
    ) AS versions ON true
    WHERE batch.id = ANY (%(batches)s)
    ORDER BY batch.id
"""


def chosen(
    connection: Connection, viewer: Viewer, batch_ids: Sequence[UUID], eval_name: str | None
) -> tuple[UUID, ...]:
    """The ids of the batches of a report, each once, the oldest first.

    Raises InvalidField unless either 1 to MOST_BATCHES batches or an evaluation are named, or if they have more than
    MOST_JOBS jobs; NotFound where the viewer sees none.
    """
    if (eval_name is None) == (not batch_ids):
        raise InvalidField("batch", "must be given, or else eval, and not both of them")
    found = select(batch.c.id).where(viewer.sees(batch.c.owner)).order_by(batch.c.id)
    if eval_name is None:
        wanted = set(batch_ids)
        _check_number("batch", len(wanted))
        ids = tuple(connection.scalars(found.where(one_of_ids(batch.c.id, wanted))))
        for missing in sorted(wanted.difference(ids)):
            raise no_batch(missing)
        _check_jobs(connection, "batch", ids)
        return ids
    named = found.where(is_of_eval(batch.c.metadata, storable(eval_name))).limit(MOST_BATCHES + 1)
    ids = tuple(connection.scalars(named))
    if not ids:
        raise NotFound(f"eval: no batch is of an evaluation called {shown(eval_name)}")
    _check_number("eval", len(ids))
    _check_jobs(connection, "eval", ids)
    return ids


def read_batches(connection: Connection, batch_ids: Sequence[UUID]) -> list[ReportBatch]:
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(_FACTS, {"batches": list(batch_ids)})
        names = [name for name, *_ in cursor.description or ()]
        return [_batch(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _batch(row: dict[str, Any]) -> ReportBatch:
    versions = tuple(row.pop("fingerprints") or ())
    of_pair, of_steps = row.pop("pair_config") or {}, row.pop("threshold_of_steps")
    # As the batch was submitted, else as its steps were decided, else as its pair would have it.
    thresholds = (row["config"].get("threshold"), of_steps, of_pair.get("threshold"))
    models = {role: of_pair[role].get("model") for role in ("base", "drafter") if role in of_pair}
    return ReportBatch(
        **row,
        versions=versions,
        threshold=next((float(each) for each in thresholds if each is not None), None),
        models={role: model for role, model in models.items() if model},
    )


def _check_jobs(connection: Connection, field: str, batch_ids: Sequence[UUID]) -> None:
    number = connection.scalar(select(func.count()).where(one_of_ids(job.c.batch_id, batch_ids))) or 0
    if number > MOST_JOBS:
        raise InvalidField(
            field, f"names batches of {number:,} jobs, more than {MOST_JOBS:,}: name fewer of them with batch"
        )


def _check_number(field: str, number: int) -> None:
    if number > MOST_BATCHES:
        raise InvalidField(field, f"names more than {MOST_BATCHES} batches: name fewer of them with batch")
