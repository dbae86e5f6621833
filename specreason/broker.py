"""The broker as a server that somebody else may run: what it refuses, and what it says of that.

A replica takes no messages, nor does a server that is full, cannot save or loads its data. All of these pass, so they
count as if the broker were away. A cluster does not pass: its nodes share out the keys of one queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from kombu.exceptions import LimitExceeded, OperationalError
from redis import Redis
from redis.exceptions import ClusterCrossSlotError, ClusterDownError, MovedError, RedisError, ResponseError

from specreason.addresses import BrokerAddress
from specreason.errors import BrokerUnavailable, InputError

TIMEOUT_S = 2.0
# Keys beside the queues, which begin with "pair." and so are this user's to write.
PROBE, PROBES = "pair.?", ("pair.?1", "pair.?2")
CLUSTER = (
    "broker: it is a Redis cluster, whose nodes share out the keys of a queue; SPECREASON_BROKER_URL must name a "
    "Redis or Valkey without cluster mode"
)

# Messages are acknowledged at once and never redelivered by the broker, and results stay in Postgres.
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
    # It cancels tasks that are acknowledged late, and there are none: said only because Celery warns otherwise.
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    # Slots bound what a worker takes, after a lost connection as before.
    "worker_enable_prefetch_count_reduction": False,
    "worker_send_task_events": False,
    "broker_connection_retry_on_startup": True,
    "broker_pool_acquire_timeout": 5,
    "broker_transport_options": {
        # Nothing is written to the broker for a message that is taken: a full broker can still be emptied.
        "ack_emulation": False,
        "socket_timeout": 3,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        # The connection, once: whoever needs it tries again itself.
        "max_retries": 0,
    },
}

# For a process that only sends: while it waits for a broker that is frozen, the leader takes back no jobs of lost
# workers, and a client waits for its answer. The leader announces again what was not sent.
SENDER_CONFIG: dict[str, Any] = CELERY_CONFIG | {
    "broker_transport_options": CELERY_CONFIG["broker_transport_options"] | {"socket_timeout": TIMEOUT_S},
}


def refuse_cluster(broker_url: str) -> None:
    """Raise InputError if the broker is a Redis cluster. One that does not answer is for the workers to wait for."""
    with suppress(BrokerUnavailable), _client(broker_url) as client:
        _refuse_cluster(client)


def check_broker(broker_url: str) -> None:
    """Send the broker a message and take it back. Raises InputError for a cluster, and BrokerUnavailable with what
    the broker says if it does not take the message."""
    with _client(broker_url) as client:
        _refuse_cluster(client)
        client.lpush(PROBE, "")
        client.brpop([PROBE], timeout=1)


@contextmanager
def reported() -> Iterator[None]:
    """Raise BrokerUnavailable for whatever keeps the broker from doing what it was asked."""
    try:
        yield
    except (OperationalError, LimitExceeded, RedisError, OSError) as error:
        said = says(error)
        code = said.partition(" ")[0]
        raise BrokerUnavailable(f"broker: {said}", code=code if code.isupper() else "") from error


def says(error: BaseException) -> str:
    """The broker's own words for an error: redis-py takes the code, such as READONLY, from the front of most."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, RedisError):
        cause = cause.__cause__
    words = str(cause or error) or type(error).__name__
    code = getattr(cause, "status_code", None) or "ERR"
    return words if code == "ERR" or words.startswith(code) else f"{code} {words}"


@contextmanager
def _client(broker_url: str) -> Iterator[Redis]:
    url = BrokerAddress.parse("broker", broker_url).for_redis
    client = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    with reported(), closing(client):
        yield client


def _refuse_cluster(client: Redis) -> None:
    try:
        is_cluster = bool(client.info("cluster").get("cluster_enabled"))
    except ResponseError:  # this user may not ask
        is_cluster = _spreads_keys(client)
    if is_cluster:
        raise InputError(CLUSTER)


def _spreads_keys(client: Redis) -> bool:
    """Whether two keys may lie on two nodes."""
    try:
        client.exists(*PROBES)
    except (ClusterCrossSlotError, ClusterDownError, MovedError):
        return True
    return False
