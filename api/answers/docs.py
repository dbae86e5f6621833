"""The page `/docs`: Swagger UI. Its script comes from an installed package, so that it works offline."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

ASSETS = "/docs/assets"
ASSET_NAMES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")


def add_docs(app: FastAPI) -> None:
    """Serve the page on `app`, which must have been made with `docs_url=None`."""
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_swagger", "resources")]))
    script, style, icon = (f"{ASSETS}/{name}".removeprefix("/") for name in ASSET_NAMES)
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url=script,
        swagger_css_url=style,
        swagger_favicon_url=icon,
        swagger_ui_parameters={"filter": True, "displayRequestDuration": True},
    )

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return page
