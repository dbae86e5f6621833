"""The HTTP API from Python: `Client`, and the values that it returns. It imports neither the store nor a model."""

from __future__ import annotations

from specreason.client.client import Client
from specreason.client.values import Attempt, Batch, Event, Grid, Health, Job, Result, Step, Worker

__all__ = ["Attempt", "Batch", "Client", "Event", "Grid", "Health", "Job", "Result", "Step", "Worker"]
