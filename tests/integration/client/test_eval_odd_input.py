"""`specreason eval` where names are long, others use its name, or the API is too slow to compute figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.client import Client
from specreason.store.session import Database
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.sql import scalar
from tests.support.workers.answering import answering

EVAL = ("eval", "--limit", 3, "--schemes", "base,specreason")


def test_a_file_with_a_very_long_name_is_run_in_batches_whose_names_fit(
    shell: Shell, client: Client, database: Database, tmp_path: Path
) -> None:
    long = tmp_path / f"{'sums-' * 46}.csv"
    long.write_text("question,solution\nWhat is 2 + 2?,4\n")
    with answering(database, "demo"):
        ended = shell(
            *("eval", "--dataset", f"{long}", "--dataset", "demo", "--limit", 1, "--name", "long"),
            *("--problem", "question", "--answer", "solution", "--schemes", "base,specreason"),
        )
    assert ended.status == 0
    found = list(client.batches(eval="long"))
    assert len(found) == 4
    assert max(len(batch.name) for batch in found) == 200
    assert sorted(batch.name.split()[-1] for batch in found) == ["base", "base", "threshold=7", "threshold=7"]


def test_batches_that_only_bear_the_name_and_have_other_facts_are_left_alone(
    shell: Shell, client: Client, database: Database
) -> None:
    facts = {"eval": "demo-demo", "dataset": ["demo"], "dataset_hash": 1, "eval_knobs": "none"}
    client.submit(b'{"problem": "1 + 1?"}\n', metadata=facts)
    with answering(database, "demo"):
        assert shell(*EVAL).status == 0
    assert scalar(database, "SELECT count(*) FROM batch") == 3


def test_figures_that_the_api_does_not_give_in_time_do_not_hide_what_became_of_the_jobs(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specreason.cli.eval.REPORT_TIMEOUT_S", 1e-6)
    with answering(database, "demo"):
        ended = shell(*EVAL, "--json")
    assert (ended.status, ended.json["cells"]) == (0, [])
    assert names(ended.err, "no figures", "specreason report --eval demo-demo")
