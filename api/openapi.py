"""Adds to each route of the OpenAPI document its errors, its scope, and examples of its body."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.answers.errors import IDEMPOTENCY_KEY, PROBLEM_JSON, speaks_openai, status_for
from api.answers.tags import DESCRIPTIONS, Tag
from api.door.access import OPEN_PATHS, scope_of
from api.examples import examples

PROBLEM_DETAILS = {
    "title": "ProblemDetails",
    "description": "An error (RFC 9457). `field` names the invalid field, parameter or line, if there is one.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "field"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}
OPENAI_ERROR = {
    "title": "OpenAIError",
    "description": "An error in the format of OpenAI's API.",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "code": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
        }
    },
}
API_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key. Required if the deployment has keys on.",
}


def operation_id(route: APIRoute) -> str:
    """The id of an operation, by which generated clients name their methods. It must not change."""
    return f"openai_{route.name}" if speaks_openai(route.path_format) else route.name


def tags() -> list[dict[str, Any]]:
    """The headings, in their order."""
    return [{"name": tag.value, "description": DESCRIPTIONS[tag]} for tag in Tag]


def complete_document(app: FastAPI) -> None:
    """Complete `/openapi.json` when it is first requested, so that routes added later are included."""
    generate = app.openapi

    def generate_complete() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = generate()
        bodies = examples()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(ProblemDetails=PROBLEM_DETAILS, OpenAIError=OPENAI_ERROR)
        components["securitySchemes"] = {"ApiKey": API_KEY}
        for name in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(name, None)
        for route in app.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                for method in route.methods:
                    operation = document["paths"][route.path_format][method.lower()]
                    _complete(operation, route)
                    for content_type, example in bodies.get(operation["operationId"], {}).items():
                        operation["requestBody"]["content"][content_type]["example"] = example
        app.openapi_schema = _with_shared_definitions(document)
        return app.openapi_schema

    app.openapi = generate_complete  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    path = route.path_format
    operation["responses"].pop("422", None)
    statuses = {status_for(path, status) for status in _statuses(operation, path)}
    if any(parameter["name"] == IDEMPOTENCY_KEY for parameter in operation.get("parameters", [])):
        statuses |= {409, 422}
    for status in sorted(statuses):
        operation["responses"][str(status)] = _response(path, status)
    if path not in OPEN_PATHS:
        operation["security"] = [{"ApiKey": []}]
        operation["x-scope"] = str(scope_of(route))


def _with_shared_definitions(document: dict[str, Any]) -> dict[str, Any]:
    """Move the definitions in each request body to the document, and let references point there."""
    schemas = document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schemas.update(content["schema"].pop("$defs", {}))
    moved = json.dumps(document).replace('"#/$defs/', '"#/components/schemas/')
    shared: dict[str, Any] = json.loads(moved)
    return shared


def _statuses(operation: dict[str, Any], path: str) -> Iterator[int]:
    yield from (422, 503)  # 422 at least for an unknown parameter
    if path not in OPEN_PATHS:
        yield from (401, 403, 429)
    if "{" in path:
        yield 404
    if "requestBody" in operation:
        yield from (400, 413)
    yield from (int(status) for status in operation["responses"] if status.isdigit() and status >= "400")


def _response(path: str, status: int) -> dict[str, Any]:
    name, media_type = (
        ("OpenAIError", "application/json") if speaks_openai(path) else ("ProblemDetails", PROBLEM_JSON)
    )
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": HTTPStatus(status).phrase, "content": {media_type: {"schema": schema}}}
