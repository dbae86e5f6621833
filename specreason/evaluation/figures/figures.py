"""What the rows of one batch say: its figures, and whether drafting pays in a sentence."""

from __future__ import annotations

from collections.abc import Callable

from specreason.errors import InvalidField
from specreason.evaluation.figures.calls import Calls
from specreason.evaluation.figures.drafting import drafting
from specreason.evaluation.figures.latency import latency
from specreason.evaluation.figures.saying import remarks, sentence
from specreason.evaluation.figures.serving import serving_of_base, serving_of_drafter
from specreason.evaluation.figures.tokens import tokens
from specreason.evaluation.figures.values import BatchFigures, Latency, RightAnswers, Tokens
from specreason.evaluation.repeats import Answer, each_k, majority_at, pass_at, pass_at_1, voting
from specreason.evaluation.runs import Run, is_measured, is_timed
from specreason.evaluation.scientific import np
from specreason.words import counted


def batch_figures(
    run: Run,
    calls: Calls,
    *,
    vote_of: Callable[[str], str] = str.strip,
    k: int | None = None,
    share_read: float = 1.0,
) -> BatchFigures:
    """The figures of a batch over its jobs that succeeded; `calls` are those of these jobs.

    `vote_of` is the same for answers that are equal. `k` is that of pass@k and majority@k, by default 2, 4, … and the
    most graded repeats that a problem has. `calls` are of this share of the problems. Raises InvalidField for a k that
    no problem has repeats for.
    """
    measured = [place for place, state in enumerate(run.jobs["state"]) if is_measured(state)]
    right, timed, of_tokens = _right_answers(run, vote_of, k), _latency(run), _tokens(run, measured)
    of_drafts = drafting(calls)
    missing = remarks(
        run,
        right=right,
        timed=timed,
        of_tokens=of_tokens,
        has_calls=len(calls.problem) > 0,
        share_read=share_read,
    )
    return BatchFigures(
        batch_id=run.batch_id,
        name=run.name,
        pair=run.pair,
        scheme=str(run.config.get("scheme")),
        says=sentence(run, of_drafts),
        remarks=tuple(missing),
        num_problems=run.num_problems,
        num_jobs=run.num_jobs,
        num_succeeded=len(measured),
        share_read=share_read,
        right_answers=right,
        latency=timed,
        tokens=of_tokens,
        drafting=of_drafts,
        drafter=serving_of_drafter(calls),
        base=serving_of_base(calls),
    )


def _right_answers(run: Run, vote_of: Callable[[str], str], k: int | None) -> RightAnswers | None:
    answers: dict[int, list[Answer]] = {}
    for index, answer, is_correct in zip(
        run.jobs["problem_index"], run.jobs["answer"], run.jobs["is_correct"], strict=True
    ):
        if is_correct is not None:
            answers.setdefault(index, []).append(voting(answer, is_correct, vote_of))
    repeats = list(answers.values())
    grades = [[answer.is_correct for answer in of_one] for of_one in repeats]
    at_1 = pass_at_1(grades)
    if at_1 is None:
        return None
    known_ks = each_k(grades)
    if k is not None and k > known_ks[-1]:
        most = counted(known_ks[-1], "graded repeat")
        raise InvalidField("k", f"must be 1 to {known_ks[-1]}: a problem has at most {most} (got {k})")
    ks = [each for each in (known_ks if k is None else [k]) if each > 1]
    return RightAnswers(
        pass_at_1=at_1,
        pass_at_k=pass_at(grades, ks),
        majority_at_k=majority_at(repeats, ks),
        num_jobs=sum(map(len, grades)),
        num_problems=len(grades),
    )


def _latency(run: Run) -> Latency | None:
    jobs = run.jobs
    timed = [
        place
        for place, (state, resumed, latency_s) in enumerate(
            zip(jobs["state"], jobs["resumed"], jobs["latency_s"], strict=True)
        )
        if is_timed(state, resumed) and latency_s is not None
    ]
    return latency(
        [jobs["latency_s"][place] for place in timed],
        [jobs["problem_index"][place] for place in timed],
        [jobs["concurrency"][place] for place in timed],
    )


def _tokens(run: Run, measured: list[int]) -> Tokens | None:
    def column(name: str) -> np.ndarray:
        return np.array(run.jobs[name], dtype=float)[measured]

    return tokens(
        column("problem_index"),
        kept=column("kept_tokens"),
        spent=column("spent_tokens"),
        by_drafter=column("drafter_tokens"),
        steps=column("num_thinking"),
        drafter_steps=column("num_by_drafter"),
    )
