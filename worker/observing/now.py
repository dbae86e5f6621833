"""What a worker does at the moment in which somebody asks: nothing of it is counted in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The jobs in flight of so many slots, the share of the KV cache that they reserve (0–1), and what was stored."""

    in_flight: int
    slots: int
    kv_share: float
    num_commits: int
    num_stored: int


class NowCollector(Collector):
    """Asks `read` at each scrape. Before there is one, the worker loads its pair, and `ready` is 0."""

    def __init__(self, *, num_restarts: int) -> None:
        self._num_restarts = num_restarts
        self.read: Callable[[], Now] | None = None

    def collect(self) -> Iterator[Metric]:
        """The families of this moment."""
        now = self.read() if self.read is not None else None
        yield GaugeMetricFamily(
            "specreason_worker_ready",
            "1 once the pair is loaded and the worker can take jobs.",
            0 if now is None else 1,
        )
        yield CounterMetricFamily(
            "specreason_worker_engine_restarts",
            "How often the supervisor has started the child with its engines again.",
            self._num_restarts,
        )
        if now is None:
            return
        for name, what, value in (
            ("jobs_in_flight", "Jobs that run on this worker or are being claimed by it.", now.in_flight),
            ("slots", "The most jobs in flight.", now.slots),
            ("kv_reserved", "Share of the smaller KV cache that running jobs reserve.", now.kv_share),
        ):
            yield GaugeMetricFamily(f"specreason_worker_{name}", what, value)
        for name, what, number in (
            ("commits", "Transactions that stored steps; one may store those of many jobs.", now.num_commits),
            ("stored_steps", "Steps that are durable.", now.num_stored),
        ):
            yield CounterMetricFamily(f"specreason_worker_{name}", what, number)
