"""Requests that the OpenAPI document allows, and many that it forbids, get the answers it declares, and no 5xx."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from specreason.embedded import Servers
from specreason.store.access.visibility import Viewer
from specreason.store.queue import controls
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from specreason.store.trace.writer import TraceWriter
from tests.support.api.answering import answering
from tests.support.api.guarded import HOOKS, PROBLEMS, client_of, guarded_app, make_key
from tests.support.api.openai_builders import ENDPOINT, jsonl, line
from tests.support.store.builders import accepted, append_all, claimed, job_ids, start_worker, submit

NUM_CASES = 2000
PER_OPERATION = 100
ANSWER_S = 20
JSON, FORM = "application/json", "multipart/form-data"
GRID = {"scheme": ["base", "drafter"]}
REQUESTS = jsonl([line("one", model="demo")])
WEBHOOK = {"url": f"https://{HOOKS}/ends"}
CHAT = line("one", model="demo")["body"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Known:
    """Values that no document can declare: existing ids, and bodies that name them."""

    def __init__(self, database: Database, client: TestClient) -> None:
        self._open_batch, self._ended_batch = submit(database, 3), submit(database, 1)
        self._open_job, _, _ = job_ids(database, self._open_batch)
        writer, claim = TraceWriter(database), claimed(database, self._open_job, start_worker(database))
        asyncio.run(append_all(writer, claim, accepted(0)))
        writer.close()
        controls.cancel_batch(database, Viewer.EVERYONE, self._ended_batch)
        (self._ended_job,) = job_ids(database, self._ended_batch)
        form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("x.jsonl", REQUESTS)}}
        self._file, self._deleted_file = (client.post("/v1/files", **form).json()["id"] for _ in range(2))
        self._webhook, self._removed_webhook = (
            client.post("/api/webhooks", json=WEBHOOK).json()["webhook_id"] for _ in range(2)
        )
        self._openai_batch = client.post("/v1/batches", json=self._batch_of_file()).json()["id"]

    def ids(self, method: str, path: str) -> dict[str, str]:
        """A stream ends only where all jobs have."""
        streams = path.endswith("/events")
        batch_id = self._ended_batch if streams else self._open_batch
        known = {
            "batch_id": self._openai_batch if path.startswith("/v1/") else str(batch_id),
            "job_id": str(self._ended_job if streams else self._open_job),
            "file_id": self._deleted_file if method == "DELETE" else self._file,
            "webhook_id": self._removed_webhook if method == "DELETE" else self._webhook,
            "model": "demo",
            "table": "job",
        }
        return {name: value for name, value in known.items() if f"{{{name}}}" in path}

    def query(self, path: str) -> dict[str, str]:
        """The parameters that name something."""
        if path == "/api/report":
            return {"batch": str(self._ended_batch)}
        compared = {"/api/compare/traces": self._open_job, "/api/compare": self._open_batch}
        id_ = compared.get(path, self._open_batch)
        return {"a": str(id_), "b": str(id_)} if path.startswith("/api/compare") else {}

    def bodies(self, path: str) -> list[tuple[str, Any]]:
        lines, grid = jsonl(PROBLEMS), json.dumps(GRID)
        known: dict[str, list[tuple[str, Any]]] = {
            "/api/batches": [
                (JSON, {"problems": PROBLEMS}),
                (FORM, {"file": lines}),
            ],
            "/api/grids": [
                (JSON, {"problems": PROBLEMS, "grid": GRID}),
                (FORM, {"file": lines, "grid": grid}),
            ],
            "/api/batches/{batch_id}/rewards": [
                (JSON, {"prm": "prm", "revision": "1", "rewards": [self._reward()]}),
            ],
            "/api/webhooks": [(JSON, WEBHOOK)],
            "/v1/files": [(FORM, {"file": REQUESTS, "purpose": "batch"})],
            "/v1/batches": [(JSON, self._batch_of_file())],
            "/v1/chat/completions": [(JSON, CHAT | {"stream": stream}) for stream in (False, True)],
        }
        return known.get(path, [])

    def _reward(self) -> dict[str, Any]:
        return {"job_id": str(self._open_job), "step_index": 0, "score": 0.5}

    def _batch_of_file(self) -> dict[str, str]:
        return {"input_file_id": self._file, "endpoint": ENDPOINT, "completion_window": "24h"}


@pytest.mark.timeout(900)
def test_every_answer_to_every_request_is_one_that_the_document_declares(
    servers: Servers, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.watch.POLL_S", 0.02)
    app = guarded_app(servers, database, tmp_path)
    issued = make_key(database, "root", [Scope.ADMIN])
    with client_of(app, issued) as client, answering(database, pair="demo", only="chat"):
        known = Known(database, client)
        statuses = answers_to_cases(app, known, {"Authorization": f"Bearer {issued.secret}"})
    assert sum(counts.total() for counts in statuses.values()) >= NUM_CASES
    assert set(statuses) == {
        f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
    }
    for operation_name, counts in statuses.items():
        assert any(200 <= status < 300 for status in counts), (operation_name, counts)


def answers_to_cases(app: FastAPI, known: Known, headers: dict[str, str]) -> dict[str, Counter[int]]:
    """How often each operation answered with which status. Fails at an answer that is not declared."""
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    for found in schema.get_all_operations():
        operation = found.ok()
        wanted, wrong = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
        cases = [operation.as_strategy(generation_mode=mode) for mode in (wanted, wrong)]
        if there := known.ids(operation.method.upper(), operation.path):
            cases += [operation.as_strategy(generation_mode=wanted, path_parameters=there)] * 2
        if query := known.query(operation.path):
            cases += [operation.as_strategy(generation_mode=wanted, query=query)] * 2
        cases += [
            operation.as_strategy(
                generation_mode=wanted,
                body=body,
                media_type=media_type,
                **({"path_parameters": there} if there else {}),
            )
            for media_type, body in known.bodies(operation.path)
        ]

        @settings(
            max_examples=PER_OPERATION,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategies.one_of(cases))
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(headers=headers, timeout=ANSWER_S)
            statuses[f"{case.method} {case.operation.path}"][answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        ask()
    return statuses


def test_every_reference_in_the_document_leads_somewhere(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    document = guarded_app(servers, database, tmp_path).openapi()
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert "#/components/schemas/RunConfig" in references
    for reference in references:
        place: Any = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
