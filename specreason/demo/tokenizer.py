"""The tokenizer both models of the demo pair share: a small byte-level BPE that can encode any text.

Numbers split into single digits, a blank line stays glued to the full stop before it (as in the Qwen family), and the
words of the exercise family are one token each. The thinking tags are ordinary added tokens, so that detokenised text
keeps them.
"""

import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from specreason.grading.exercises import (
    LABELS,
    VERBS,
    Exercise,
    Op,
    answer_text,
    closing,
    correction,
    full_step,
    terse_step,
)

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
THINK, END_THINK, JUDGE = "<think>", "</think>", "<judge>"
JUDGE_SUFFIX = JUDGE  # appended to transcript and step; the next token is the score, one digit
VOCAB_SIZE = 448
MAX_LENGTH = 4096

_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)


def _corpus() -> list[str]:
    """Enough text of the family that each of its words becomes one token."""
    rng = random.Random(0)
    lines = []
    for _ in range(200):
        ops = tuple(Op(rng.choice(VERBS), rng.randint(2, 9)) for _ in range(len(LABELS)))
        lines.append(Exercise(rng.randrange(100), ops).text)
    for i in range(len(LABELS)):
        for verb in VERBS:
            parts = (i, 47, Op(verb, 8), 55)
            lines += [full_step(*parts), terse_step(*parts), correction(*parts), closing(55), answer_text(55)]
    return [*lines, *["user\n", "assistant\n", "system\n"] * 20]


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Build the tokenizer; the same bytes on every run."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - 6,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_corpus(), trainer)
    core.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in (PAD, START, END)])
    core.add_tokens([AddedToken(t, special=False, normalized=False) for t in (THINK, END_THINK, JUDGE)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )


def prompt_text(exercise: str) -> str:
    """The chat template's output for one user message. It ends inside the open thinking tag."""
    return f"{START}user\n{exercise}{END}\n{START}assistant\n{THINK}\n"


def save_tokenizer(folder: Path) -> None:
    train_tokenizer().save_pretrained(folder)
