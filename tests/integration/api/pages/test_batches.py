"""The page of all batches as the server sends it."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from api.pages import batches
from specreason.store.session import Database
from tests.integration.api.pages.test_batch import get, text_of
from tests.support.store.known import build


def test_the_list_of_batches_shows_counts_at_once_and_sums_where_they_cost_little(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(database)
    assert "0.75" in text_of(get(client, "/"))
    monkeypatch.setattr(batches, "MOST_JOBS_AT_ONCE", 11)
    first = get(client, "/", name="s")
    assert "0.75" not in first
    assert 'hx-get="/?name=s&amp;figures=true"' in first
    assert "8 succeeded" in text_of(first)
    assert "0.75" in text_of(get(client, "/", figures="true"))
