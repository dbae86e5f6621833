"""Why runs end, as the pages say it."""

from __future__ import annotations

from specreason.reasoning.steps import StopReason

STOPS = {
    StopReason.ANSWERED: "answered",
    StopReason.TOKEN_BUDGET: "the token budget was used up",
    StopReason.CONTEXT_FULL: "the context was full",
    StopReason.MAX_STEPS: "the limit on steps was reached",
    StopReason.REPEATED_STEP: "the thinking went round in circles",
    StopReason.CANCELLED: "cancelled",
    StopReason.DEADLINE: "the deadline passed",
}
