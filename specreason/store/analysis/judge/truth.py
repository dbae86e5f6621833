"""The truth about drafts whose problems have rules of their own: the exercises of the demo pair. No model is asked.

A problem is one of these if its text is that of an exercise, whoever submitted it, and whatever pair answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from specreason.evaluation.judge.drafts import Graded
from specreason.evaluation.scientific import np
from specreason.grading.exercises import StepGrade, exercise_of, grade_drafts
from specreason.store.session import Connection

# To grade a draft takes some microseconds. In a larger batch those of the first problems are graded.
MOST_STEPS = 200_000
_ROWS_AT_A_TIME = 2_000
_EXERCISES = text(
    "SELECT index AS problem, text FROM problem WHERE batch_id = :batch_id AND text LIKE 'Start with __. A: %'"
)
_TEXTS = text("""
    SELECT problem.index AS problem, job.repeat, step.index AS position, payload.draft_text, payload.kept_text
    FROM problem
    JOIN job ON job.problem_id = problem.id
    JOIN step ON step.job_id = job.id
    JOIN step_payload AS payload ON payload.job_id = step.job_id AND payload.index = step.index
    WHERE problem.batch_id = :batch_id AND problem.index = ANY(:problems) AND step.phase = 'think'
    ORDER BY problem.index, job.repeat, step.index
    LIMIT :most
""")


def read_truth(
    connection: Connection, batch_id: UUID, steps: Mapping[str, Any], of_drafts: np.ndarray
) -> Graded | None:
    """Grade the drafts of a batch; None if no problem is an exercise, or the texts of their steps are gone.

    `steps` are columns of problem, repeat and position, and `of_drafts` the places of drafts in them.
    """
    rows = connection.execute(_EXERCISES, {"batch_id": batch_id})
    exercises = {row.problem: found for row in rows if (found := exercise_of(row.text)) is not None}
    here = np.isin(steps["problem"][of_drafts], list(exercises))
    if not here.any():
        return None
    names = ("problem", "repeat", "position")
    places = zip(*(steps[name][of_drafts].tolist() for name in names), strict=True)
    number_of = {place: number for number, place in enumerate(places) if here[number]}
    is_right, kind = np.full(len(of_drafts), np.nan), np.full(len(of_drafts), -1)
    kinds: dict[tuple[str, int], int] = {}
    wanted = sorted({place[0] for place in number_of})
    for place, grade in _grades(_texts(connection, batch_id, wanted), exercises):
        number = number_of.get(place)
        if number is not None:
            is_right[number] = grade.right
            kind[number] = kinds.setdefault((grade.kind, grade.score), len(kinds))
    return Graded(is_right=is_right, kind=kind, kinds=tuple(kinds)) if kinds else None


def _texts(connection: Connection, batch_id: UUID, problems: list[int]) -> Iterator[Row[Any]]:
    """The steps of thought, some at a time."""
    yield from connection.execute(
        _TEXTS.execution_options(yield_per=_ROWS_AT_A_TIME),
        {"batch_id": batch_id, "problems": problems, "most": MOST_STEPS},
    )


def _grades(
    rows: Iterator[Row[Any]], exercises: Mapping[int, Any]
) -> Iterator[tuple[tuple[int, int, int], StepGrade]]:
    """The grade of each draft, by problem, repeat and position."""
    for (problem, repeat), of_job in groupby(rows, key=lambda row: (row.problem, row.repeat)):
        trace = list(of_job)
        grades = grade_drafts(exercises[problem], ((row.draft_text, row.kept_text) for row in trace))
        for row, grade in zip(trace, grades, strict=True):
            if grade is not None:
                yield (problem, repeat, row.position), grade
