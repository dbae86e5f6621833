"""The objects that one API process works with. `create_app` makes them once; a route names those that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from api.door.authenticator import Authenticator
from api.streams import Exports, Judgements, LongReads, Streams, Waiting
from api.watch import Watch
from api.webhooks.keeping import WebhookRules
from specreason.doorbell import Doorbell
from specreason.pairs import PairConfig
from specreason.settings import Settings
from specreason.store.files import folder
from specreason.store.openai.status import OpenAIBatch
from specreason.store.session import Database


class AdvancesBatches(Protocol):
    """The method of `BatchAdvancer` that routes call. `BatchAdvancer` itself is in a layer above this module."""

    def advance_soon(self, batch: OpenAIBatch) -> None:
        """Advance the batch in another thread, if it is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The parts of the process that outlive a request.

    `authenticator` is None while keys are off, `webhook_rules` while webhooks are.
    """

    database: Database
    doorbell: Doorbell
    pairs: Mapping[str, PairConfig]
    settings: Settings
    authenticator: Authenticator | None
    folder: folder.Folder
    streams: Streams
    waiting: Waiting
    exports: Exports
    long_reads: LongReads
    judgements: Judgements
    watch: Watch
    metrics: CollectorRegistry
    advancer: AdvancesBatches
    webhook_rules: WebhookRules | None


def deployment_of(request: Request) -> Deployment:
    """The deployment that answers `request`."""
    deployment: Deployment = request.app.state.deployment
    return deployment


# These are async because FastAPI runs any other dependency in a thread.
async def _store(request: Request) -> Database:
    return deployment_of(request).database


async def _folder(request: Request) -> folder.Folder:
    return deployment_of(request).folder


async def _pairs(request: Request) -> Mapping[str, PairConfig]:
    return deployment_of(request).pairs


async def _advancer(request: Request) -> AdvancesBatches:
    return deployment_of(request).advancer


Store = Annotated[Database, Depends(_store)]
Folder = Annotated[folder.Folder, Depends(_folder)]
Pairs = Annotated[Mapping[str, PairConfig], Depends(_pairs)]
Advancer = Annotated[AdvancesBatches, Depends(_advancer)]
