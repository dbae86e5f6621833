"""Small tokenizers with the control tokens and chat templates of families of models, as these are published.

Vocabularies and wording are ours. Each tokenizer cuts text as its family does: by bytes, or as SentencePiece with a
sign for the space, where control tokens are pieces of the model's own vocabulary, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from specreason.demo.tokenizer import train_tokenizer
from specreason.engines.tokenizer import HFTokenizer

_CORPUS = [
    "Step one: add 85 and 15, which gives 100.\n\nuser\nassistant\nsystem\nmodel\n",
    "<b> x > y </b>\n",
] * 50
_BYTES = r"\p{N}{1,3}|[^\r\n\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_R1 = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>")
_THINK = ("<think>", "</think>")

_QWEN25_TEMPLATE = (
    "{%- if messages[0].role == 'system' -%}"
    "{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' -}}"
    "{%- else -%}{{- '<|im_start|>system\nYou are kind.<|im_end|>\n' -}}{%- endif -%}"
    "{%- for m in messages -%}{%- if m.role != 'system' or not loop.first -%}"
    "{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}"
    "{%- endif -%}{%- endfor -%}{{- '<|im_start|>assistant\n' -}}"
)
_QWEN3_TEMPLATE = (
    "{%- if messages[0].role == 'system' -%}"
    "{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' -}}{%- endif -%}"
    "{%- set ns = namespace(last=messages|length - 1) -%}"
    "{%- for m in messages -%}{%- set content = m.content -%}"
    "{%- if m.role == 'user' or (m.role == 'system' and not loop.first) -%}"
    "{{- '<|im_start|>' + m.role + '\n' + content + '<|im_end|>\n' -}}"
    "{%- elif m.role == 'assistant' -%}{%- set thought = '' -%}"
    "{%- if '</think>' in content -%}"
    "{%- set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') -%}{%- endif -%}"
    "{%- if loop.index0 > ns.last -%}"
    "{{- '<|im_start|>assistant\n<think>\n' + thought + '\n</think>\n\n' + content + '<|im_end|>\n' -}}"
    "{%- else -%}{{- '<|im_start|>assistant\n' + content + '<|im_end|>\n' -}}{%- endif -%}"
    "{%- endif -%}{%- endfor -%}{{- '<|im_start|>assistant\n' -}}"
)
_R1_TEMPLATE = (
    "{%- set ns = namespace(system='') -%}{%- for m in messages -%}{%- if m.role == 'system' -%}"
    "{%- set ns.system = m.content -%}{%- endif -%}{%- endfor -%}{{- bos_token -}}{{- ns.system -}}"
    "{%- for m in messages -%}{%- if m.role == 'user' -%}{{- '<｜User｜>' + m.content -}}"
    "{%- elif m.role == 'assistant' -%}{%- set content = m.content -%}"
    "{%- if '</think>' in content -%}{%- set content = content.split('</think>')[-1] -%}{%- endif -%}"
    "{{- '<｜Assistant｜>' + content + eos_token -}}{%- endif -%}{%- endfor -%}{{- '<｜Assistant｜><think>\n' -}}"
)
_LLAMA3_TEMPLATE = (
    "{{- bos_token -}}{%- for m in messages -%}"
    "{{- '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + (m.content | trim) + '<|eot_id|>' -}}"
    "{%- endfor -%}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}"
)
_ALTERNATES = (
    "{%- for m in messages -%}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{- raise_exception('roles must alternate user/assistant') -}}{%- endif -%}{%- endfor -%}"
)
_MISTRAL_TEMPLATE = (
    "{%- if messages[0].role == 'system' -%}{%- set said = messages[0].content + '\n\n' -%}"
    "{%- set messages = messages[1:] -%}{%- else -%}{%- set said = '' -%}{%- endif -%}"
    + _ALTERNATES
    + "{{- bos_token -}}{%- for m in messages -%}{%- if m.role == 'user' -%}"
    "{{- '[INST] ' + (said if loop.last else '') + m.content + '[/INST]' -}}"
    "{%- else -%}{{- ' ' + (m.content | trim) + eos_token -}}{%- endif -%}{%- endfor -%}"
)
_GEMMA_TEMPLATE = (
    "{{- bos_token -}}{%- if messages[0].role == 'system' -%}"
    "{{- raise_exception('System role not supported') -}}{%- endif -%}"
    + _ALTERNATES
    + "{%- for m in messages -%}{%- set role = 'model' if m.role == 'assistant' else m.role -%}"
    "{{- '<start_of_turn>' + role + '\n' + (m.content | trim) + '<end_of_turn>\n' -}}{%- endfor -%}"
    "{{- '<start_of_turn>model\n' -}}"
)
_PHI_TEMPLATE = (
    "{%- for m in messages -%}{{- '<|' + m.role + '|>\n' + m.content + '<|end|>\n' -}}{%- endfor -%}"
    "{{- '<|assistant|>\n' -}}"
)


@dataclass(frozen=True, kw_only=True)
class Family:
    """`special` begins with the tokens that begin and end a sequence; `beside` are added, and not special.

    `system` says where the family's models read a system message: in a turn of its "own", or in a "user" turn.
    """

    template: str
    special: tuple[str, ...]
    beside: tuple[str, ...] = _THINK
    system: str = "own"
    drops_thinking: bool = False
    sentencepiece: bool = False
    strips_right: bool = False


FAMILIES = {
    "qwen2.5": Family(template=_QWEN25_TEMPLATE, special=_CHATML, beside=("<tool_call>", "</tool_call>")),
    "qwen3": Family(template=_QWEN3_TEMPLATE, special=_CHATML, drops_thinking=True),
    "r1": Family(template=_R1_TEMPLATE, special=_R1, system="user", drops_thinking=True),
    "llama3": Family(
        template=_LLAMA3_TEMPLATE,
        special=("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
        beside=(),
    ),
    "mistral": Family(
        template=_MISTRAL_TEMPLATE,
        special=("<s>", "</s>", "[INST]", "[/INST]"),
        beside=(),
        system="user",
        sentencepiece=True,
    ),
    "gemma": Family(
        template=_GEMMA_TEMPLATE,
        special=("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        beside=("\n\n", "\n\n\n", "▁▁"),
        system="user",
        sentencepiece=True,
    ),
    "phi": Family(
        template=_PHI_TEMPLATE,
        special=("<s>", "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        beside=("  ", "    "),
        strips_right=True,
    ),
}
NAMES = [*FAMILIES, "demo"]
# What users write: every control token of any family, and of families that are not here.
SPELLINGS = (
    *_CHATML,
    *_R1,
    *_THINK,
    *(token for family in FAMILIES.values() for token in family.special),
    "<judge>",
    "<tool_call>",
    "[SYSTEM_PROMPT]",
    "<|eom_id|>",
    "<unk>",
)


@cache
def backend_of(name: str) -> Any:
    """The family's tokenizer as `transformers` wraps it."""
    from transformers import PreTrainedTokenizerFast

    if name == "demo":
        return train_tokenizer()
    family = FAMILIES[name]
    tokenizer = _pieces(family.special) if family.sentencepiece else _bytes()
    tokenizer.add_special_tokens(
        [
            AddedToken(text, special=True, normalized=False, rstrip=family.strips_right)
            for text in family.special
        ]
    )
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in family.beside])
    bos, eos, *_ = family.special
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, chat_template=family.template
    )


@cache
def tokenizer_of(name: str) -> HFTokenizer:
    return HFTokenizer(backend_of(name))


@cache
def controls_of(name: str) -> dict[str, int]:
    """The family's control tokens, with their ids."""
    added = backend_of(name).backend_tokenizer.get_added_tokens_decoder()
    return {token.content: number for number, token in added.items() if token.content.strip(" \n▁")}


def _bytes() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_BYTES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=360, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return tokenizer


def _pieces(special: tuple[str, ...]) -> Tokenizer:
    """As SentencePiece: the special tokens are pieces, which merges put together, and no prefix stands before text."""
    letters = sorted({*"".join(_CORPUS), *"".join(special), "▁"} - {" "})
    vocabulary = {"<unk>": 0} | {f"<0x{byte:02X}>": 1 + byte for byte in range(256)}
    merges: list[tuple[str, str]] = []
    for letter in letters:
        vocabulary.setdefault(letter, len(vocabulary))
    for text in special:
        for end in range(1, len(text)):
            if text[: end + 1] not in vocabulary:
                vocabulary[text[: end + 1]] = len(vocabulary)
                merges.append((text[:end], text[end]))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer
