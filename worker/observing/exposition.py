"""Serves a worker's metrics over HTTP, where the settings name a port."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, start_http_server

from specreason.settings import Settings

log = logging.getLogger(__name__)


def serve_metrics(settings: Settings, registry: CollectorRegistry) -> int | None:
    """Serve `registry` in a daemon thread; return the port, None if there is none to be served on.

    A port that is in use, or a host that is none here, is told in the log and costs nothing else: jobs go before
    metrics.
    """
    if settings.metrics_port is None:
        return None
    host = settings.metrics_host
    try:
        server, _ = start_http_server(settings.metrics_port, addr=host, registry=registry)
    # The latter for a host that cannot be a name.
    except (OSError, UnicodeError) as error:
        log.error(
            "metrics: cannot be served on %s:%d (%s); each worker of a machine needs its own SPECREASON_METRICS_PORT",
            *(host, settings.metrics_port, getattr(error, "strerror", None) or error),
        )
        return None
    port = int(server.server_port)
    log.info("metrics are served on http://%s:%d/metrics", host, port)
    return port
