"""The page that submits a file of problems: first a look at it, then the batch, as the API makes it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from anyio import sleep
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from api.deployment import deployment_of
from api.door.access import SUBMIT, caller_of
from api.native.bodies import BATCH
from api.native.receive import Received
from api.native.submit import submit_received
from api.pages.rendering import is_htmx, render
from api.pages.submit.asked import FIELDS, Asked, asked_of
from api.pages.submit.preview import Preview, line_text, look
from api.requests.idempotency import answered_before
from api.requests.uploads import Form, Upload, read_form
from api.site.cookies import check_form
from specreason.config import RunConfig, SchemeName
from specreason.errors import InputError, InvalidField, LimitReached, StillRunning
from specreason.evaluation.estimate import Estimate, estimate
from specreason.pairs import get_pair
from specreason.reasoning.schemes import stored_config
from specreason.store.analysis.past_jobs import past_jobs
from specreason.store.queue.workers import num_live_workers
from specreason.validation import first_invalid_field

# How long a second click waits for the batch of the first one.
WAIT_S, LOOK_EVERY_S = 20.0, 0.25

router = APIRouter(include_in_schema=False, dependencies=[SUBMIT])


@router.get("/submit")
def submit_page(request: Request) -> Response:
    """The empty form."""
    pairs = deployment_of(request).pairs
    pair = "demo" if "demo" in pairs else min(pairs, default="demo")
    return _page(request, Asked(pair=pair, columns={}))


@router.post("/submit/preview")
async def preview(request: Request) -> Response:
    """What the beginning of the file says, and the batch would cost. htmx gets the part alone."""
    async with read_form(request, FIELDS) as form:
        check_form(request, form.fields.get("csrf", ""))
        return await run_in_threadpool(_preview, request, asked_of(form.fields), form)


@router.post("/submit")
async def submit(request: Request) -> Response:
    """Make the batch and show it. The same form sent twice makes one batch."""
    async with read_form(request, FIELDS) as form:
        check_form(request, form.fields.get("csrf", ""))
        asked, file = asked_of(form.fields), _file_of(form)
        try:
            if file is None:
                raise InvalidField("file", "is required: choose one, or drop it on the page")
            answer = await _made(request, form, asked, file)
        except (InputError, LimitReached) as error:
            text = line_text(file.content.reader, error) if file and isinstance(error, InvalidField) else ""
            status = 429 if isinstance(error, LimitReached) else 422
            return _page(request, asked, status=status, error=str(error), line=text)
    batch_id = UUID(json.loads(bytes(answer.body))["batch_id"])
    return RedirectResponse(f"/batches/{batch_id}", 303, background=answer.background)


async def _made(request: Request, form: Form, asked: Asked, file: Upload) -> Response:
    """The API's answer to the same submission, or the one to the same form that was sent before."""
    options = asked.options()
    content = [sorted(options.items()), file.content.sha256]
    once = form.fields.get("once")
    # Another file or another option in the same form is another submission.
    digest = hashlib.sha256(json.dumps([once, content]).encode()).hexdigest()
    key = digest if once else None
    body = Form(fields=options, file=file, ended=form.ended, cleanup=form.cleanup)
    received = Received(body=body, content=content, cleanup=form.cleanup)
    try:
        return await run_in_threadpool(submit_received, request, key, BATCH, received)
    except StillRunning:
        return await _answer_of_the_first(request, key, content)


async def _answer_of_the_first(request: Request, key: str | None, content: Any) -> Response:
    """Wait for the answer to the first of two clicks. Raises StillRunning if there is none in time."""
    for _ in range(int(WAIT_S / LOOK_EVERY_S)):
        await sleep(LOOK_EVERY_S)
        try:
            earlier = await run_in_threadpool(answered_before, request, key, content)
        except StillRunning:
            continue
        if earlier is not None:
            return earlier
        break
    raise StillRunning("this form is being submitted already; look at the list of batches in a moment")


def _preview(request: Request, asked: Asked, form: Form) -> Response:
    values: dict[str, Any] = {}
    try:
        config = _config(request, asked)
        file = _file_of(form)
        if file is not None:
            found = look(file.content.reader, file.filename, asked.columns, num_bytes=asked.num_bytes)
            values |= {"preview": found, "estimate": _estimate(request, asked, config, found)}
    except InvalidField as error:
        values["error"] = str(error)
    if is_htmx(request):
        return render(request, "submit/preview", **_values(request, asked, **values))
    return _page(request, asked, **values)


def _config(request: Request, asked: Asked) -> RunConfig:
    """The configuration as it would be stored. Raises InvalidField."""
    pair = get_pair(deployment_of(request).pairs, asked.pair)
    try:
        config = RunConfig.model_validate(asked.config())
    except ValidationError as error:
        raise first_invalid_field(error) from error
    return stored_config(config, asked.pair, pair)


def _estimate(request: Request, asked: Asked, config: RunConfig, found: Preview) -> Estimate | None:
    if not found.num_problems:
        return None
    deployment = deployment_of(request)
    viewer = caller_of(request).viewer
    return estimate(
        past_jobs(deployment.database, viewer, asked.pair, config.model_dump(mode="json")),
        num_problems=found.num_problems,
        repeats=config.repeats,
        num_workers=num_live_workers(deployment.database, asked.pair),
        gpu_hour_price=deployment.settings.gpu_hour_price,
    )


def _file_of(form: Form) -> Upload | None:
    """The file; None where the viewer chose none, for which browsers send one without a name."""
    return form.file if form.file is not None and form.file.filename else None


def _page(request: Request, asked: Asked, *, status: int = 200, **more: Any) -> Response:
    values = _values(request, asked, **more)
    return render(request, "submit/page", status=status, **values)


def _values(request: Request, asked: Asked, **more: Any) -> Mapping[str, Any]:
    nothing: dict[str, Any] = {"preview": None, "estimate": None, "error": None, "line": ""}
    return {
        **nothing,
        "asked": asked,
        "pairs": sorted(deployment_of(request).pairs),
        "schemes": tuple(SchemeName),
        "once": secrets.token_urlsafe(16),
        **more,
    }
