"""GET /metrics, for Prometheus. It needs a key with the scope `read`, unless SPECREASON_METRICS_OPEN is true."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.deployment import deployment_of
from api.door.access import METRICS_PATH, READ

router = APIRouter(include_in_schema=False, dependencies=[READ])


@router.get(METRICS_PATH)
def get_metrics(request: Request) -> Response:
    """All figures of this process, in Prometheus's text format."""
    return Response(generate_latest(deployment_of(request).metrics), media_type=CONTENT_TYPE_LATEST)
