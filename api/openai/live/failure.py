"""What a request is told whose jobs all ended without success, as an error of OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.answers.errors import openai_error
from api.openai.requests.endpoint import Endpoint
from api.openai.results import TELLING, failed, refused
from specreason.store.read.results import EndedJob
from specreason.store.tables.states import JobState

EXPIRED = "the request had not ended at its deadline (SPECREASON_CHAT_S); a batch may take longer"
CANCELLED = "somebody cancelled the request before it had ended"


def failure_of(jobs: Sequence[EndedJob]) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the body."""
    told = min(jobs, key=lambda job: TELLING.index(job.state))
    if told.state is JobState.EXPIRED:
        return 504, openai_error(504, EXPIRED, code="deadline_exceeded")
    if told.state is JobState.CANCELLED:
        return 409, openai_error(409, CANCELLED, code="cancelled")
    status, error = failed(told) if told.state is JobState.DEAD else refused(told, Endpoint.CHAT)
    return status, {"error": error}
