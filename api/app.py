"""The HTTP API, wired up. Errors become status codes here and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from api import controls, results, routes
from api.openai import batches, files, models
from api.openai.settler import Settler
from api.publisher import Publisher
from specreason import __version__
from specreason.config import PairConfig
from specreason.errors import ConfigError, InvalidField, SpecReasonError, StoreUnavailable, UnknownName
from specreason.settings import Settings
from specreason.store.folder import Folder
from specreason.store.session import Database

RETRY_AFTER_S = 5
STATUS_OF: tuple[tuple[type[SpecReasonError], int], ...] = (
    (UnknownName, 404),
    (ConfigError, 422),
    (StoreUnavailable, 503),
)


def create_app(
    database: Database, publisher: Publisher, pairs: dict[str, PairConfig], settings: Settings
) -> FastAPI:
    """The application over a migrated database. It loads no model and runs no job."""
    folder = Folder(settings.files_dir)
    settler = Settler(database, folder, publisher, pairs, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settler.start()
        yield
        await run_in_threadpool(settler.close)

    app = FastAPI(
        title="SpecReason Pipeline",
        version=__version__,
        summary="Submit reasoning jobs in bulk, and read every step that was taken.",
        lifespan=lifespan,
    )
    app.state.database = database
    app.state.publisher = publisher
    app.state.pairs = pairs
    app.state.settings = settings
    app.state.folder = folder
    app.state.settler = settler
    for part in (routes, results, controls, files, batches, models):
        app.include_router(part.router)
    for error, status in STATUS_OF:
        app.add_exception_handler(error, _answer(status))
    app.add_exception_handler(RequestValidationError, _invalid_parameter)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


def _answer(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        body = {"message": str(error), "field": error.field if isinstance(error, InvalidField) else None}
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
        return JSONResponse({"error": body}, status, headers)

    return answer


async def _invalid_parameter(request: Request, error: Exception) -> Response:
    """A path or query parameter that is not what it should be, in the same shape as every other error."""
    assert isinstance(error, RequestValidationError)
    detail = error.errors()[0]
    field = str(detail["loc"][-1])
    return JSONResponse({"error": {"message": f"{field}: {detail['msg']}", "field": field}}, 422)


async def _gone(request: Request, error: Exception) -> Response:
    """The client left before its request had come in; nobody reads this."""
    return Response(status_code=400)
