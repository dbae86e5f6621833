"""`specreason datasets`, and `specreason submit NAME`: a named dataset becomes a batch that says where it is from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specreason.named_datasets.names import names as dataset_names
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from tests.support.messages import names
from tests.support.shell import Shell


def test_all_named_datasets_are_listed_with_what_they_need(shell: Shell) -> None:
    listed = shell("datasets", "--json").json["data"]
    assert [each["name"].partition(":")[0] for each in listed] == list(dataset_names())
    assert names(shell("datasets").out, "gpqa-diamond", "198", "CC BY 4.0", "HF_TOKEN")


def test_one_dataset_is_shown_with_its_pin(shell: Shell) -> None:
    shown = shell("datasets", "math-500", "--json").json
    assert len(shown["revision"]) == 40
    assert names(shell("datasets", "math-500").out, shown["revision"], shown["sha256"], shown["source"])
    assert shell("datasets", "math-501").status == 2


@pytest.mark.parametrize(
    ("name", "whole"), [("reasoning-gym:nosuch", "reasoning-gym"), (f"math-500@{'0' * 40}", "math-500")]
)
def test_a_task_or_commit_is_not_shown_as_something_else(shell: Shell, name: str, whole: str) -> None:
    refused = shell("datasets", name, "--json")
    assert (refused.status, refused.json["error"]["field"]) == (2, name)
    assert refused.json["error"]["message"].endswith(f"here: {whole}")


def test_a_named_dataset_is_submitted_and_its_batch_says_where_it_is_from(
    shell: Shell, database: Database
) -> None:
    sent = shell("submit", "demo", "--limit", 30, "--metadata", '{"why": "a test"}', "--json")
    assert sent.status == 0
    assert sent.json["num_jobs"] == 30
    metadata = sent.json["metadata"]
    assert (metadata["dataset"], metadata["dataset_seed"], metadata["why"]) == ("demo", 0, "a test")
    assert len(metadata["dataset_sha256"]) == 64
    again = shell("submit", "demo", "--limit", 30, "--metadata", '{"why": "a test"}', "--json")
    assert again.json["batch_id"] == sent.json["batch_id"]
    assert read_only_query(database, "SELECT DISTINCT filename FROM file").rows == (("demo.jsonl",),)


def test_a_file_goes_before_a_dataset_of_its_name_and_a_folder_does_not(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gsm8k").write_text(json.dumps({"problem": "1 + 1?", "answer": "2"}) + "\n")
    (tmp_path / "demo").mkdir()
    file = shell("submit", "gsm8k", "--dry-run", "--json")
    assert file.json["num_problems"] == 1
    assert names(file.err, "gsm8k is a file here")
    assert shell("submit", "demo", "--dry-run", "--json").json["num_problems"] == 24


def test_a_word_that_is_no_file_and_no_name_is_answered_with_the_names(shell: Shell) -> None:
    refused = shell("submit", "math500", "--json")
    assert refused.status == 2
    assert names(refused.err, "no such file", "did you mean 'math-500'", *dataset_names())
    assert refused.json["error"]["field"] == "math500"


def test_a_limit_of_a_file_is_refused_and_not_ignored(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sums.jsonl"
    path.write_text('{"problem": "1 + 1?"}\n')
    refused = shell("submit", path, "--limit", 1, "--json")
    assert (refused.status, refused.json["error"]["field"]) == (2, "--limit")


def test_plan_counts_the_problems_of_a_named_dataset(shell: Shell) -> None:
    planned = shell("plan", "--pair", "qwq-32b_r1-1_5b", "--gpu", "a6000x2", "--file", "demo", "--json")
    alike = shell("plan", "--pair", "qwq-32b_r1-1_5b", "--gpu", "a6000x2", "--problems", 24, "--json")
    assert planned.json["forecast"] == alike.json["forecast"]
