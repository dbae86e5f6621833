"""`specreason plan`: its verdict, its figures and its exit status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from specreason.cli import main
from specreason.cli import planning as found
from specreason.pairs import load_pairs
from specreason.planning.cards import parse_cards
from specreason.planning.needs import GIB
from tests.support.messages import names
from tests.support.planning import with_models

PAPER = "qwq-32b_r1-1_5b"
SHARE = {"tensor_parallel_size", "weights_gib", "kv_gib", "gpu_memory_utilization", "kv_cache_memory_bytes"}


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU, 64 GiB free, the packaged pairs, no file of a hub's model, and a vLLM with two arguments."""
    monkeypatch.setattr(found, "vllm_arguments", lambda: {"max_num_batched_tokens", "quantization"})
    monkeypatch.setattr(found, "runs_on_gpus", lambda: False)
    monkeypatch.setattr(found, "free_memory", lambda: 64 * GIB)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.delenv("SPECREASON_PAIRS_FILE", raising=False)


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main.run(("plan", *arguments))
        return status, *capsys.readouterr()

    return call


def as_json(plan: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    status, out, _ = plan(*arguments, "--json")
    return status, json.loads(out)


def test_a_pair_that_fits_is_told_with_both_engines_shares_and_status_0(plan: Any) -> None:
    status, value = as_json(plan, "--pair", PAPER, "--gpu", "a6000x2")
    assert (status, value["fits"], value["missing"]) == (0, True, None)
    assert (value["kv_tokens"], value["slots"]) == (56_080, 11)
    assert value["cards"] | {"name": "a6000", "count": 2} == value["cards"]
    engines = value["engines"]
    assert set(engines) == {"base", "drafter"}
    assert all(engine.keys() >= SHARE for engine in engines.values())
    assert (engines["base"]["tensor_parallel_size"], engines["drafter"]["tensor_parallel_size"]) == (2, 1)
    assert engines["base"]["weights_gib"] == pytest.approx(30.51, abs=0.01)
    assert sum(engine["gpu_memory_utilization"] for engine in engines.values()) < 1


def test_a_pair_that_does_not_fit_has_status_3_and_says_what_is_missing(plan: Any) -> None:
    status, value = as_json(plan, "--pair", PAPER, "--gpu", "rtx4090x2")
    assert (status, value["fits"], value["kv_tokens"], value["slots"]) == (3, False, 0, 0)
    assert names(value["missing"], "2 x rtx4090", "missing", "it would fit")
    assert value["engines"]["base"]["weights_gib"] == pytest.approx(30.51, abs=0.01)
    assert value["engines"]["base"]["gpu_memory_utilization"] is None


def test_other_pairs_of_the_same_models_that_fit_are_named(plan: Any) -> None:
    status, value = as_json(plan, "--pair", PAPER, "--gpu", "h100")
    assert status == 3
    assert f"{PAPER}-80gb" in value["others"]
    status, out, _ = plan("--pair", PAPER, "--gpu", "h100")
    assert (status, names(out, f"{PAPER}-80gb", "2 cards")) == (3, True)


def test_the_table_has_a_line_for_each_engine(plan: Any) -> None:
    status, out, _ = plan("--pair", PAPER, "--gpu", "2xa6000")
    assert status == 0
    assert names(out, "2 x a6000", "yes", "56,080", 11, "base", "30.5", "6.8", "0.830", "drafter", "0.131")


def test_without_cards_the_plan_is_for_this_machine_or_for_the_cards_that_the_pair_names(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert as_json(plan, "--pair", PAPER)[1]["cards"]["count"] == 2
    status, value = as_json(plan, "--pair", "demo")
    assert (status, value["cards"], value["fits"]) == (0, None, True)
    monkeypatch.setattr(found, "runs_on_gpus", lambda: True)
    monkeypatch.setattr(found, "machine_cards", lambda *, needed: parse_cards("h200x2"))
    assert as_json(plan, "--pair", PAPER)[1]["cards"]["name"] == "h200"
    monkeypatch.setattr(found, "machine_cards", lambda *, needed: None)
    status, _, err = plan("--pair", PAPER)
    assert (status, names(err, "nvidia-smi", "--gpu")) == (2, True)


def test_a_machine_that_is_too_small_for_the_cpu_is_refused_like_a_card(
    plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "free_memory", lambda: GIB)
    status, value = as_json(plan, "--pair", "qwen3-1_7b_0_6b")
    assert (status, value["cards"], value["others"]) == (3, None, [])
    assert names(value["missing"], "1.0 GiB are free")


def test_arguments_that_a_worker_would_refuse_are_refused(plan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = with_models(load_pairs()[PAPER], base={"engine_args": {"max_num_batched_token": 8192}})
    monkeypatch.setattr(found, "load_pairs", lambda path: {"mine": pair})
    status, _, err = plan("--pair", "mine", "--gpu", "a6000x2")
    assert (status, names(err, "mine.base.engine_args.max_num_batched_token:", "max_num_batched_tokens")) == (
        2,
        True,
    )


@pytest.mark.parametrize(("option", "value"), [("--gpu", "h1000000"), ("--pair", "nobody")])
def test_an_unknown_card_or_pair_is_wrong_input(plan: Any, option: str, value: str) -> None:
    status, _, err = plan(option, value)
    assert (status, names(err, f"'{value}'")) == (2, True)
