"""The words of the tables as the page of a job says them."""

from __future__ import annotations

from specreason.engines.base import Role
from specreason.reasoning.steps import Decision
from specreason.store.tables.states import AttemptOutcome

DECISIONS = {
    Decision.ACCEPTED: "draft accepted",
    Decision.REJECTED: "draft rejected, the base wrote it again",
    Decision.REJECTED_NO_DIGIT: "draft rejected: the verdict was no digit",
    Decision.FIRST_STEPS_ON_BASE: "one of the first steps, which the base writes",
    Decision.BELOW_BREAK_EVEN: "written without a draft: drafting did not pay",
    Decision.BASE_ONLY: "written by the base alone",
    Decision.DRAFTER_ONLY: "written by the drafter alone",
    Decision.ANSWER: "the answer",
    Decision.CLOSED_EOS: "thinking closed: the model had ended",
    Decision.CLOSED_TOKEN_BUDGET: "thinking closed: the token budget was used up",
    Decision.CLOSED_CONTEXT_FULL: "thinking closed: the context was full",
    Decision.CLOSED_MAX_STEPS: "thinking closed: the limit on steps was reached",
    Decision.CLOSED_REPEATED_STEP: "thinking closed: it went round in circles",
}
# What ended an attempt, behind "Attempt 1 ended: ".
OUTCOMES = {
    AttemptOutcome.SUCCEEDED: "it succeeded",
    AttemptOutcome.FAILED: "an error that no retry can mend",
    AttemptOutcome.CANCELLED: "it was cancelled",
    AttemptOutcome.EXPIRED: "its deadline passed",
    AttemptOutcome.ERROR: "an error",
    AttemptOutcome.RELEASED: "its worker stopped and gave the job back",
    AttemptOutcome.LOST: "its worker was lost",
}
CRASHES = (AttemptOutcome.ERROR, AttemptOutcome.LOST, AttemptOutcome.FAILED)
AUTHORS = {Role.DRAFTER: "drafter", Role.BASE: "base", None: "loop"}
