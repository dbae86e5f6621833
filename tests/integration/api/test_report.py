"""GET /api/report."""

from __future__ import annotations

from fastapi.testclient import TestClient

from specreason.store.session import Database
from tests.support.store.known import build


def test_try(client: TestClient, database: Database) -> None:
    known = build(database)
    found = client.get("/api/report", params={"batch": [str(known.base), str(known.specreason)]})
    import json

    print(json.dumps(found.json(), indent=1, ensure_ascii=False).replace("\\n", "\n"))
    assert found.status_code == 200
