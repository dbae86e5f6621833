"""So many requests that take long are answered at once, in all and of one owner; one more is refused at once."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from api.streams import Waiting
from specreason.embedded import Servers
from specreason.store.session import Database
from tests.support.api.guarded import client_of, guarded_app, make_key

ID = UUID(int=7)
ROUTES = [
    (f"/api/batches/{ID}/rows/step", "exports"),
    (f"/api/batches/{ID}/judge", "judgements"),
    (f"/api/batches/{ID}/figures", "judgements"),
    (f"/api/report?batch={ID}", "judgements"),
    (f"/api/batches/{ID}/search?q=wait", "long_reads"),
    (f"/api/compare?a={ID}&b={ID}", "long_reads"),
    (f"/api/compare/problems?a={ID}&b={ID}", "long_reads"),
    (f"/api/compare/traces?a={ID}&b={ID}", "long_reads"),
]


def is_refused(client: TestClient, path: str) -> bool:
    """Whether the request is one too many. Otherwise there is no such batch or job."""
    answer = client.get(path)
    assert answer.status_code in (404, 429)
    assert (answer.status_code == 429) == ("Retry-After" in answer.headers)
    return answer.status_code == 429


@pytest.mark.parametrize(("path", "kind"), ROUTES)
def test_neither_an_owner_nor_all_together_have_more_than_the_process_can_serve(
    servers: Servers, database: Database, tmp_path: Path, path: str, kind: str
) -> None:
    app = guarded_app(servers, database, tmp_path)
    ada, bob = (client_of(app, make_key(database, owner)) for owner in ("ada", "bob"))
    counts: Waiting = getattr(app.state.deployment, kind)
    most, most_of_owner = counts.limits()
    counts.num_open["ada"] = most_of_owner
    assert (is_refused(ada, path), is_refused(bob, path)) == (True, False)
    # Requests that ended with an error count no more.
    counts.num_open["ada"] -= 1
    assert [is_refused(ada, path) for _ in range(3)] == [False] * 3
    counts.num_open["eve"] = most
    assert (is_refused(ada, path), is_refused(bob, path)) == (True, True)
