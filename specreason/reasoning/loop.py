"""The step loop of SpecReason (paper §4.1): draft a step, score it, keep it or write it again.

The loop knows policies, limits and the two engines. It does not log, time, retry, store or tokenize.
"""

from __future__ import annotations

from dataclasses import replace

from specreason.engines.base import Completion, Role, Verdict
from specreason.reasoning.budget import STOP_REASON_OF
from specreason.reasoning.calls import answer_call, step_call, stretch_call
from specreason.reasoning.drafts import Drafts
from specreason.reasoning.policies import decide
from specreason.reasoning.schemes import Run
from specreason.reasoning.scoring import score_of, score_step
from specreason.reasoning.steps import AUTHOR_OF, Decision, Phase, StepRecord, StepSink, StopReason, Trace
from specreason.reasoning.transcript import Transcript


async def reason(run: Run, transcript: Transcript, sink: StepSink) -> Trace:
    """Take steps until an answer or a limit. A transcript that already has steps is continued."""
    with Drafts(run.pair) as drafts:
        while (stop := stop_reason(run, transcript)) is None:
            step = drafts.charge(await take_step(run, transcript, drafts))
            await sink.append(step)  # returns once the step before it is durable
            transcript.append(step)
            run.economics.see(step)
    return Trace(steps=tuple(transcript.steps), stop_reason=stop)


def stop_reason(run: Run, transcript: Transcript) -> StopReason | None:
    """Why the run is over; None while it goes on. If a limit forced the answer, that limit is the reason."""
    steps = transcript.steps
    if steps and steps[-1].phase is Phase.ANSWER:
        return next(
            (STOP_REASON_OF[s.decision] for s in steps if s.decision.closes_thinking), StopReason.ANSWERED
        )
    if run.answer_at_limit or transcript.thinking_closed:
        return None
    closing = run.budget.closing(transcript)
    return STOP_REASON_OF[closing] if closing is not None else None


async def take_step(run: Run, transcript: Transcript, drafts: Drafts) -> StepRecord:
    """The next step: the answer once the thinking is closed, its closing at a limit, else one step of thought."""
    if transcript.thinking_closed:
        return await write_answer(run, transcript)
    closing = closing_reason(run, transcript)
    if closing is not None:
        return close_thinking(run, transcript, closing)
    # Stored as the policy sees them: other jobs change them at any time.
    odds = run.economics.odds(transcript.steps)
    decision = run.policy.without_draft(transcript.steps)
    if decision is None:
        step = await speculate(run, transcript, drafts)
    else:
        drafts.drop()
        step = await think(run, transcript, decision)
    return replace(step, odds=odds)


def closing_reason(run: Run, transcript: Transcript) -> Decision | None:
    """The reason why the loop has to close the thinking, None if it has not."""
    return Decision.CLOSED_EOS if transcript.ended_inside_thinking else run.budget.closing(transcript)


async def speculate(run: Run, transcript: Transcript, drafts: Drafts) -> StepRecord:
    """Draft the next step, score it, and have the base write it again unless it is good enough."""
    draft = await drafts.take(step_call(run, transcript, Role.DRAFTER))
    step = kept_step(run, transcript, Decision.ACCEPTED, draft=draft)
    if run.overlap:
        draft_ahead(run, transcript.followed_by(step), drafts)
    verdict = await score_step(run.pair, run.judge, transcript, step.kept_ids)
    decision = decide(run.policy, score_of(verdict, run.score_method))
    written = None
    if decision is not Decision.ACCEPTED:
        drafts.drop()
        written = await step_call(run, transcript, Role.BASE).make(run.pair)
    return kept_step(run, transcript, decision, draft=draft, verdict=verdict, written=written)


def draft_ahead(run: Run, then: Transcript, drafts: Drafts) -> None:
    """Let the drafter continue `then`, the transcript as it will be if the present step is kept."""
    goes_on = not then.thinking_closed and closing_reason(run, then) is None
    if goes_on and run.policy.without_draft(then.steps) is None:
        drafts.begin(step_call(run, then, Role.DRAFTER))


async def think(run: Run, transcript: Transcript, decision: Decision) -> StepRecord:
    """A step of thought without a draft, for the reason that `decision` gives."""
    alone = decision is Decision.BELOW_BREAK_EVEN
    call = stretch_call(run, transcript) if alone else step_call(run, transcript, AUTHOR_OF[decision])
    return kept_step(run, transcript, decision, written=await call.make(run.pair))


def kept_step(
    run: Run,
    transcript: Transcript,
    decision: Decision,
    *,
    draft: Completion | None = None,
    verdict: Verdict | None = None,
    written: Completion | None = None,
) -> StepRecord:
    """The step of thought that keeps what was written outright, or else the draft."""
    author = AUTHOR_OF[decision]
    kept = written if written is not None else draft
    assert kept is not None
    ids, text = transcript.kept_part(kept, author)
    return StepRecord(
        index=len(transcript.steps),
        phase=Phase.THINK,
        decision=decision,
        author=author,
        kept_ids=ids,
        kept_text=text,
        threshold=run.policy.threshold if draft is not None else None,
        draft=draft,
        verdict=verdict,
        written=written,
    )


def close_thinking(run: Run, transcript: Transcript, decision: Decision) -> StepRecord:
    """A step that consists of the closing tag, so that an answer can follow."""
    return StepRecord(
        index=len(transcript.steps),
        phase=Phase.THINK,
        decision=decision,
        author=None,
        kept_ids=run.closing_ids,
        kept_text=transcript.text(run.closing_ids, Role.BASE),
    )


async def write_answer(run: Run, transcript: Transcript) -> StepRecord:
    """The ANSWER phase in one piece."""
    answer = await answer_call(run, transcript).make(run.pair)
    ids, text = transcript.kept_part(answer, run.answers)
    return StepRecord(
        index=len(transcript.steps),
        phase=Phase.ANSWER,
        decision=Decision.ANSWER,
        author=run.answers,
        kept_ids=ids,
        kept_text=text,
        written=answer,
    )
