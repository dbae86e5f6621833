"""Nothing of one owner is on a page of another one."""

from __future__ import annotations

from uuid import UUID

from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.store.session import Database
from tests.integration.api.pages.test_door import signed_in
from tests.support.api.guarded import make_key
from tests.support.api.owned import NAME, Owned, plain
from tests.support.store.builders import job_ids
from tests.support.store.sql import execute


def test_no_list_and_no_comparison_shows_rows_of_another_owner(guarded: FastAPI, database: Database) -> None:
    with TestClient(guarded):
        ada = Owned(guarded, database)
        job_id = job_ids(database, UUID(ada.batch_id))[0]
        execute(
            database,
            f"UPDATE job SET state = 'dead', error = '{NAME}', finished_at = now() WHERE id = '{job_id}'",
        )
        bob, hers = (
            signed_in(guarded, key) for key in (make_key(database, "bob"), make_key(database, "ada"))
        )
        batches, jobs = f"a={ada.batch_id}&b={ada.batch_id}", f"a={job_id}&b={job_id}"
        for path in (
            "/",
            f"/?name={NAME[:3]}",
            "/?before=ffffffff-ffff-ffff-ffff-ffffffffffff",
            "/dead",
            "/dead?before=ffffffff-ffff-ffff-ffff-ffffffffffff",
            "/compare",
            f"/compare?name={NAME[:3]}",
            f"/compare?{batches}",
            f"/compare/traces?{jobs}",
            "/reports",
            f"/reports?batch={ada.batch_id}",
            f"/reports/zip?batch={ada.batch_id}",
            f"/reports?eval={NAME}",
            "/workers",
            "/submit",
        ):
            asked = [ada.batch_id, str(job_id), NAME]
            shown = plain(bob.get(path).text)
            for secret in ada.secrets - {plain(each) for each in asked if each in path}:
                assert secret not in shown, path
            assert hers.get(path).status_code < 500, path
        assert bob.get(f"/compare?{batches}").status_code == 404
        assert bob.get(f"/reports?batch={ada.batch_id}").status_code == 404
        assert bob.get(f"/compare/traces?{jobs}").status_code == 404
        assert NAME in hers.get("/dead").text, "its owner sees it"
