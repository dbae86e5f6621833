"""The page of a report on chosen batches, and the report's folder as a zip file."""

from __future__ import annotations

import io
import tempfile
import threading
import zipfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.deployment import Store
from api.door.access import READ, Viewer
from api.pages.rendering import render
from api.requests.counted import JUDGEMENT
from specreason.errors import InputError, NotFound
from specreason.evaluation.report.values import Figure, Report
from specreason.report.captions import CELL_HEADINGS, READ_AS_TABLE, caption, cell_row, written
from specreason.report.needs import check_drawing
from specreason.store.access.visibility import Viewer as StoreViewer
from specreason.store.read.names import list_names
from specreason.store.session import Database

# Rows of a figure's table that the page shows; the zip file has all.
MOST_ROWS = 100
# Matplotlib's style is the process's: one report is drawn at a time.
_drawing = threading.Lock()

router = APIRouter(include_in_schema=False, dependencies=[READ, JUDGEMENT])

Batches = Annotated[tuple[UUID, ...], Query(alias="batch")]
EvalName = Annotated[str, Query(alias="eval", max_length=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with its caption, its picture as a data URL, None for a table alone, and its table as text."""

    value: Figure
    caption: str
    picture: str | None
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_table: bool


@router.get("/reports")
def report_page(
    request: Request,
    store: Store,
    viewer: Viewer,
    *,
    batch: Batches = (),
    eval_name: EvalName = "",
    name: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """A list to choose batches from; with some chosen, or an evaluation, the report on them."""
    values: dict[str, Any] = {
        "names": list_names(store, viewer, name=name or None, also=batch),
        "chosen": frozenset(batch),
        "eval_name": eval_name,
        "name": name,
        "report": None,
        "error": None,
    }
    status = 200
    if batch or eval_name:
        try:
            values |= _report(store, viewer, batch, eval_name)
        except NotFound:
            raise
        except InputError as error:
            status, values["error"] = 422, str(error)
    return render(request, "reports/page", status=status, **values)


@router.get("/reports/zip")
def report_folder(store: Store, viewer: Viewer, *, batch: Batches = (), eval_name: EvalName = "") -> Response:
    """The folder that `specreason report` writes: figures as PNG, SVG, CSV and SQL, a page, Markdown and JSON."""
    check_drawing()
    from specreason.report.folder import write_report

    found = _read(store, viewer, batch, eval_name)
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "report"
        with _drawing:
            write_report(found, folder, tell=lambda name, place, total: None)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(outside))
    headers = {
        "Content-Disposition": 'attachment; filename="report.zip"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


def _read(store: Database, viewer: StoreViewer, batch: Sequence[UUID], eval_name: str) -> Report:
    # It needs the extra `analysis`, which an API may lack.
    from specreason.store.analysis.report.read import read_report

    return read_report(store, viewer, batch, eval_name=eval_name or None)


def _report(store: Database, viewer: StoreViewer, batch: Sequence[UUID], eval_name: str) -> dict[str, Any]:
    check_drawing()
    found = _read(store, viewer, batch, eval_name)
    query = urlencode([("batch", str(each)) for each in batch] + ([("eval", eval_name)] if eval_name else []))
    return {
        "report": found,
        "figures": _drawn(found),
        "cell_headings": CELL_HEADINGS,
        "cells": [
            (cell.batch_ids[0] if len(cell.batch_ids) == 1 else None, cell_row(place, cell))
            for place, cell in enumerate(found.cells, 1)
        ],
        "zip": f"/reports/zip?{query}",
    }


def _drawn(report: Report) -> tuple[Drawn, ...]:
    from specreason.report.drawing.draw import draw, is_drawn

    with _drawing:
        pictures = {
            figure.name: draw(figure, report.cells, ["svg"])["svg"]
            for figure in report.figures
            if is_drawn(figure)
        }
    return tuple(_figure(figure, pictures.get(figure.name)) for figure in report.figures)


def _figure(figure: Figure, svg: bytes | None) -> Drawn:
    shown = READ_AS_TABLE.get(figure.name)
    columns = [name for name in shown or figure.columns if name in figure.columns]
    return Drawn(
        value=figure,
        caption=caption(figure),
        picture=None if svg is None else f"data:image/svg+xml;base64,{b64encode(svg).decode()}",
        headings=tuple(name.replace("_", " ") for name in columns),
        rows=tuple(tuple(written(row[name]) for name in columns) for row in figure.dicts()[:MOST_ROWS]),
        is_table=shown is not None or svg is None,
    )
