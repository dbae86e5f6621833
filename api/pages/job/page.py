"""The page of a job, the parts of it that are loaded later, and the page of one step.

A running job is followed by asking again: its head is morphed into the new one, and new steps are added at the end.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.deployment import Store
from api.door.access import READ, Viewer
from api.pages.job.attempts import Mark, marks_of
from api.pages.job.ladder import PAGE, Ladder, ladder_of, page_with, step_view
from api.pages.job.texts import pieces
from api.pages.job.words import OUTCOMES
from api.pages.rendering import render
from api.pages.stops import STOPS
from specreason.config import ScoreMethod
from specreason.errors import NotFound
from specreason.evaluation.cost import cost_of
from specreason.store.read.attempts import read_attempts
from specreason.store.read.filters import JobFilter
from specreason.store.read.grades import read_grades
from specreason.store.read.neighbours import Neighbours, read_neighbours
from specreason.store.read.summaries import JobSummary, read_job, read_jobs
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.steps import StepRow, read_step_rows

# A longer question is folded.
LONG_QUESTION = 1500
FOLLOW_S, GRADE_S = 2, 10  # between two looks at a job that runs, and at one whose grade is to come

router = APIRouter(include_in_schema=False, dependencies=[READ])

After = Annotated[int, Query(ge=-1, lt=2**31)]


@router.get("/jobs/{job_id}")
def job_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    job_id: UUID,
    *,
    after: After = -1,
    step: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
) -> Response:
    """The job, and a page of its steps: those above `after`, or the page with `step`."""
    # Before its steps: what is stored meanwhile is found by the next look at a job that runs.
    job = read_job(store, viewer, job_id)
    place = read_neighbours(store, viewer, job_id)
    asked = _asked(job)
    return render(
        request,
        "job/page",
        place=place,
        asked=[(role, pieces(text)) for role, text in asked],
        is_long=sum(len(text) for _, text in asked) > LONG_QUESTION,
        beginning=job.problem[: LONG_QUESTION // 5],
        ladder=_ladder(store, viewer, job, place, after=after if step is None else page_with(step)),
        **_head(store, viewer, job),
    )


@router.get("/jobs/{job_id}/head")
def job_head(request: Request, store: Store, viewer: Viewer, job_id: UUID) -> Response:
    """What changes while the job runs, but for its steps: a part of the page."""
    return render(request, "job/head", **_head(store, viewer, read_job(store, viewer, job_id)))


@router.get("/jobs/{job_id}/steps")
def job_steps(
    request: Request,
    store: Store,
    viewer: Viewer,
    job_id: UUID,
    *,
    after: After = -1,
    shown: Annotated[int | None, Query(ge=-1, lt=2**31)] = None,
) -> Response:
    """A page of steps above `after`, a part of the page. With `shown`, those above it only; 204 while there is none."""
    job = read_job(store, viewer, job_id)
    place = read_neighbours(store, viewer, job_id)
    ladder = _ladder(store, viewer, job, place, after=after, shown=shown)
    has_news = bool(ladder.steps) or ladder.next_after is not None or job.state.ended
    if shown is not None and not has_news:
        return Response(status_code=204)
    return render(request, "job/leg" if shown is None else "job/tail", job=job, ladder=ladder, **_words())


@router.get("/jobs/{job_id}/steps/{index}")
def step_page(request: Request, store: Store, viewer: Viewer, job_id: UUID, index: int) -> Response:
    """One step with its whole texts and all its figures."""
    job = read_job(store, viewer, job_id)
    rows: tuple[StepRow, ...] = ()
    if 0 <= index < 2**31:
        rows = read_step_rows(store, viewer, job_id, after=index - 1, limit=1).rows
    if not rows or rows[0].index != index:
        raise NotFound(f"step: job {job_id} has none with index {index}")
    method = _method(read_neighbours(store, viewer, job_id))
    return render(request, "job/one_step", job=job, step=step_view(rows[0], method), **_words())


@router.get("/batches/{batch_id}/jobs/{problem_index}/{repeat}")
def job_of_batch(
    store: Store, viewer: Viewer, batch_id: UUID, problem_index: int, repeat: int
) -> RedirectResponse:
    """A lasting link to a job by its place in the batch."""
    which = JobFilter(problem_index=problem_index, repeat=repeat)
    is_possible = min(problem_index, repeat) >= 0 and max(problem_index, repeat) < 2**31
    jobs = read_jobs(store, viewer, batch_id, limit=1, which=which).rows if is_possible else ()
    if not jobs:
        raise NotFound(f"job: batch {batch_id} has none of problem {problem_index} and repeat {repeat}")
    return RedirectResponse(f"/jobs/{jobs[0].job_id}", 303)


def _head(store: Database, viewer: Viewer, job: JobSummary) -> dict[str, Any]:
    """The values of the template `job/head`."""
    is_ungraded = job.state is JobState.SUCCEEDED and job.gold is not None and job.answer is not None
    awaits_grade = is_ungraded and job.graded_at is None
    return {
        "job": job,
        "grades": read_grades(store, viewer, job.job_id),
        "attempts": read_attempts(store, viewer, job.job_id),
        "cost": cost_of(job, num_jobs=1, num_right=None, gpu_hour_price=None),
        "follow_s": FOLLOW_S if not job.state.ended else GRADE_S if awaits_grade else None,
        **_words(),
    }


def _words() -> dict[str, Any]:
    return {"STOPS": STOPS, "OUTCOMES": OUTCOMES, "FOLLOW_S": FOLLOW_S}


def _ladder(
    store: Database,
    viewer: Viewer,
    job: JobSummary,
    place: Neighbours,
    *,
    after: int,
    shown: int | None = None,
) -> Ladder:
    page = read_step_rows(store, viewer, job.job_id, after=after, limit=PAGE)
    marks: tuple[Mark, ...] = ()
    if job.num_attempts > 1:
        marks = marks_of(read_attempts(store, viewer, job.job_id))
    return ladder_of(page, marks, _method(place), after=after, shown=shown)


def _method(place: Neighbours) -> ScoreMethod:
    return ScoreMethod(place.config.get("score_method", ScoreMethod.GREEDY))


def _asked(job: JobSummary) -> tuple[tuple[str | None, str], ...]:
    """The question as role and text; of a plain problem without a role."""
    if job.messages is None:
        return ((None, job.problem),)
    return tuple((message["role"], message["content"]) for message in job.messages)
