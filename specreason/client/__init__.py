"""The HTTP API from Python: `Client`, and the values that it returns. It imports neither the store nor a model."""

from __future__ import annotations

from specreason.client.analysis.rows import RowPage
from specreason.client.analysis.search import FoundStep
from specreason.client.client import Client
from specreason.client.job_values import Attempt, Job, Result, Step
from specreason.client.references import job_ref, place_ref, short_id
from specreason.client.values import Batch, Event, Grid, Health, Queue, Queues, SkippedRow, Worker

__all__ = [
    "Attempt",
    "Batch",
    "Client",
    "Event",
    "FoundStep",
    "Grid",
    "Health",
    "Job",
    "Queue",
    "Queues",
    "Result",
    "RowPage",
    "SkippedRow",
    "Step",
    "Worker",
    "job_ref",
    "place_ref",
    "short_id",
]
