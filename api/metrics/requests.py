"""Counts requests: by method, route and status, and the seconds until each answer began."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, Info
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from specreason import __version__

ANSWER_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What stands for the route of a request that has none: of these, and of methods, a client can make up any number.
NONE, OTHER = "none", "other"


class RequestMetrics:
    """The figures of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        Info("specreason_api", "The API behind these figures.", registry=registry).info(
            {"version": __version__}
        )
        self.answered = Counter(
            "specreason_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.seconds = Histogram(
            "specreason_http_request_seconds",
            "Wall seconds until the answer began.",
            ("method", "route"),
            buckets=ANSWER_S,
            registry=registry,
        )


class CountRequests:
    """The outermost part of the application: it counts refused requests, too, and those that a defect ended."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, has_answer = time.perf_counter(), False

        async def send_and_count(message: Message) -> None:
            nonlocal has_answer
            if message["type"] == "http.response.start":
                has_answer = True
                self._count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_and_count)
        except Exception:
            # The framework answers it, further out than this.
            if not has_answer:
                self._count(scope, 500, time.perf_counter() - began)
            raise

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else OTHER
        route = getattr(scope.get("route"), "path", NONE)
        self._metrics.answered.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
