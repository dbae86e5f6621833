"""Names that the API and the workers must agree on. Postgres is the truth, these messages a doorbell (design §5)."""

from __future__ import annotations

from typing import Any

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

# For those who only send: one try. Left alone, kombu tries for six seconds to reach a broker that is away, in which a
# leader takes nothing back from lost workers and a client waits for its answer. The dispatcher announces again.
PUBLISHER_CONFIG: dict[str, Any] = CELERY_CONFIG | {
    "broker_transport_options": CELERY_CONFIG["broker_transport_options"] | {"max_retries": 0},
}


def queue_of(pair: str) -> str:
    """Each pair has a queue of its own: only a worker that holds the pair can run its jobs."""
    return f"pair.{pair}"
