"""The step loop of SpecReason (paper §4.1): draft a step, score it, keep it or write it again.

The loop knows policies, limits and the two engines. It does not log, time, retry, store or tokenize.
"""

from __future__ import annotations

from specreason.engines.base import Completion, Limits, Role, Verdict
from specreason.reasoning.budget import STOP_REASON_OF
from specreason.reasoning.schemes import Run
from specreason.reasoning.scoring import score_step
from specreason.reasoning.seeds import call_seed
from specreason.reasoning.steps import Decision, Phase, StepRecord, StepSink, StopReason, Trace
from specreason.reasoning.transcript import Transcript

AUTHOR_OF = {
    Decision.ACCEPTED: Role.DRAFTER,
    Decision.REJECTED: Role.BASE,
    Decision.REJECTED_NO_DIGIT: Role.BASE,
    Decision.FIRST_STEPS_ON_BASE: Role.BASE,
    Decision.BASE_ONLY: Role.BASE,
    Decision.DRAFTER_ONLY: Role.DRAFTER,
}


async def reason(run: Run, transcript: Transcript, sink: StepSink) -> Trace:
    """Take steps until an answer or a limit. A transcript that already has steps is continued."""
    while (stop := stop_reason(run, transcript)) is None:
        step = await take_step(run, transcript)
        await sink.append(step)  # returns once the step before it is durable
        transcript.append(step)
    return Trace(steps=tuple(transcript.steps), stop_reason=stop)


def stop_reason(run: Run, transcript: Transcript) -> StopReason | None:
    """Why the run is over; None while it goes on. An answer that a limit forced is that limit's."""
    steps = transcript.steps
    if steps and steps[-1].phase is Phase.ANSWER:
        return next(
            (STOP_REASON_OF[s.decision] for s in steps if s.decision.closes_thinking), StopReason.ANSWERED
        )
    if run.answer_at_limit or transcript.thinking_closed:
        return None
    closing = run.budget.closing(steps)
    return STOP_REASON_OF[closing] if closing is not None else None


async def take_step(run: Run, transcript: Transcript) -> StepRecord:
    """The next step: the answer once the thinking is closed, its closing at a limit, else one step of thought."""
    if transcript.thinking_closed:
        return await write_answer(run, transcript)
    closing = (
        Decision.CLOSED_EOS if transcript.ended_inside_thinking else run.budget.closing(transcript.steps)
    )
    if closing is not None:
        return close_thinking(run, transcript, closing)
    return await think(run, transcript)


async def think(run: Run, transcript: Transcript) -> StepRecord:
    """Draft, score, decide; what was not drafted or not accepted is written outright."""
    index = len(transcript.steps)
    draft = verdict = written = None
    decision = run.policy.without_draft(index)
    if decision is None:
        draft = await write(run, transcript, Role.DRAFTER, step_limits(run, transcript))
        verdict = await score_step(
            run.pair, run.judge, transcript, transcript.kept_part(draft, Role.DRAFTER)[0]
        )
        decision = decide(run, verdict)
    author = AUTHOR_OF[decision]
    if decision is not Decision.ACCEPTED:
        written = await write(run, transcript, author, step_limits(run, transcript))
    kept = written if written is not None else draft
    assert kept is not None  # only a draft is ever accepted
    ids, text = transcript.kept_part(kept, author)
    return StepRecord(
        index=index,
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


def decide(run: Run, verdict: Verdict) -> Decision:
    """A verdict without a digit rejects the step: a broken judge must not look like a lenient one."""
    if verdict.digit is None:
        return Decision.REJECTED_NO_DIGIT
    return Decision.ACCEPTED if run.policy.accepts(verdict.digit) else Decision.REJECTED


def close_thinking(run: Run, transcript: Transcript, decision: Decision) -> StepRecord:
    """The loop itself puts the closing tag, so that an answer can follow."""
    return StepRecord(
        index=len(transcript.steps),
        phase=Phase.THINK,
        decision=decision,
        author=None,
        kept_ids=run.closing_ids,
        kept_text=run.pair.think_end,
    )


async def write_answer(run: Run, transcript: Transcript) -> StepRecord:
    """The ANSWER phase in one piece, up to end of sequence."""
    author = run.policy.answers
    room = run.pair.engine(author).max_model_len - len(transcript.ids(author))
    limits = Limits(max_tokens=min(run.budget.max_answer_tokens, room), stop_at_think_end=False)
    answer = await write(run, transcript, author, limits)
    ids, text = transcript.kept_part(answer, author)
    return StepRecord(
        index=len(transcript.steps),
        phase=Phase.ANSWER,
        decision=Decision.ANSWER,
        author=author,
        kept_ids=ids,
        kept_text=text,
        written=answer,
    )


def step_limits(run: Run, transcript: Transcript) -> Limits:
    return Limits(max_tokens=run.budget.step_tokens(transcript.steps), delimiter=run.delimiter)


async def write(run: Run, transcript: Transcript, role: Role, limits: Limits) -> Completion:
    """One generate call by `role`, with the seed that belongs to this step."""
    seed = call_seed(run.seed, run.repeat, len(transcript.steps), role)
    return await run.pair.engine(role).generate(
        transcript.ids(role), limits=limits, sampling=run.sampling, seed=seed
    )
