"""The HTTP API, wired up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool

from api.answers.docs import add_docs
from api.answers.errors import answer_with_problems
from api.answers.openapi import document_errors
from api.deployment import Deployment
from api.door.access import AccessMiddleware, check_scope
from api.door.authenticator import Authenticator
from api.door.body_limit import BodyLimit
from api.native import controls, events, reads, results, submit
from api.native.streams import Streams
from api.openai import batches, files, models
from api.openai.advance import BatchAdvancer
from api.publisher import Publisher
from specreason import __version__
from specreason.config import PairConfig
from specreason.settings import Settings
from specreason.store.files.rows import files_folder
from specreason.store.session import Database


def create_app(
    database: Database,
    publisher: Publisher,
    pairs: dict[str, PairConfig],
    settings: Settings,
    *,
    authenticator: Authenticator | None = None,
) -> FastAPI:
    """The application over a migrated database. It loads no model and runs no job.

    Without an authenticator, keys are off.
    """
    folder = files_folder(database, settings.files_dir)
    advancer = BatchAdvancer(database, folder, publisher, pairs, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        advancer.start()
        yield
        await run_in_threadpool(advancer.close)

    app = FastAPI(
        title="SpecReason Pipeline",
        version=__version__,
        summary="Submit reasoning jobs in bulk, and read every step that was taken.",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(check_scope)],
        lifespan=lifespan,
    )
    app.state.deployment = Deployment(
        database=database,
        doorbell=publisher,
        pairs=pairs,
        settings=settings,
        authenticator=authenticator,
        folder=folder,
        streams=Streams(database),
        advancer=advancer,
    )
    for part in (submit, reads, results, controls, events, files, batches, models):
        app.include_router(part.router)
    add_docs(app)
    answer_with_problems(app)
    document_errors(app)
    app.add_middleware(BodyLimit, max_upload_bytes=settings.max_upload_bytes)
    # The outermost: a request without a key costs nothing but its refusal.
    app.add_middleware(AccessMiddleware, authenticator=authenticator)
    return app
