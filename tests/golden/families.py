"""Small tokenizers with the traits of the paper's models: special tokens, digits, chat template, declared class.

Vocabulary and wording are ours. The folders look like a downloaded model's, down to the tokenizer class that each
family names in its configuration, so that they are loaded as the real ones are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

_CORPUS = [
    "Step one: add 85 and 15, which gives 100.\n\n",
    "So the sum of the two is 100, and the score is: 85?\n\n",
    "Wait: look at the newest paragraph of the reasoning!\n\n",
    "85 100 85 100\n",
] * 50
# Words with a space before them, runs of signs with the line breaks after them, line breaks, spaces.
_REST = r"| ?\p{L}+| ?[^\s\p{L}\p{N}]+\n*|\n+| +"
# Both kinds drop what stands before `</think>` in the model's earlier turns.
_EARLIER = "{{- turn.content.split('</think>')[-1] if turn.role == 'assistant' else turn.content -}}"
_CHATML = (
    "{%- for turn in messages -%}{{- '<|im_start|>' + turn.role + '\n' -}}"
    + _EARLIER
    + "{{- '<|im_end|>\n' -}}{%- endfor -%}{{- '<|im_start|>assistant\n' -}}"
)
_DEEPSEEK = (
    "{{- bos_token -}}{%- for turn in messages -%}"
    "{{- '<｜Assistant｜>' if turn.role == 'assistant' else '<｜User｜>' -}}"
    + _EARLIER
    + "{{- eos_token if turn.role == 'assistant' else '' -}}{%- endfor -%}{{- '<｜Assistant｜>' -}}"
)
_DEEPSEEK_TOKENS = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>")


@dataclass(frozen=True, kw_only=True)
class Family:
    """`max_digits` merge into one token. The first two of `special` begin and end a sequence."""

    model_type: str
    tokenizer_class: str
    max_digits: int
    special: tuple[str, ...]
    chat_template: str


_QWQ = Family(
    model_type="qwen2",
    tokenizer_class="Qwen2Tokenizer",
    max_digits=1,
    special=("<|endoftext|>", "<|im_end|>", "<|im_start|>"),
    chat_template=_CHATML,
)
_QWEN3 = replace(_QWQ, model_type="qwen3")
_R1_QWEN = Family(
    model_type="qwen2",
    tokenizer_class="LlamaTokenizerFast",
    max_digits=1,
    special=_DEEPSEEK_TOKENS,
    chat_template=_DEEPSEEK,
)
_R1_LLAMA = Family(
    model_type="llama",
    tokenizer_class="LlamaTokenizerFast",
    max_digits=3,
    special=_DEEPSEEK_TOKENS,
    chat_template=_DEEPSEEK,
)
# Skywork-OR1 and ZR1 were trained from R1's Qwen distills and kept their tokenizer. Sizes and quantizations share one.
FAMILY_OF = {
    "Qwen/Qwen3-0.6B": _QWEN3,
    "Qwen/Qwen3-1.7B": _QWEN3,
    "Qwen/Qwen3-14B": _QWEN3,
    "Qwen/Qwen3-32B": _QWEN3,
    "Qwen/Qwen3-32B-AWQ": _QWEN3,
    "Qwen/Qwen3-32B-FP8": _QWEN3,
    "Qwen/QwQ-32B": _QWQ,
    "Qwen/QwQ-32B-AWQ": _QWQ,
    "Skywork/Skywork-OR1-32B-Preview": _R1_QWEN,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": _R1_QWEN,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": _R1_QWEN,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": _R1_QWEN,
    "Zyphra/ZR1-1.5B": _R1_QWEN,
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": _R1_LLAMA,
}


def write_model(family: Family, folder: Path, *, opens_thinking: bool) -> None:
    """The tokenizer of `family` as a folder. Older templates do not open the thinking."""
    folder.mkdir(parents=True, exist_ok=True)
    _train(family).save(str(folder / "tokenizer.json"))
    bos, eos, *_ = family.special
    (folder / "config.json").write_text(json.dumps({"model_type": family.model_type}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": family.tokenizer_class,
                "bos_token": bos,
                "eos_token": eos,
                "chat_template": family.chat_template + ("{{- '<think>\n' -}}" if opens_thinking else ""),
            }
        )
    )


def _train(family: Family) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    pattern = rf"\p{{N}}{{1,{family.max_digits}}}{_REST}"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in family.special]
    )
    tokenizer.add_tokens(
        [AddedToken(text, special=False, normalized=False) for text in ("<think>", "</think>")]
    )
    return tokenizer
