"""Viewers: the owner of a batch, an administrator, and another owner."""

from __future__ import annotations

from uuid import UUID

import pytest

from specreason.errors import NotFound
from specreason.store.access.visibility import Viewer, require_batch, require_job
from specreason.store.session import Database, transaction
from tests.support.store.builders import job_ids, submit
from tests.support.store.sql import execute


def sees(database: Database, viewer: Viewer, batch_id: UUID) -> bool:
    """Whether the viewer sees the batch. Asserts that the same holds for its first job."""
    seen = []
    with transaction(database) as connection:
        for require, row_id in ((require_batch, batch_id), (require_job, job_ids(database, batch_id)[0])):
            try:
                require(connection, viewer, row_id)
            except NotFound:
                seen.append(False)
            else:
                seen.append(True)
    batch, job = seen
    assert batch is job
    return batch


def test_a_batch_is_seen_by_its_owner_and_by_an_administrator_only(database: Database) -> None:
    batch_id = submit(database)
    execute(database, "UPDATE batch SET owner = 'ada'")
    assert sees(database, Viewer.of("ada"), batch_id)
    assert sees(database, Viewer.EVERYONE, batch_id)
    assert not sees(database, Viewer.of("eve"), batch_id)


def test_a_batch_without_an_owner_is_seen_by_administrators_only(database: Database) -> None:
    batch_id = submit(database)
    assert sees(database, Viewer.EVERYONE, batch_id)
    assert not sees(database, Viewer.of("ada"), batch_id)


@pytest.mark.parametrize("nobody", [None, ""])
def test_there_is_no_viewer_without_an_owner(nobody: str) -> None:
    with pytest.raises(ValueError, match="EVERYONE"):
        Viewer.of(nobody)
