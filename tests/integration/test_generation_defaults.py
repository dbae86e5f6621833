"""Where a model's sampling defaults come from: its file in a folder or the hub's cache, or what is published of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from specreason.config import RunConfig
from specreason.engines.models.generation import GenerationDefaults, known_defaults
from specreason.errors import InputError
from specreason.pairs import ModelConfig, load_pairs
from specreason.reasoning.schemes import stored_config

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILE = "generation_config.json"


def model(name: str | Path, revision: str | None = None) -> ModelConfig:
    return ModelConfig(model=str(name), revision=revision, max_model_len=512, kv_cache_memory_bytes=1 << 20)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def put_into_cache(cache: Path, name: str, files: dict[str, str]) -> None:
    home = cache / f"models--{name.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    (home / "snapshots" / COMMIT).mkdir(parents=True)
    for file, content in files.items():
        (home / "snapshots" / COMMIT / file).write_text(content)


def test_a_folder_says_it_in_its_file_and_one_without_the_file_has_none(tmp_path: Path) -> None:
    assert known_defaults(model(tmp_path)) == GenerationDefaults()
    (tmp_path / FILE).write_text('{"top_k": 20, "min_p": 0.05, "temperature": 0.6}')
    assert known_defaults(model(tmp_path)) == GenerationDefaults(top_k=20, min_p=0.05)


@pytest.mark.parametrize("content", ["{", "[]", '{"top_k": "many"}'])
def test_a_file_that_is_wrong_is_named_and_does_not_keep_a_batch_from_its_worker(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(InputError, match=str(tmp_path)):
        known_defaults(model(tmp_path))
    pair = load_pairs()["demo"].model_copy(update={"base": model(tmp_path), "drafter": model(tmp_path)})
    assert stored_config(RunConfig(), "mine", pair).top_k is None


@pytest.mark.parametrize("revision", [None, COMMIT])
def test_the_file_that_was_fetched_goes_before_what_is_published(cache: Path, revision: str | None) -> None:
    assert known_defaults(model("Qwen/QwQ-32B", revision)) == GenerationDefaults(top_k=40)
    put_into_cache(cache, "Qwen/QwQ-32B", {FILE: json.dumps({"top_k": 33})})
    assert known_defaults(model("Qwen/QwQ-32B", revision)) == GenerationDefaults(top_k=33)


@pytest.mark.parametrize("name", ["nobody/model", "/somewhere/else/on/the/workers/machine"])
def test_a_model_that_is_neither_here_nor_published_is_not_guessed_at(cache: Path, name: str) -> None:
    assert known_defaults(model(name)) is None


def test_a_batch_holds_what_is_in_force_of_each_model(cache: Path) -> None:
    pairs = load_pairs()
    demo = stored_config(RunConfig(), "demo", pairs["demo"])
    assert (demo.top_k, demo.min_p, demo.drafter_top_k, demo.drafter_min_p) == (0, 0, 0, 0)
    paper = stored_config(RunConfig(), "qwq-32b_r1-1_5b", pairs["qwq-32b_r1-1_5b"])
    assert (paper.top_k, paper.drafter_top_k, paper.min_p) == (40, 0, 0)
    unknown = pairs["demo"].model_copy(update={"drafter": model("nobody/model")})
    assert stored_config(RunConfig(), "mine", unknown).top_k is None
