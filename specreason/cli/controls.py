"""Controls over HTTP: what the user pasted may be the id of a batch or of a job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx2

from specreason.errors import ConfigError, StoreUnavailable, UnknownName

TIMEOUT_S = 30.0


def act(api_url: str, given_id: UUID, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the API to do `action` to the batch with this id, or else to the job; its summary afterwards."""
    try:
        with httpx2.Client(base_url=api_url, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = client.post(f"/api/batches/{given_id}/{action}", json=body)
            if answer.status_code == httpx2.codes.NOT_FOUND:
                answer = client.post(f"/api/jobs/{given_id}/{action}", json=body)
    except httpx2.HTTPError as error:
        raise StoreUnavailable(f"API at {api_url} does not answer ({error}); is it running?") from error
    if answer.status_code == httpx2.codes.NOT_FOUND:
        raise UnknownName(f"{given_id}: there is no batch or job with this id that one could {action}")
    if answer.is_server_error:
        raise StoreUnavailable(f"API at {api_url}: {_message(answer)}")
    if not answer.is_success:
        raise ConfigError(_message(answer))
    summary: dict[str, Any] = answer.json()
    return summary


def in_words(summary: dict[str, Any]) -> str:
    """One line on how the batch or the job stands now."""
    if "job_id" in summary:
        return f"job {summary['job_id']}: {summary['state']}"
    states = [name.removeprefix("num_") for name in STATE_COUNTS if summary[name]]
    counts = ", ".join(f"{summary[f'num_{state}']} {state}" for state in states)
    paused = " (paused)" if summary["paused_at"] else ""
    return f"batch {summary['batch_id']}{paused}: {counts}"


STATE_COUNTS = (
    "num_queued",
    "num_running",
    "num_succeeded",
    "num_failed",
    "num_cancelled",
    "num_expired",
    "num_dead",
)


def _message(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
