"""A tiny Mistral with random weights and a tokenizer like Llama's: a process reward model that knows nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

NUM_CONTEXT = 128
_CORPUS = [
    "What is 2 + 2? Step 1: So 2 + 2 = 4. ки\nStep 2: 5 - 1 is 4, so the answer is 4. ки",
    "Start with 47. A: add 8. B: multiply by 6. C: subtract 9. Wait, step C should be: 30 minus 9 is 21. + - ки",
] * 20


def write_reward_model(
    folder: Path, *, seed: int = 0, tag: bool = True, num_context: int = NUM_CONTEXT
) -> Path:
    """Write it, and return the folder. Without `tag` its tokenizer does not know the step tag."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    tokenizer = _tokenizer(tag=tag)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    described = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    torch.manual_seed(seed)
    config = MistralConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=num_context,
        sliding_window=None,
        initializer_range=0.5,
    )
    MistralForCausalLM(config).save_pretrained(folder)
    return folder


def _tokenizer(*, tag: bool) -> Tokenizer:
    """A space is a part of the token behind it, a line break is one alone; every text begins with `<s>` and a space."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("\n", behavior="isolated"),
            pre_tokenizers.Split("▁", behavior="merged_with_next"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False, min_frequency=1
    )
    corpus = _CORPUS if tag else [text.replace("ки", "") for text in _CORPUS]
    # Enough of each for a token of its own.
    tokenizer.train_from_iterator([*corpus, *[" ки + -" if tag else " + -"] * 200], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return tokenizer
