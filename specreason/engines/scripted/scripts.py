"""The texts of a ScriptedEngine: pure functions of the prompt, so that a resumed job gets the first run's texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from specreason.engines.base import THINK_END
from specreason.engines.scripted.tokenizer import THINK_START

DELIMITER = "\n\n"

# From prompt text and seed to the text that the model writes if nothing stops it; then it ends the sequence.
Respond = Callable[[str, int], str]
# From prompt text with judge suffix to the number whose first token the model decodes; None for a text instead.
Score = Callable[[str], int | None]


def follow(steps: Sequence[str], answer: str) -> Respond:
    """Continue the prompt: the rest of a step that it ends in, the later steps, and the answer."""

    def respond(prompt: str, seed: int) -> str:
        thinking = prompt.rpartition(THINK_START)[2]
        if THINK_END in thinking:
            return _rest(answer, thinking.rpartition(THINK_END)[2].lstrip())
        *complete, begun = thinking.lstrip().split(DELIMITER)
        remaining = [*steps[len(complete) :], answer]
        return _rest(remaining[0], begun) + "".join(remaining[1:])

    return respond


def score_by_index(scores: Sequence[int | None], judge_suffix: str) -> Score:
    """`scores[n]` for the n-th step of the thinking; the list starts again at its end."""

    def score(prompt: str) -> int | None:
        thinking = prompt.removesuffix(judge_suffix).removesuffix(DELIMITER).rpartition(THINK_START)[2]
        return scores[thinking.count(DELIMITER) % len(scores)]

    return score


def _rest(text: str, begun: str) -> str:
    return text[len(begun) :] if text.startswith(begun) else text
