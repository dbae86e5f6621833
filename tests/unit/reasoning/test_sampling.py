"""How each model samples: the knobs that were given, and the models' own defaults where none was."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import Role
from specreason.engines.models.generation import GenerationDefaults
from specreason.errors import InputError, InvalidField
from specreason.reasoning.sampling import sampling_of, with_defaults
from specreason.reasoning.schemes import check_fit
from tests.support.messages import names

# As QwQ-32B's, and a drafter's that says nothing of top_k.
OWN = {
    Role.BASE: GenerationDefaults(top_k=40, min_p=0.1),
    Role.DRAFTER: GenerationDefaults(min_p=0.2),
}


def top_ks(defaults: dict[Role, GenerationDefaults] = OWN, **config: Any) -> tuple[int, int]:
    """Those of base and drafter."""
    sampling = sampling_of(RunConfig(**config), defaults)
    return sampling[Role.BASE].top_k, sampling[Role.DRAFTER].top_k


def test_a_run_that_names_nothing_samples_each_model_as_its_own_file_says() -> None:
    sampling = sampling_of(RunConfig(), OWN)
    assert (sampling[Role.BASE].top_k, sampling[Role.BASE].min_p) == (40, 0.1)
    assert (sampling[Role.DRAFTER].top_k, sampling[Role.DRAFTER].min_p) == (0, 0.2)
    assert {(each.temperature, each.top_p) for each in sampling.values()} == {(0.6, 0.95)}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"top_k": 20}, (20, 20)),
        ({"top_k": 0}, (0, 0)),
        ({"drafter_top_k": 5}, (40, 5)),
        ({"top_k": 20, "drafter_top_k": 0}, (20, 0)),
    ],
)
def test_a_knob_goes_for_both_models_unless_the_drafters_own_says_otherwise(
    config: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert top_ks(**config) == expected
    assert top_ks({role: GenerationDefaults(top_k=7) for role in Role}, top_k=20) == (20, 20)


def test_temperature_and_top_p_of_the_drafter_are_the_bases_unless_they_are_given() -> None:
    sampling = sampling_of(RunConfig(temperature=0.3, top_p=0.5, drafter_top_p=0.7), OWN)[Role.DRAFTER]
    assert (sampling.temperature, sampling.top_p) == (0.3, 0.7)


@pytest.mark.parametrize(
    "config", [{}, {"top_k": 20}, {"drafter_top_k": 5}, {"top_k": 9, "drafter_min_p": 0}]
)
@pytest.mark.parametrize("known", [set(), {Role.BASE}, {Role.DRAFTER}, set(Role)])
def test_what_is_filled_in_changes_nothing_of_how_the_models_sample(
    config: dict[str, Any], known: set[Role]
) -> None:
    asked = RunConfig(**config)
    stored = with_defaults(asked, {role: OWN[role] if role in known else None for role in Role})
    assert sampling_of(stored, OWN) == sampling_of(asked, OWN)
    assert with_defaults(stored, OWN) == with_defaults(asked, OWN)


def test_where_both_models_are_known_every_value_in_force_is_filled_in() -> None:
    stored = with_defaults(RunConfig(), OWN)
    assert (stored.top_k, stored.min_p, stored.drafter_top_k, stored.drafter_min_p) == (40, 0.1, 0, 0.2)


def test_the_bases_default_stays_out_where_it_would_go_for_an_unknown_drafter() -> None:
    assert with_defaults(RunConfig(), OWN | {Role.DRAFTER: None}) == RunConfig()


@pytest.mark.parametrize("scheme", ["specdecode", "specreason+decode"])
def test_a_base_that_drafts_tokens_itself_cannot_draw_by_min_p(scheme: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_fit(SchemeName(scheme), 0.1, "mine", base_speculates=True)
    assert names(str(refused.value), "config.min_p:", 0.1, "'mine'")
    check_fit(SchemeName(scheme), 0, "mine", base_speculates=True)
    check_fit(SchemeName.DRAFTER, 0.1, "mine", base_speculates=True)
    check_fit(SchemeName.SPECREASON, 0.1, "mine", base_speculates=False)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, (0, 0)),
        ({"top_k": 40, "top_p": 0.95, "temperature": 0.6}, (40, 0)),
        ({"top_k": 20, "min_p": 0}, (20, 0)),
        ({"top_k": None, "min_p": 0.05}, (0, 0.05)),
        ({"top_k": -1}, (0, 0)),
    ],
)
def test_a_generation_config_says_top_k_and_min_p_or_nothing_of_them(
    content: dict[str, Any], expected: tuple[int, float]
) -> None:
    defaults = GenerationDefaults.from_config(content)
    assert (defaults.top_k, defaults.min_p) == expected


@pytest.mark.parametrize("wrong", [{"top_k": "many"}, {"top_k": 1.5}, {"min_p": 2}, {"min_p": "none"}])
def test_an_impossible_value_of_a_generation_config_is_named(wrong: dict[str, Any]) -> None:
    ((key, value),) = wrong.items()
    with pytest.raises(InputError) as refused:
        GenerationDefaults.from_config(wrong)
    assert names(str(refused.value), "generation_config.json", key, value)
