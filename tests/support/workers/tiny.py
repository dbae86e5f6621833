"""A randomly initialised pair that loads in a real engine: two Llamas of some 100 thousand weights, one tokenizer.

The models know nothing; they exist to exercise limits, stops, caches and processes. The tokenizer has the traits
that matter of a real reasoning model's: a chat template, `<think>` and `</think>` as single tokens, ten digits as
single tokens, and a delimiter that merges into tokens such as ".\\n\\n".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from specreason.pairs import ModelConfig, PairConfig

MAX_MODEL_LEN = 2048
JUDGE_SUFFIX = "\n\nScore from 0 to 9: "
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
_CORPUS = [
    "Start with 47. Add 8.\n\nMultiply by 6. What is the result?\n\n",
    "So 47 plus 8 is 55.\n\nThen 55 times 6 is 330.\n\nWait, let me check.\n\n",
    "Score from 0 to 9: the step is right, so it is kept; otherwise it is written again,\n\n",
    "The answer is \\boxed{330}!\n\nThat is all:\n\nthe thinking ends here.\n\n",
] * 50


@dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    heads: int = 2


_SHAPES = {"drafter": Shape(layers=1, width=64), "base": Shape(layers=3, width=64)}


def tiny_pair(folder: Path) -> PairConfig:
    """Write drafter and base below `folder` (about 1 MB) and return the configuration that serves them."""
    tokenizer = train_tokenizer()
    for seed, (role, shape) in enumerate(_SHAPES.items()):
        weights = random_weights(shape, tokenizer.get_vocab_size(), seed)
        write_model(folder / role, tokenizer, shape, weights)
    roles = {
        role: ModelConfig(
            model=str(folder / role),
            max_model_len=MAX_MODEL_LEN,
            kv_cache_memory_bytes=64 << 20,
            max_num_seqs=16,
        )
        for role in _SHAPES
    }
    return PairConfig(
        **roles, prompt="{problem}", judge_suffix=JUDGE_SUFFIX, enforce_eager=True, block_size=32
    )


def train_tokenizer(vocab_size: int = 380, *, added: tuple[str, ...] = ("<think>", "</think>")) -> Tokenizer:
    """`vocab_size` tokens, and `added` under the ids after them."""
    tokenizer = Tokenizer(models.BPE())
    # Words keep the punctuation and line breaks after them, so that training merges ".\n\n" into one token.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            pre_tokenizers.Split("Ġ", behavior="merged_with_next"),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(text, special=True) for text in ("<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>")]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    # Reasoning models ship these two as added tokens that are not special: decoding keeps them.
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in added])
    return tokenizer


def write_model(folder: Path, tokenizer: Tokenizer, shape: Shape, weights: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<|bos|>", "eos_token": "<|eos|>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": CHAT_TEMPLATE, **special})
    )
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(weights["model.embed_tokens.weight"]),
        "hidden_size": shape.width,
        "intermediate_size": 2 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": MAX_MODEL_LEN,
        "bos_token_id": tokenizer.token_to_id("<|bos|>"),
        "eos_token_id": tokenizer.token_to_id("<|eos|>"),
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def random_weights(shape: Shape, vocab_size: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    width = shape.width

    def normal(rows: int, columns: int) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    ones = np.ones(width, dtype=np.float32)
    weights = {
        "model.embed_tokens.weight": normal(vocab_size, width),
        "model.norm.weight": ones,
        "lm_head.weight": normal(vocab_size, width),
    }
    for index in range(shape.layers):
        layer = f"model.layers.{index}."
        weights |= {layer + "input_layernorm.weight": ones, layer + "post_attention_layernorm.weight": ones}
        weights |= {f"{layer}self_attn.{name}_proj.weight": normal(width, width) for name in "qkvo"}
        weights |= {f"{layer}mlp.{name}_proj.weight": normal(2 * width, width) for name in ("gate", "up")}
        weights[layer + "mlp.down_proj.weight"] = normal(width, 2 * width)
    return weights
