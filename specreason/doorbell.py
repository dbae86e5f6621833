"""Names that the API and the workers must agree on. Postgres is the truth, these messages a doorbell (design §5)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

RUN_JOB = "specreason.run_job"  # the only message: one argument, the job's id

# A message that got lost is announced again by the dispatcher, one that came twice is claimed once. So messages
# are acknowledged at once, never redelivered by the broker, and results stay in Postgres.
CELERY_CONFIG: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_acks_late": False,
    "task_create_missing_queues": True,
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "broker_connection_retry_on_startup": True,
    "broker_pool_acquire_timeout": 5,
    "broker_transport_options": {
        "visibility_timeout": 86_400,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
    },
}

# For those who only send: one short try. Left alone, kombu tries for six seconds to reach a broker that is away, and
# waits ten for one that is frozen; meanwhile a leader takes nothing back from lost workers, and a client waits for its
# answer. What was not sent is announced again.
PUBLISHER_CONFIG: dict[str, Any] = CELERY_CONFIG | {
    "broker_transport_options": CELERY_CONFIG["broker_transport_options"]
    | {"max_retries": 0, "socket_timeout": 2, "socket_connect_timeout": 2},
}


def queue_of(pair: str) -> str:
    """Each pair has a queue of its own: only a worker that holds the pair can run its jobs."""
    return f"pair.{pair}"


def announcement(pair: str, job_id: UUID) -> dict[str, Any]:
    """What Celery's `send_task(RUN_JOB, …)` is to be told: its task is called like our job."""
    return {"args": [str(job_id)], "task_id": str(job_id), "queue": queue_of(pair), "retry": False}


def announced_job(message: bytes) -> UUID | None:
    """The job of a message as it stands in the broker's queue; None if it is none of ours."""
    try:
        return UUID(json.loads(message)["headers"]["id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
