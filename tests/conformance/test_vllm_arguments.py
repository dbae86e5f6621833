"""What is known of vLLM without importing it is what it says of itself; and it takes the tokenizer that it is given."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import fields
from pathlib import Path

import pytest

from specreason.engines.machine.platform import check_platform, set_defaults
from specreason.engines.tokenizer import HFTokenizer
from specreason.engines.vllm.engine_args import _OWN_KEYS, _REFUSED, _WHOLE_PROMPTS, vllm_arguments
from tests.golden.families import FAMILY_OF, write_model

TEXT = "So it is 100.\n\nNow"


@pytest.fixture(scope="module", autouse=True)
def _vllm_is_imported() -> None:
    """With its environment set, as wherever a pair is loaded."""
    set_defaults(check_platform())
    with warnings.catch_warnings():  # its imports warn of their own dependencies
        warnings.simplefilter("ignore")
        importlib.import_module("vllm.tokenizers")
        importlib.import_module("vllm.engine.arg_utils")


def test_the_names_of_its_arguments_are_those_of_the_class() -> None:
    from vllm.engine.arg_utils import AsyncEngineArgs

    of_the_class = {field.name for field in fields(AsyncEngineArgs) if not field.name.startswith("_")}
    assert vllm_arguments() == of_the_class


def test_every_argument_that_is_refused_exists() -> None:
    assert {*_OWN_KEYS, *_REFUSED, *_WHOLE_PROMPTS} <= vllm_arguments()


@pytest.mark.parametrize(
    "model",
    [
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "Qwen/QwQ-32B",
    ],
)
def test_a_step_ends_in_the_text_that_vllm_searches_as_it_does_in_ours(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from vllm.tokenizers import get_tokenizer

    write_model(FAMILY_OF[model], tmp_path / "model", opens_thinking=True)
    ours = HFTokenizer.load(str(tmp_path / "model"))
    ours.save(tmp_path / "saved")
    theirs = get_tokenizer(tmp_path / "saved")
    ids = list(ours.encode(TEXT))
    assert theirs.decode(ids) == ours.decode(ids) == TEXT
    assert theirs.eos_token_id == ours._hf.eos_token_id
    assert theirs.backend_tokenizer.to_str() == ours._hf.backend_tokenizer.to_str()
    assert "".join(capfd.readouterr()) == ""


def test_by_itself_vllm_would_not_see_the_end_of_a_step_of_r1_distill_llama(tmp_path: Path) -> None:
    """Once this fails, the tokenizer need not be saved any more."""
    from vllm.tokenizers import get_tokenizer

    write_model(FAMILY_OF["deepseek-ai/DeepSeek-R1-Distill-Llama-70B"], tmp_path, opens_thinking=True)
    ids = list(HFTokenizer.load(str(tmp_path)).encode(TEXT))
    assert "\n\n" not in get_tokenizer(tmp_path).decode(ids)
