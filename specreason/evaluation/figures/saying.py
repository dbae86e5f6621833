"""Says in sentences whether drafting pays, and what is missing from the figures of a batch or to be doubted."""

from __future__ import annotations

from collections.abc import Iterator

from specreason.evaluation.figures.values import Drafting, Latency, RightAnswers, Tokens
from specreason.evaluation.runs import Run, is_measured, is_timed
from specreason.words import counted

WITHOUT_DRAFTS = {
    "base": "Nothing was drafted: the base wrote everything itself.",
    "drafter": "Nothing was judged: the drafter wrote everything itself.",
    "specdecode": "No step was drafted: the base's engine drafts tokens, which are no steps.",
}
# A 95th percentile has no interval over fewer.
LEAST_PROBLEMS = 72


def sentence(run: Run, drafting: Drafting | None) -> str:
    """Whether drafting pays, as far as the figures tell."""
    states = run.jobs["state"]
    if not any(map(is_measured, states)):
        is_over = all(state not in ("queued", "running") for state in states)
        return f"There are no figures{'' if is_over else ' yet'}: no job has succeeded."
    if drafting is None:
        return WITHOUT_DRAFTS.get(str(run.config.get("scheme")), "No step was drafted.")
    return _on_drafting(drafting)


def _on_drafting(drafting: Drafting) -> str:
    accepted = f"{_percent(drafting.acceptance.mean)} of drafts are accepted"
    if drafting.break_even is None or drafting.margin is None:
        return f"Whether drafting pays is unknown: {accepted}, and the base wrote nothing itself to compare with."
    needed = drafting.break_even.mean
    needs = f"it needs {_percent(needed)}" + (", more than there are" if needed > 1 else "")
    bounds = drafting.margin.bounds
    if bounds is None:
        few = counted(drafting.num_problems, "problem")
        return f"{accepted}, and drafting needs {_percent(needed)} to pay; {few} cannot tell whether it does."
    within = (
        f"(margin {_points(drafting.margin.mean)} points, 95 %: {_points(bounds[0])} to {_points(bounds[1])})"
    )
    if bounds[0] > 0:
        return f"Drafting pays: {accepted}, and {needs} {within}."
    if bounds[1] < 0:
        return f"Drafting does not pay: {accepted}, and {needs} {within}."
    return f"It is not shown whether drafting pays: {accepted}, and {needs} {within}."


def remarks(
    run: Run,
    *,
    right: RightAnswers | None,
    timed: Latency | None,
    of_tokens: Tokens | None,
    has_calls: bool,
    share_read: float,
) -> Iterator[str]:
    """One sentence for each."""
    states, resumed = run.jobs["state"], run.jobs["resumed"]
    num_open = sum(state in ("queued", "running") for state in states)
    num_measured = sum(map(is_measured, states))
    if num_open:
        yield f"{counted(num_open, 'job')} {_have(num_open)} not ended: these figures will change."
    if others := len(states) - num_open - num_measured:
        yield f"{counted(others, 'job')} did not succeed: no figure counts {_them(others)}."
    if not num_measured:
        return
    yield from _on_grades(run, right)
    if again := sum(map(is_measured, states)) - sum(map(is_timed, states, resumed)):
        yield f"{counted(again, 'job')} went on after an earlier attempt: no latency counts {_them(again)}."
    if of_tokens is None:
        yield "How many tokens these jobs kept and spent is unknown: their rows are older than these columns."
    if not has_calls:
        yield "The steps of these jobs are not stored: nothing is known of drafts and calls."
    if share_read < 1:
        yield (
            f"Acceptance, break-even, TTFT and TPOT are over {share_read:.2%} of the problems, because the batch has "
            "so many steps."
        )
    if timed is not None and timed.num_problems == 1:
        yield "One problem tells nothing of others: means and percentiles have no interval."
    elif timed is not None and timed.num_problems < LEAST_PROBLEMS:
        yield f"A 95th percentile has an interval from {LEAST_PROBLEMS} problems on."


def _on_grades(run: Run, right: RightAnswers | None) -> Iterator[str]:
    waiting = sum(
        is_measured(state) and gradable and not final
        for state, gradable, final in zip(
            run.jobs["state"], run.jobs["is_gradable"], run.jobs["is_final"], strict=True
        )
    )
    if waiting:
        yield f"{counted(waiting, 'answer')} {'waits' if waiting == 1 else 'wait'} for a grade."
    elif right is None:
        yield "No answer is graded, so how many are right is unknown: the problems have no gold answers."


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(share: float) -> str:
    return f"{100 * share:.0f}".replace("-0", "0").replace("-", "−")
