"""`specreason prune`, and the other commands after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.client import Client
from specreason.errors import NotAllowed
from specreason.store.session import Database
from specreason.store.trace.writer import TraceWriter
from tests.integration.store.test_retention import ended
from tests.support.api.guarded import make_key
from tests.support.shell import Shell
from tests.support.store.sql import execute, scalar

NUM_TEXTS = "SELECT count(*) FROM step_payload"


async def test_it_says_what_would_go_asks_first_and_deletes(
    shell: Shell, database: Database, writer: TraceWriter
) -> None:
    batch_id = await ended(database, writer, 2)
    dry = shell("prune", "--older-than", "30d", "--dry-run")
    assert (dry.status, "6 steps in 2 jobs" in dry.out, "would be deleted" in dry.out) == (0, True, True)
    unasked = shell("prune", "--older-than", "30d", "--json")
    assert (unasked.status, unasked.json["error"]["field"]) == (2, "--yes")
    assert shell("prune", "--older-than", "ever", "--yes").status == 2
    assert scalar(database, NUM_TEXTS) == 6
    done = shell("prune", "--older-than", "30d", "--batch", batch_id, "--yes", "--json").json
    assert (done["num_jobs"], done["num_steps"], done["dry_run"]) == (2, 6, False)
    assert done["num_bytes"] > 0
    assert scalar(database, NUM_TEXTS) == 0
    assert "no texts are that old" in shell("prune", "--older-than", "30d", "--yes").out


async def test_every_command_works_on_a_batch_without_texts_and_says_so(
    shell: Shell, database: Database, writer: TraceWriter, tmp_path: Path
) -> None:
    one, other = await ended(database, writer, 2), await ended(database, writer, 2)
    assert shell("prune", "--older-than", "0s", "--yes").status == 0
    steps = shell("job", "steps", f"{one}/0")
    assert (steps.status, steps.out.count("texts were deleted"), "score 3, needs 7" in steps.out) == (
        0,
        3,
        True,
    )
    (first, *_) = shell("job", "steps", f"{one}/0", "--json").json["data"]
    assert (first["kept_text"], first["kept_tokens"]) == (None, 3)
    lines = shell("batch", "results", one)
    assert (lines.status, lines.out.count('"reasoning": null'), lines.out.count('"answer": "4"')) == (0, 2, 2)
    assert "texts of this batch were deleted" in shell("search", one, "2").err
    for command in (
        ("batch", "show", one),
        ("batch", "jobs", one),
        ("batch", "figures", one),
        ("job", "show", f"{one}/0"),
        ("compare", one, other),
        ("judge", one),
        ("batch", "regrade", one),
        ("export", one, "--output", tmp_path / "out"),
    ):
        ended_ = shell(*command)
        assert ended_.status == 0, (command, ended_.err)
    assert "texts" in shell("compare", one, other, "--problem", "0").out.lower()


async def test_a_key_without_the_scope_admin_is_refused(
    locked: Shell, database: Database, writer: TraceWriter
) -> None:
    await ended(database, writer)
    execute(database, "UPDATE batch SET owner = 'ada'")
    with Client(locked.url, make_key(database, "ada").secret) as client, pytest.raises(NotAllowed):
        list(client.prune(0))
    assert scalar(database, NUM_TEXTS) == 3
