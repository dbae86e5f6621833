"""Whatever the OpenAPI document allows, and much that it forbids, is answered as it says: no 5xx, no other shape."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import Any
from uuid import UUID

import pytest
import schemathesis
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
from specreason.store import controls
from specreason.store.session import Database
from specreason.store.states import Scope
from tests.integration.guarded_api import PROBLEMS, guarded_app, make_key
from tests.integration.store_builders import claimed, job_ids, start_worker, submit

NUM_CASES = 2000
PER_OPERATION = 125
ANSWER_S = 20
GOOD_BODIES = {"/api/batches": {"problems": PROBLEMS}}  # what no document can say: which pairs there are
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.timeout(900)
def test_every_answer_to_every_request_is_one_that_the_document_declares(
    servers: Servers, database: Database
) -> None:
    app = guarded_app(servers, database)
    headers = {"Authorization": f"Bearer {make_key(database, 'root', [Scope.ADMIN]).secret}"}
    open_batch, ended_batch = submit(database, 3), submit(database, 1)
    open_job, _, _ = job_ids(database, open_batch)
    claimed(database, open_job, start_worker(database))
    controls.cancel_batch(database, ended_batch)
    (ended_job,) = job_ids(database, ended_batch)

    def ids(path: str) -> dict[str, str]:
        """A stream ends only where all jobs have."""
        streams = path.endswith("/events")
        known: dict[str, UUID] = {
            "batch_id": ended_batch if streams else open_batch,
            "job_id": ended_job if streams else open_job,
        }
        return {name: str(value) for name, value in known.items() if f"{{{name}}}" in path}

    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    for found in schema.get_all_operations():
        operation = found.ok()
        wanted, wrong = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
        cases = [operation.as_strategy(generation_mode=mode) for mode in (wanted, wrong)]
        if there := ids(operation.path):
            cases += [operation.as_strategy(generation_mode=wanted, path_parameters=there)] * 2
        if good := GOOD_BODIES.get(operation.path):
            cases.append(
                operation.as_strategy(generation_mode=wanted, body=good, media_type="application/json")
            )

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
    assert sum(counts.total() for counts in statuses.values()) >= NUM_CASES
    assert set(statuses) == {
        f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
    }
    for operation_name, counts in statuses.items():
        assert any(200 <= status < 300 for status in counts), (operation_name, counts)


def test_every_reference_in_the_document_leads_somewhere(servers: Servers, database: Database) -> None:
    document = guarded_app(servers, database).openapi()
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert "#/components/schemas/RunConfig" in references
    for reference in references:
        place: Any = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
