"""Builds vLLM's requests for completions and verdicts, and reads how a request ended."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from vllm import SamplingParams
from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind

from specreason.engines.base import THINK_END, FinishReason, Limits, Sampling
from specreason.engines.tokenizer import HFTokenizer
from specreason.engines.vllm.setup import MAX_LOGPROBS

# vLLM holds a seed in 64 bits, sign included.
_LARGEST_SEED = (1 << 63) - 1


class CompletionRequests:
    """One or more requests make up a completion: this says what each asks for, and which one is the last."""

    def __init__(self, tokenizer: HFTokenizer) -> None:
        self._tokenizer = tokenizer
        think_ids = tokenizer.encode(THINK_END)
        # The token if the vocabulary has one for it, else the text.
        self._think_end: int | str = think_ids[0] if len(think_ids) == 1 else THINK_END
        # A pair has few delimiters, and every step of a job asks for its own.
        self._delimiter_ids = lru_cache(maxsize=8)(tokenizer.ids_containing)

    def params(self, limits: Limits, sampling: Sampling, num_written: int, seed: int) -> SamplingParams:
        """The parameters of the request that follows `num_written` tokens of the completion."""
        stop_strings, stop_ids = [], []
        # vLLM's own `min_tokens` would keep the model from ending its thinking, too. So the first request asks for
        # `min_tokens` without the delimiter, and the next one for the rest.
        free = 0
        if limits.delimiter is not None:
            free = max(0, min(limits.min_tokens, limits.max_tokens) - num_written)
        if limits.delimiter is not None and not free:
            # Ids end the request in the engine at once; the string finds a delimiter written in several tokens.
            stop_strings.append(limits.delimiter)
            stop_ids += sorted(self._delimiter_ids(limits.delimiter))
        if limits.stop_at_think_end:
            if isinstance(self._think_end, str):
                stop_strings.append(self._think_end)
            else:
                stop_ids.append(self._think_end)
        return SamplingParams(
            max_tokens=free or limits.max_tokens - num_written,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            # A continued request needs another seed: the same one would repeat the first draws.
            seed=(seed + num_written) & _LARGEST_SEED,
            stop=stop_strings,
            stop_token_ids=stop_ids,
            include_stop_str_in_output=True,
            skip_special_tokens=False,
            detokenize=bool(stop_strings),
            output_kind=RequestOutputKind.FINAL_ONLY,
            # They are made for one request. vLLM would copy hundreds of stop ids one by one.
            skip_clone=True,
        )

    def goes_on(self, output: RequestOutput, written: Sequence[int], limits: Limits) -> bool:
        """Whether the completion needs another request.

        It does if the request ended before a delimiter may count. It also does after a false stop: vLLM matches stop
        strings in text that begins with the prompt's tail if the prompt ends inside a UTF-8 character.
        """
        if len(written) >= limits.max_tokens:
            return False
        cut = output.outputs[0].finish_reason == "length" and len(written) <= limits.min_tokens
        return cut or self._is_false_stop(output)

    def _is_false_stop(self, output: RequestOutput) -> bool:
        completion = output.outputs[0]
        return isinstance(
            completion.stop_reason, str
        ) and completion.stop_reason not in self._tokenizer.decode(completion.token_ids)

    def finish_reason(self, output: RequestOutput, limits: Limits) -> FinishReason:
        """Why the completion ended, by the output of its last request."""
        completion = output.outputs[0]
        if completion.finish_reason == "length" or self._is_false_stop(output):
            return FinishReason.LENGTH
        if completion.finish_reason != "stop":
            return FinishReason.ABORT
        stop = completion.stop_reason
        if stop == self._think_end:
            return FinishReason.THINK_END
        if isinstance(stop, str) or (limits.delimiter and stop in self._delimiter_ids(limits.delimiter)):
            return FinishReason.DELIMITER
        # The stop is None, or one of the further end tokens of generation_config.json.
        return FinishReason.EOS


def verdict_params(digit_ids: Sequence[int], *, speculates: bool) -> SamplingParams:
    """One greedy token and the probabilities of the ten digits, taken before temperature and masks.

    `logprob_token_ids` kills an engine with token-level speculation (design §4). Such an engine returns the twenty
    likeliest tokens instead, and a digit that is not among them is unknown.
    """
    return SamplingParams(
        max_tokens=1,
        temperature=0.0,
        logprobs=MAX_LOGPROBS if speculates else None,
        logprob_token_ids=None if speculates else list(digit_ids),
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,
    )
