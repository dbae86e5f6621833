"""The figures of one batch together: which jobs they count, what they say first, and what they say of small inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from specreason.client.decoding import decode, to_json
from specreason.errors import InvalidField
from specreason.evaluation.figures.figures import batch_figures
from specreason.evaluation.figures.values import BatchFigures
from specreason.evaluation.runs import Run
from specreason.grading.votes import vote_of
from tests.support.calls import Call, calls_of, drafted, written
from tests.support.runs import run_of

SPECREASON = {"scheme": "specreason", "repeats": 4}


def steps(*num_kept: int, waited_s: float = 0.25) -> list[Call]:
    """Of each problem ten drafts, so many of them kept."""
    return [
        drafted(accepted=place < kept, problem=problem, waited_s=waited_s)
        for problem, kept in enumerate(num_kept)
        for place in range(10)
    ]


def of(
    grades: Sequence[Sequence[bool | None]] = ((True,),) * 4, calls: Sequence[Call] = (), **asked: Any
) -> BatchFigures:
    return of_run(run_of(grades, config=SPECREASON), calls, **asked)


def of_run(run: Run, calls: Sequence[Call] = (), **asked: Any) -> BatchFigures:
    return batch_figures(run, calls_of(calls), vote_of=vote_of, **asked)


def test_the_first_sentence_says_whether_drafting_pays() -> None:
    # A draft and its verdict take 0.25 s, a call's first token 0.1 s, a step of the base 1 s.
    pays = of(calls=steps(8, 7, 9, 8)).says
    assert pays.startswith(
        "Drafting pays: 80 % of drafts are accepted, and it needs 32 % (margin 48 points, 95 %: "
    )
    assert of(calls=steps(1, 2, 1, 0)).says.startswith(
        "Drafting does not pay: 10 % of drafts are accepted, and "
    )
    unsure = of(calls=steps(0, 9, 0, 9)).says
    assert unsure.startswith(
        "It is not shown whether drafting pays: 45 % of drafts are accepted, and it needs 32 % "
    )
    never = of(calls=steps(8, 7, 9, 8, waited_s=1.2)).says
    assert never.startswith(
        "Drafting does not pay: 80 % of drafts are accepted, and it needs 118 %, more than there are"
    )


def test_one_problem_cannot_say_whether_drafting_pays() -> None:
    found = of([(True, False)], steps(8))
    assert found.says == (
        "80 % of drafts are accepted, and drafting needs 32 % to pay; 1 problem cannot tell whether it does."
    )
    assert "One problem tells nothing of others: means and percentiles have no interval." in found.remarks


@pytest.mark.parametrize(
    ("scheme", "begins"),
    [
        ("base", "Nothing was drafted"),
        ("drafter", "Nothing was judged"),
        ("specdecode", "No step was drafted: the base's engine"),
        ("specreason", "No step was drafted."),
    ],
)
def test_a_batch_without_drafts_says_why(scheme: str, begins: str) -> None:
    found = of_run(run_of([(True,), (False,)], config={"scheme": scheme}), [written(), written(problem=1)])
    assert found.says.startswith(begins)
    assert found.drafting is None
    assert found.base is not None


def test_drafts_that_were_all_kept_have_nothing_to_be_compared_with() -> None:
    found = of(calls=steps(10, 10, 10, 10))
    assert found.says.startswith("Whether drafting pays is unknown: 100 % of drafts are accepted")


def states(*of_repeats: str) -> Callable[[int, int], dict[str, Any]]:
    return lambda index, repeat: {"state": of_repeats[repeat]}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("queued", "There are no figures yet: no job has succeeded."),
        ("running", "There are no figures yet: no job has succeeded."),
        ("failed", "There are no figures: no job has succeeded."),
    ],
)
def test_a_batch_of_which_no_job_succeeded_has_a_sentence_and_no_figures(state: str, says: str) -> None:
    found = of_run(run_of([(None,)], job=states(state), config=SPECREASON))
    assert found.says == says
    assert [found.latency, found.tokens, found.drafting, found.drafter, found.base] == [None] * 5
    assert found.right_answers is None
    assert len(found.remarks) == 1


def test_only_jobs_that_succeeded_count_and_of_latencies_only_those_of_one_attempt() -> None:
    def job(index: int, repeat: int) -> dict[str, Any]:
        return (
            {},
            {"resumed": True, "latency_s": 9.0},
            {"state": "failed", "latency_s": 9.0, "kept_tokens": 0},
            {"state": "running", "latency_s": None, "kept_tokens": None},
        )[repeat]

    found = of_run(run_of([(True, True, None, None)] * 3, job=job, config=SPECREASON))
    assert found.latency is not None
    assert found.tokens is not None
    assert (found.latency.mean.mean, found.latency.num_jobs, found.latency.concurrency) == (2.0, 3, 4.0)
    assert (found.tokens.kept.mean, found.tokens.num_jobs, found.tokens.num_problems) == (80.0, 6, 3)
    assert (found.num_jobs, found.num_succeeded) == (12, 6)
    assert found.remarks[:3] == (
        "3 jobs have not ended: these figures will change.",
        "3 jobs did not succeed: no figure counts them.",
        "3 jobs went on after an earlier attempt: no latency counts them.",
    )


def test_repeats_have_pass_and_majority_at_each_k() -> None:
    found = of([(True, False, False, False), (True, True, True, False), (True,) * 4])
    right = found.right_answers
    assert right is not None
    assert (right.pass_at_1.mean, right.num_jobs, right.num_problems) == (pytest.approx(8 / 12), 12, 3)
    assert [at.k for at in right.pass_at_k] == [at.k for at in right.majority_at_k] == [2, 4]
    assert right.pass_at_k[1].share.mean == 1
    assert right.majority_at_k[1].share.mean == pytest.approx(2 / 3)
    (at_3,) = _right(of([(True, False, False)], k=3)).pass_at_k
    assert (at_3.k, at_3.share.mean) == (3, 1)
    assert _right(of([(True, False, False)], k=1)).pass_at_k == ()


def _right(figures: BatchFigures) -> Any:
    assert figures.right_answers is not None
    return figures.right_answers


def test_a_k_that_no_problem_has_repeats_for_is_refused() -> None:
    with pytest.raises(InvalidField, match=r"1 to 2: a problem has at most 2 graded repeats \(got 3\)"):
        of([(True, False), (True, None)], k=3)
    assert of([(None, None)], k=3).right_answers is None


def test_a_batch_without_grades_says_so() -> None:
    waiting = of([(None,), (None,)])
    assert "2 answers wait for a grade." in waiting.remarks
    plain = run_of([(None,)], config=SPECREASON, job=lambda index, repeat: {"is_gradable": False})
    assert any(remark.startswith("No answer is graded") for remark in of_run(plain).remarks)


def test_rows_that_are_older_than_their_columns_have_no_figures_and_a_sentence() -> None:
    old = {"latency_s": None, "concurrency": None, "spent_tokens": None, "num_thinking": None}
    run = run_of([(True,), (False,)], config=SPECREASON, job=lambda index, repeat: old)
    found = of_run(run)
    assert found.latency is None
    assert found.tokens is None
    assert any("their rows are older" in remark for remark in found.remarks)
    assert any("steps of these jobs are not stored" in remark for remark in found.remarks)


def test_a_very_large_batch_says_that_part_of_its_steps_were_read() -> None:
    found = of(calls=steps(8, 7, 9, 8), share_read=1 / 12)
    assert any("over 8.33% of the problems" in remark for remark in found.remarks)


@pytest.mark.parametrize("grades", [[(None,)], [(True,)], [(True, False)] * 2, [(True, None)] * 80])
@pytest.mark.parametrize("calls", [(), steps(10), [written(tokens=0)], steps(0, 3)])
def test_every_input_becomes_json_without_nan_and_a_value_again(
    grades: Sequence[Sequence[bool | None]], calls: Sequence[Call]
) -> None:
    found = of(grades, calls)
    sent = json.dumps(to_json(found), allow_nan=False)
    assert decode(BatchFigures, json.loads(sent)) == found
