"""A Hugging Face tokenizer behind the Tokenizer protocol, and the checks that a pair needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

from specreason.engines.base import Tokenizer
from specreason.engines.chat_template import ChatTemplate, TemplateRefusal
from specreason.engines.control_tokens import ControlTokens
from specreason.errors import InputError
from specreason.submission.chat import ASSISTANT, USER, Message, to_json

_THINK_START = "<think>"
_STAND_IN = "(the reasoning so far)"


class HFTokenizer:
    """Wraps a fast `transformers` tokenizer.

    `chat_template` overrides the tokenizer's own. Raises InputError if there is neither.
    """

    def __init__(self, hf: Any, *, chat_template: str | None = None) -> None:
        self.chat_template: str | None = chat_template or hf.chat_template
        if not self.chat_template:
            raise InputError(f"{hf.name_or_path}: has no chat template; set chat_template in pairs.toml")
        self._hf = hf
        # The Rust tokenizer is several times faster than its wrapper.
        self._backend = hf.backend_tokenizer
        self._controls = ControlTokens(self._backend)
        self._template = ChatTemplate(self._render, self._controls, str(hf.name_or_path))

    @classmethod
    def load(
        cls, model: str, *, revision: str | None = None, chat_template: str | None = None
    ) -> HFTokenizer:
        """From a folder or the hub. Raises InputError if there is no usable tokenizer.

        `tokenizer.json` is used unchanged. AutoTokenizer would use the class that a model names. The R1 distills name
        Llama's, which replaces their rules by its own and loses spaces and line breaks.
        """
        from transformers import PreTrainedTokenizerFast
        from transformers.utils import cached_file

        try:
            # Its error says which file is missing, and where.
            cached_file(model, "tokenizer.json", revision=revision)
            hf = PreTrainedTokenizerFast.from_pretrained(model, revision=revision)
        except (OSError, ValueError) as error:
            raise InputError(f"{model}: tokenizer cannot be loaded: {first_line(error)}") from error
        tokenizer = cls(hf, chat_template=chat_template)
        # Now, not in the event loop at the first step: a vocabulary of 150,000 tokens takes a second for each.
        _ = tokenizer._vocabulary, tokenizer._controls.named
        return tokenizer

    def save(self, folder: Path) -> None:
        """Write it so that vLLM loads exactly this tokenizer, and none of the class that a model names."""
        self._hf.save_pretrained(folder)
        # Without a config.json vLLM waits for one. Of this type, transformers takes the class that the folder names.
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))

    @cached_property
    def _vocabulary(self) -> tuple[str, tuple[tuple[int, str], ...]]:
        """Hash of the token-to-id table, and the text of each id by itself. Ids may have gaps."""
        vocabulary = self._backend.get_vocab(with_added_tokens=True)
        ids = sorted(vocabulary.values())
        texts = self._backend.decode_batch([[each] for each in ids], skip_special_tokens=False)
        return vocabulary_hash(vocabulary), tuple(zip(ids, texts, strict=True))

    @property
    def vocabulary_id(self) -> str:
        return self._vocabulary[0]

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._backend.encode(text, add_special_tokens=False).ids)

    def encode_text(self, text: str) -> tuple[int, ...]:
        return self._controls.encode_text(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        text: str = self._backend.decode(list(token_ids), skip_special_tokens=False)
        return text

    def render_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        rendered = self._template.encode(messages)
        return self.encode(rendered) if isinstance(rendered, str) else rendered

    def judge_suffix(self, question: str, opening: str) -> str:
        """The text from the middle of the model's message to its answer to `question`, which begins with `opening`.

        The chat template shows how messages end and begin, with a stand-in for the model's message: templates of
        reasoning models drop the part before `</think>` from earlier messages, and with it the steps.
        """
        asked = Message(USER, question)
        text = self._render([asked, Message(ASSISTANT, _STAND_IN), asked])
        _, stand_in, rest = text.partition(_STAND_IN)
        if not stand_in:
            raise InputError(
                f"{self._hf.name_or_path}: its chat template leaves out earlier turns; set judge_suffix in pairs.toml"
            )
        return rest + opening

    def _render(self, messages: Sequence[Message]) -> str:
        """Messages in the chat template, up to the point where the model's thinking begins. Raises TemplateRefusal."""
        from jinja2 import TemplateError

        try:
            text: str = self._hf.apply_chat_template(
                to_json(messages),
                chat_template=self.chat_template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise TemplateRefusal(first_line(error)) from error
        # Older templates of reasoning models leave `<think>` to the model.
        return text if text.rstrip().endswith(_THINK_START) else f"{text}{_THINK_START}\n"

    def ids_containing(self, text: str) -> frozenset[int]:
        """Every token whose text contains `text`: Qwen-family tokenizers merge "\\n\\n" into ".\\n\\n" and more."""
        return frozenset(each for each, token in self._vocabulary[1] if text in token)


def digit_ids(tokenizer: Tokenizer, judge_suffix: str) -> tuple[int, ...]:
    """The ids of the ten digits as they follow `judge_suffix`, digit 0 first.

    Raises InputError unless each digit is exactly one token after the suffix's own: a score is one token.
    """
    suffix = tokenizer.encode(judge_suffix)
    found = []
    for digit in "0123456789":
        ids = tokenizer.encode(judge_suffix + digit)
        if ids[: len(suffix)] != suffix:
            raise InputError(
                f"judge_suffix: digit {digit} merges with the suffix's end {judge_suffix[-8:]!r} into one token; "
                "end the suffix differently"
            )
        if len(ids) != len(suffix) + 1:
            raise InputError(
                f"judge_suffix: digit {digit} after {judge_suffix[-8:]!r} is {len(ids) - len(suffix)} tokens, not one"
            )
        found.append(ids[-1])
    if len(set(found)) != 10:
        raise InputError("judge_suffix: the base's tokenizer gives several digits the same token")
    return tuple(found)


def vocabulary_hash(vocabulary: dict[str, int]) -> str:
    """SHA-256 of a token-to-id table, hex."""
    # Sorting by text takes twice as long.
    by_id = sorted(vocabulary.items(), key=itemgetter(1))
    return hashlib.sha256(json.dumps(by_id).encode()).hexdigest()


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its class name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
