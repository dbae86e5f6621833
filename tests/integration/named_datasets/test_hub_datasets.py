"""Datasets of the hub: fetched once, checked, and what is said where the hub gives nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from huggingface_hub import constants
from pyarrow import parquet

from specreason.errors import InputError, Unreachable
from specreason.named_datasets import fetching, hub_problems
from specreason.named_datasets.fetching import cached_file
from specreason.named_datasets.listing import listed
from specreason.named_datasets.opening import open_dataset
from specreason.named_datasets.pins import Pin, pins
from specreason.named_datasets.values import NamedProblems
from tests.integration.named_datasets.conftest import Hub
from tests.support.messages import names, naming

MATH = [
    {"problem": f"{n} + {n}?", "answer": str(2 * n), "subject": "Sums", "unique_id": f"sums/{n}"}
    for n in range(5)
]
CONTENT = "".join(f"{json.dumps(row)}\n" for row in MATH).encode()
GPQA = (
    b"Record ID,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,Subdomain\n"
    b'r1,"Which is even,\nof these?",2,1,3,5,Numbers\n'
    b"r2,Which is odd?,1,2,2,4,Numbers\n"
)
OWN = "0123456789abcdef0123456789abcdef01234567"


def given(hub: type[Hub], monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> Pin:
    """Let the hub have this content for the dataset, and let it be what is pinned."""
    pin = replace(pins()[name], sha256=hashlib.sha256(content).hexdigest())
    hub.files[f"{pin.repository}/{pin.file}"] = content
    monkeypatch.setattr(hub_problems, "pins", lambda: {**pins(), name: pin})
    return pin


def opened(name: str, limit: int | None = None, said: list[str] | None = None) -> NamedProblems:
    return open_dataset(name, limit=limit, announce=(said if said is not None else []).append)


def test_a_dataset_is_fetched_once_and_remembers_its_commit_and_its_hash(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin, said = given(hub, monkeypatch, "math-500", CONTENT), list[str]()
    first = opened("math-500", said=said)
    num_asked = len(hub.asked)
    assert num_asked > 0
    assert names(said[0], "math-500", pin.repository)
    assert opened("math-500", said=said) == first
    assert (len(hub.asked), len(said)) == (num_asked, 1)
    assert [row["answer"] for row in first.rows] == ["0", "2", "4", "6", "8"]
    assert first.metadata["dataset_file_sha256"] == pin.sha256
    assert first.metadata["dataset_revision"] == pin.revision


def test_a_parquet_file_is_read_by_its_name(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "test.parquet"
    parquet.write_table(pyarrow.table({"question": ["1 + 1?"], "answer": ["It is 2.\n#### 2"]}), path)
    given(hub, monkeypatch, "gsm8k", path.read_bytes())
    assert [row["answer"] for row in opened("gsm8k").rows] == ["2"]


def test_a_limit_takes_the_first_problems_and_one_that_is_too_large_is_said(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(hub, monkeypatch, "math-500", CONTENT)
    assert opened("math-500", 2).rows == opened("math-500").rows[:2]
    assert names(opened("math-500", 9).remarks[0], "5 problems")


def test_content_that_is_not_the_pinned_one_is_refused_with_the_file_to_remove(hub: type[Hub]) -> None:
    pin = pins()["math-500"]
    hub.files[f"{pin.repository}/{pin.file}"] = CONTENT
    with pytest.raises(InputError) as raised:
        opened("math-500")
    path = cached_file(pin)
    assert path is not None
    assert names(str(raised.value), path, pin.sha256, hashlib.sha256(CONTENT).hexdigest(), "--dataset FILE")


def test_a_commit_of_the_users_own_is_read_unchecked_and_remembered(hub: type[Hub]) -> None:
    pin = pins()["math-500"]
    hub.files[f"{pin.repository}/{pin.file}"] = CONTENT
    found = opened(f"math-500@{OWN}")
    assert len(found.rows) == 5
    assert found.metadata["dataset_revision"] == OWN
    assert found.metadata["dataset_file_sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert names(found.remarks[0], OWN, "not checked")


def test_all_rows_of_another_commit_are_read_however_many_the_pinned_file_has(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = replace(given(hub, monkeypatch, "math-500", CONTENT), num_problems=3)
    monkeypatch.setattr(hub_problems, "pins", lambda: {**pins(), "math-500": pin})
    assert len(opened(f"math-500@{OWN}").rows) == 5
    assert len(opened(f"math-500@{OWN}", 4).rows) == 4


def test_a_gold_answer_that_is_none_is_refused_by_its_row(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*MATH, {**MATH[0], "answer": {"value": 1}}]
    given(hub, monkeypatch, "math-500", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    with pytest.raises(InputError, match=naming("math-500", "'answer'", "row 5")):
        opened("math-500")


def test_a_gated_dataset_is_refused_with_what_its_owner_asks_for(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = given(hub, monkeypatch, "gpqa-diamond", GPQA)
    hub.gated.add(f"{pin.repository}/{pin.file}")
    with pytest.raises(
        InputError, match=naming("terms", f"datasets/{pin.repository}", "HF_TOKEN", "hf auth login")
    ):
        opened("gpqa-diamond")
    monkeypatch.setenv("HF_TOKEN", Hub.token)
    found = opened("gpqa-diamond")
    assert [row["id"] for row in found.rows] == ["r1", "r2"]
    assert found.metadata["dataset_seed"] == 0
    assert names(found.remarks[0], "1 problem", "same text")


def test_a_hub_that_is_away_is_answered_with_how_to_do_without_it(no_hub: None) -> None:
    with pytest.raises(Unreachable, match=naming("gsm8k", "--dataset FILE")):
        opened("gsm8k")


def test_an_offline_machine_is_told_where_it_looked(no_hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        InputError, match=naming("HF_HUB_OFFLINE", str(fetching.cache_folder()), "--dataset FILE")
    ):
        opened("gsm8k")


def test_a_dataset_that_is_gone_from_the_hub_is_no_passing_failure(hub: type[Hub]) -> None:
    with pytest.raises(InputError, match=naming("aime-2025", "no such dataset", "--dataset FILE")):
        opened("aime-2025")


def test_what_is_here_already_is_known_without_asking_the_hub(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(hub, monkeypatch, "math-500", CONTENT)
    assert not next(each for each in listed() if each.name == "math-500").is_here
    opened("math-500")
    num_asked = len(hub.asked)
    assert next(each for each in listed() if each.name == "math-500").is_here
    assert len(hub.asked) == num_asked
