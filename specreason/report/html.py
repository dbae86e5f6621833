"""The report as one page that opens from a disk: pictures and style stand in it, and it runs no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from specreason.evaluation.report.values import Figure, Report
from specreason.report.captions import CELL_HEADINGS, READ_AS_TABLE, caption, cell_row, written
from specreason.visible import visible

HERE = Path(__file__).parent
# Before the picture itself stand a declaration and a document type, which a page must not have in its middle.
_BEFORE = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)
# Matplotlib writes each text into a comment above its outlines.
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_ID = re.compile(r'(\bid="|\bhref="#|url\(#)')


def to_html(report: Report, pictures: Mapping[str, bytes]) -> str:
    """The whole page. `pictures` has the SVG of each drawn figure by its name."""
    page: str = _template().render(
        report=report,
        style=(HERE / "page" / "report.css").read_text(),
        cell_headings=CELL_HEADINGS,
        cells=[cell_row(place, cell) for place, cell in enumerate(report.cells, 1)],
        figures=[_figure(figure, pictures.get(figure.name)) for figure in report.figures],
    )
    return page


def inline(svg: bytes, name: str) -> str:
    """The picture as a part of a page: its ids begin with its name, so that no two of a page are alike."""
    text = _COMMENT.sub("", _BEFORE.sub("", svg.decode()))
    return _ID.sub(rf"\1{name}-", text)


def _shown(value: Any) -> Any:
    return visible(value) if type(value) is str else value


def _figure(figure: Figure, svg: bytes | None) -> dict[str, Any]:
    shown = READ_AS_TABLE.get(figure.name)
    columns = [name for name in shown or figure.columns if name in figure.columns]
    return {
        "value": figure,
        "caption": caption(figure),
        "picture": None if svg is None else inline(svg, figure.name),
        "headings": [name.replace("_", " ") for name in columns],
        "rows": [[written(row[name]) for name in columns] for row in figure.dicts()],
        "is_table": shown is not None or svg is None,
    }


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Control characters of models and users show, and steer nothing.
        finalize=_shown,
    )
    return environment.get_template("report.html")
