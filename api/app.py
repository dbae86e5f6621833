"""Builds the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from api.analysis import compare, costs, figures, judge, report, rewards, rows, search
from api.answers.docs import add_docs
from api.answers.errors import handle_errors
from api.deployment import Deployment
from api.door.access import AccessMiddleware, check_scope
from api.door.authenticator import Authenticator
from api.door.body_limit import BodyLimit
from api.housekeeping import Housekeeping
from api.metrics.deployment_figures import DeploymentFigures
from api.metrics.requests import CountRequests, RequestMetrics
from api.native import controls, events, metrics, prune, reads, regrade, results, submit, webhooks
from api.openai import batches, files, models
from api.openai.advance import BatchAdvancer
from api.openai.live import completions
from api.openapi import complete_document, operation_id, tags
from api.pages import batches as batch_pages
from api.pages import dead, reports, signing_in, workers
from api.pages.batch import actions as batch_actions
from api.pages.batch import page as batch_page
from api.pages.compare import page as compare_page
from api.pages.compare import traces as traces_page
from api.pages.job import page as job_page
from api.pages.submit import page as submit_page
from api.requests.parameters import check_parameters
from api.site import assets
from api.streams import Exports, Judgements, LongReads, Streams, Waiting
from api.watch import Watch
from api.webhooks.keeping import WebhookRules
from api.webhooks.sender import WebhookSender
from specreason import __version__
from specreason.doorbell import Doorbell
from specreason.pairs import PairConfig
from specreason.settings import Settings
from specreason.store.files.rows import files_folder
from specreason.store.session import Database
from specreason.store.webhooks.outbox import Schedule

PARTS = (
    submit,
    reads,
    results,
    controls,
    regrade,
    events,
    webhooks,
    prune,
    completions,
    files,
    batches,
    models,
    compare,
    costs,
    figures,
    judge,
    report,
    rewards,
    rows,
    search,
    metrics,
    assets,
    signing_in,
    batch_pages,
    batch_page,
    batch_actions,
    job_page,
    compare_page,
    traces_page,
    workers,
    dead,
    submit_page,
    reports,
)
CHECKS = (Depends(check_scope), Depends(check_parameters))  # of every route


def create_app(
    database: Database,
    doorbell: Doorbell,
    pairs: dict[str, PairConfig],
    settings: Settings,
    *,
    authenticator: Authenticator | None = None,
) -> FastAPI:
    """The application over a migrated database. It loads no model and runs no job.

    Without an authenticator, requests need no key.
    """
    folder = files_folder(database, settings.files_dir)
    advancer = BatchAdvancer(database, folder, doorbell, pairs, settings)
    housekeeping = Housekeeping(database, folder, advancer)
    watch = Watch(database)
    registry = CollectorRegistry()
    registry.register(DeploymentFigures(database))
    webhook_rules = WebhookRules.of(settings)
    sender = None
    if webhook_rules is not None:
        sender = WebhookSender(database, webhook_rules, schedule=Schedule(days=settings.webhook_days))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        housekeeping.start()
        if sender is not None:
            sender.start()
        yield
        await run_in_threadpool(watch.close)
        if sender is not None:
            await run_in_threadpool(sender.close)
        await run_in_threadpool(housekeeping.close)
        await run_in_threadpool(advancer.close)

    app = FastAPI(
        title="SpecReason Pipeline",
        version=__version__,
        summary="Submit reasoning jobs in bulk, and read every step of each.",
        openapi_tags=tags(),
        docs_url=None,
        redoc_url=None,
        dependencies=CHECKS,
        lifespan=lifespan,
    )
    app.state.deployment = Deployment(
        database=database,
        doorbell=doorbell,
        pairs=pairs,
        settings=settings,
        authenticator=authenticator,
        folder=folder,
        streams=Streams(database),
        waiting=Waiting(),
        exports=Exports(),
        long_reads=LongReads(),
        judgements=Judgements(),
        watch=watch,
        metrics=registry,
        advancer=advancer,
        webhook_rules=webhook_rules,
    )
    app.router.routes.extend(_routes())
    add_docs(app)
    handle_errors(app)
    complete_document(app)
    app.add_middleware(BodyLimit, max_upload_bytes=settings.max_upload_bytes)
    # What is added later is further out: an unauthenticated request gets no further than this, and is counted.
    app.add_middleware(AccessMiddleware, authenticator=authenticator, metrics_are_open=settings.metrics_open)
    app.add_middleware(CountRequests, metrics=RequestMetrics(registry))
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """The routes, which take half a second to make: every application of the process has the same."""
    whole = APIRouter(dependencies=CHECKS, generate_unique_id_function=operation_id)
    for part in PARTS:
        whole.include_router(part.router)
    return tuple(whole.routes)
