"""A tiny pair whose vocabularies are as unequal as those of QwQ-32B and R1-Distill-Qwen: 384 rows and 320.

Both cut text into the same ordinary tokens. `</think>` and `<think>` have two ids, each model has an added token of its
own, and the base's rows from 313 on are padding. The drafter is the base with some noise, so its tokens are often the
base's and sometimes not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from specreason.pairs import ModelConfig, PairConfig, SpeculationConfig
from tests.support.workers.tiny import (
    JUDGE_SUFFIX,
    MAX_MODEL_LEN,
    Shape,
    random_weights,
    train_tokenizer,
    write_model,
)

BASE_ROWS, DRAFTER_ROWS = 384, 320
NUM_ORDINARY = 310
ONLY_OF_THE_BASE, ONLY_OF_THE_DRAFTER = "<tool>", "<fim>"
SHAPE = Shape(layers=2, width=64)
NOISE = 0.002
_WITH_ROWS = ("model.embed_tokens.weight", "lm_head.weight")


def unequal_pair(folder: Path) -> PairConfig:
    """Write base and drafter below `folder` and return the pair, whose base drafts tokens."""
    base = train_tokenizer(NUM_ORDINARY, added=("<think>", "</think>", ONLY_OF_THE_BASE))
    drafter = train_tokenizer(NUM_ORDINARY, added=("</think>", "<think>", ONLY_OF_THE_DRAFTER))
    weights = random_weights(SHAPE, BASE_ROWS, seed=1)
    for name in _WITH_ROWS:
        weights[name][base.get_vocab_size() :] = 0  # no training has touched a row of padding
    write_model(folder / "base", base, SHAPE, weights)
    write_model(folder / "drafter", drafter, SHAPE, _drafter_weights(weights, base, drafter))
    # In float32, so that the likeliest token does not hang on rounding.
    roles = {
        role: ModelConfig(
            model=str(folder / role),
            dtype="float32",
            max_model_len=MAX_MODEL_LEN,
            kv_cache_memory_bytes=64 << 20,
            max_num_seqs=8,
        )
        for role in ("base", "drafter")
    }
    return PairConfig(
        **roles,
        prompt="{problem}",
        judge_suffix=JUDGE_SUFFIX,
        enforce_eager=True,
        block_size=32,
        speculation=SpeculationConfig(num_tokens=3),
    )


def _drafter_weights(
    weights: dict[str, np.ndarray], base: Tokenizer, drafter: Tokenizer
) -> dict[str, np.ndarray]:
    """The base's weights under the drafter's ids, each a little off."""
    rng = np.random.default_rng(2)
    noisy = {
        name: tensor + NOISE * rng.standard_normal(tensor.shape).astype(np.float32)
        for name, tensor in weights.items()
    }
    for name in _WITH_ROWS:
        rows = rng.standard_normal((DRAFTER_ROWS, SHAPE.width)).astype(np.float32) / np.float32(
            SHAPE.width**0.5
        )
        for token, row in drafter.get_vocab().items():
            if (id_ := base.token_to_id(token)) is not None:
                rows[row] = noisy[name][id_]
        noisy[name] = rows
    return noisy
