"""A causal language model as process reward model. The only module here that loads torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from specreason.errors import ExtraMissing, InputError, InvalidField
from specreason.prm.protocol import BAD, GOOD, STEP_TAG, Encoded, Marked, places_of

DTYPES = ("auto", "bfloat16", "float16", "float32")


class RewardModel:
    """A model that speaks the protocol of `prm.protocol`, on one device. Its methods block."""

    def __init__(self, folder: Path, *, device: str | None = None, dtype: str = "auto") -> None:
        """Load the files in `folder`. By default on the first GPU, else on the CPU, in the type of the files.

        Raises ExtraMissing; InvalidField for a device that is not there; InputError for files that are no causal
        language model, or whose tokenizer has no single tokens for the two answers and the tag.
        """
        try:
            import torch
            import transformers
        except ImportError as error:
            raise ExtraMissing(error.name or "transformers", extra="cpu") from error
        self._torch, self._folder = torch, folder
        self.device = _device(torch, device)
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
            model = transformers.AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype)
            num_context = int(model.config.max_position_embeddings)
        # The errors of transformers, tokenizers and safetensors about broken files have no common class.
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{folder}: cannot be loaded as a causal language model ({reason})") from error
        if not self._tokenizer.is_fast:
            raise InputError(
                f"{folder}: its tokenizer does not say which text a token is; convert it to tokenizer.json"
            )
        self.num_context = num_context
        try:
            self._model = model.eval().to(self.device)
        except torch.OutOfMemoryError as error:
            raise InputError(f"{folder}: does not fit into the memory of {self.device}") from error
        self._tag_id = self._tokens(STEP_TAG, 1)[0]
        self._answer_ids = self._tokens(f"{GOOD} {BAD}", 2)

    def encode(self, text: Marked) -> Encoded:
        """The text's ids, and the places of its tags."""
        found = self._tokenizer(text.text, return_offsets_mapping=True)
        ids, spans = found["input_ids"], found["offset_mapping"]
        try:
            return Encoded(tuple(ids), tuple(places_of(text.tags, ids, _ascending(spans), self._tag_id)))
        except ValueError as error:
            raise InputError(
                f"{self._folder}: is no reward model of Math-Shepherd's protocol: {error}"
            ) from error

    def scores(self, sequences: Sequence[Encoded]) -> list[list[float]]:
        """The score at each place of each sequence, 0 to 1. Together they take one pass, if the memory allows.

        Raises InputError if the device has no memory for one alone.
        """
        try:
            return self._pass(sequences)
        except self._torch.OutOfMemoryError as error:
            if len(sequences) == 1:
                raise InputError(
                    f"{self.device}: has no memory for a trace of {len(sequences[0].ids):,} tokens; another --device,"
                    " or --dtype bfloat16, may have"
                ) from error
        half = len(sequences) // 2
        self._torch.cuda.empty_cache()
        return [*self.scores(sequences[:half]), *self.scores(sequences[half:])]

    def _pass(self, sequences: Sequence[Encoded]) -> list[list[float]]:
        torch = self._torch
        longest = max(len(each.ids) for each in sequences)
        # On the right: no token sees what stands behind it, and all keep their positions.
        rows = [[*each.ids, *[0] * (longest - len(each.ids))] for each in sequences]
        mask = [[1] * len(each.ids) + [0] * (longest - len(each.ids)) for each in sequences]
        with torch.inference_mode():
            hidden = self._model.base_model(
                input_ids=torch.tensor(rows, device=self.device),
                attention_mask=torch.tensor(mask, device=self.device),
                use_cache=False,
            ).last_hidden_state
            row = [number for number, each in enumerate(sequences) for _ in each.places]
            place = [place for each in sequences for place in each.places]
            # The logits of two tokens at the tags alone: those of a whole vocabulary at every token take gigabytes.
            weight = self._model.get_output_embeddings().weight[self._answer_ids]
            logits = hidden[row, place] @ weight.T
            good = logits.float().softmax(dim=-1)[:, 0].tolist()
        left = iter(good)
        return [[next(left) for _ in each.places] for each in sequences]

    def _tokens(self, text: str, number: int) -> list[int]:
        """The ids of a text that must be so many tokens. Raises InputError."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        if len(ids) != number or self._tokenizer.unk_token_id in ids:
            raise InputError(
                f"{self._folder}: is no reward model of Math-Shepherd's protocol: its tokenizer makes {len(ids)} tokens"
                f" of {text!r}, not {number} that it knows"
            )
        return ids


def _device(torch: Any, name: str | None) -> str:
    """The device of this name that is here. Raises InvalidField."""
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    # torch has a class of its own for some devices, and an assertion for GPUs in a build without.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InvalidField("--device", f"there is no {name!r} here ({first[:150]})") from error
    return name


def _ascending(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order: a token that stands for no letter, such as that of the beginning, follows the one before."""
    moved, end = [], 0
    for start, stop in spans:
        moved.append((start, stop) if stop > start else (end, end))
        end = max(end, moved[-1][1])
    return moved
