"""What a worker stores of its pair."""

from __future__ import annotations

from dataclasses import replace

from specreason.engines.base import Role
from specreason.engines.models.generation import GenerationDefaults
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.pairs import load_pairs
from worker.child import stored_pair_config


def test_a_worker_stores_its_table_of_pairs_toml_and_the_sampling_that_its_models_recommend() -> None:
    engine = ScriptedEngine(steps=["One.\n\n"])
    own = {Role.BASE: GenerationDefaults(top_k=40), Role.DRAFTER: GenerationDefaults()}
    pair = replace(scripted_pair(drafter=engine, base=engine), generation_defaults=own)
    stored = stored_pair_config(load_pairs()["demo"], pair)
    assert stored["threshold"] == 7
    assert stored["generation_defaults"] == {
        "base": {"top_k": 40, "min_p": 0.0},
        "drafter": {"top_k": 0, "min_p": 0.0},
    }
