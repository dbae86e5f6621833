"""What a body asks for, and which of its fields ask for nothing: clients also send fields that they do not use.

`null` asks for nothing in any field, and neither does a label, or the value by which a server of OpenAI, Azure or vLLM
does what this one always does. Any other value of a field that is not supported is refused by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from api.openai.requests.refusal import UNSUPPORTED, LineInvalid
from specreason.submission.text import storable
from specreason.words import LONGEST_SHOWN, shown, suggestion

# Fields that only label a request. No output depends on them, and they are not stored.
LABELS = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "request_id",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
# Values of unsupported fields that request nothing. `false` requests nothing either, unless `true` is such a value.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    # OpenAI's fields
    "audio": ({},),
    "frequency_penalty": (0,),
    "function_call": ("auto", "none"),
    "functions": ([],),
    "include": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True, False),
    "presence_penalty": (0,),
    "reasoning_effort": ("medium",),
    "stop": ([], ""),
    "tool_choice": ("auto", "none"),
    "tools": ([],),
    "top_logprobs": (0,),
    "truncation": ("disabled",),
    "verbosity": ("medium",),
    # vLLM's
    "add_generation_prompt": (True,),
    "allowed_token_ids": ([],),
    "bad_words": ([],),
    "best_of": (1,),
    "documents": ([],),
    "include_reasoning": (True,),
    "length_penalty": (1,),
    "logits_processors": ([],),
    "min_tokens": (0,),
    "mm_processor_kwargs": ({},),
    "priority": (0,),
    "prompt_logprobs": (0,),
    "repetition_penalty": (1,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True, False),
    "stop_token_ids": ([],),
    "truncate_prompt_tokens": (-1,),
    "vllm_xargs": ({},),
    # of other servers that speak as OpenAI's
    "enable_thinking": (True,),
    "separate_reasoning": (True,),
    "stream_reasoning": (True, False),
}
# Unsupported fields that hold others, with the values of these that request nothing.
NEUTRAL_INSIDE: dict[str, dict[str, tuple[Any, ...]]] = {
    "chat_template_kwargs": {
        "add_generation_prompt": (True,),
        "continue_final_message": (False,),
        "enable_thinking": (True,),
        "reasoning_effort": ("medium",),
        "thinking": (True,),
    },
    "reasoning": {
        "effort": ("medium",),
        "enabled": (True,),
        "exclude": (False,),
        "generate_summary": ("auto", "concise", "detailed"),
        "summary": ("auto", "concise", "detailed"),
    },
    "response_format": {"type": ("text",)},
    "stream_options": {"include_obfuscation": (True, False), "include_usage": (False,)},
    "text": {"format": ({"type": "text"},), "verbosity": ("medium",)},
    "thinking": {"type": ("enabled", "adaptive")},
}
_THINKS = "reasoning is what this server does, and cannot be turned off; leave the field out"
_SHOWS = "the reasoning is part of every answer; leave the field out"
_EFFORT = "there are no efforts; leave the field out, or limit the thinking by specreason.token_budget"
# Why a field is refused, where more can be said than that it is not supported.
WHY = {
    "chat_template_kwargs.enable_thinking": _THINKS,
    "chat_template_kwargs.reasoning_effort": _EFFORT,
    "chat_template_kwargs.thinking": _THINKS,
    "enable_thinking": _THINKS,
    "include_reasoning": _SHOWS,
    "reasoning.effort": _EFFORT,
    "reasoning.enabled": _THINKS,
    "reasoning.exclude": _SHOWS,
    "reasoning.max_tokens": "limit the thinking by specreason.token_budget",
    "reasoning_effort": _EFFORT,
    "separate_reasoning": "the reasoning is never part of the content; leave the field out",
    "stream": "a line of a batch has one answer in a file; leave the field out",
    "thinking.budget_tokens": "limit the thinking by specreason.token_budget",
    "thinking.type": _THINKS,
    "thinking_token_budget": "limit the thinking by specreason.token_budget",
}


def without_nulls(value: Any) -> Any:
    """A JSON value without the fields that are `null`, at any depth. Items of lists stay."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def asked_for(body: Mapping[str, Any], supported: Collection[str]) -> dict[str, Any]:
    """The fields of `body` that are supported. Raises LineInvalid for another that asks for something."""
    asked = {}
    for field, value in body.items():
        if field in supported:
            asked[field] = value
        elif field not in LABELS:
            _check_asks_nothing(field, value, supported)
    return asked


def _check_asks_nothing(field: str, value: object, supported: Collection[str]) -> None:
    inside = NEUTRAL_INSIDE.get(field)
    if inside is not None and isinstance(value, Mapping):
        for key, item in value.items():
            if not _is_neutral(item, inside.get(key, ())):
                raise _unsupported(f"{field}.{key}", item, inside)
    elif not _is_neutral(value, NEUTRAL.get(field, ())):
        raise _unsupported(field, value, supported)


def _is_neutral(value: object, neutral: tuple[Any, ...]) -> bool:
    if value is False:
        return _is_one_of(False, neutral) or not _is_one_of(True, neutral)
    return _is_one_of(value, neutral)


def _is_one_of(value: object, values: tuple[Any, ...]) -> bool:
    """Python's True equals 1; JSON's does not."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)


def _unsupported(field: str, value: object, known: Collection[str]) -> LineInvalid:
    param = f"body.{storable(field[:LONGEST_SHOWN])}"
    name = field.rpartition(".")[2]
    if field in WHY:
        reason = f"{shown(value)} is not supported: {WHY[field]}"
    elif field in NEUTRAL or field in NEUTRAL_INSIDE or (name != field and name in known):
        reason = f"{shown(value)} is not supported; leave the field out"
    else:
        reason = f"is not supported{suggestion(name, known)}"
    return LineInvalid(UNSUPPORTED, f"{param}: {reason}", param)
