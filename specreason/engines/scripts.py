"""What a ScriptedEngine says: pure functions of the prompt, so that a resumed job gets what the first run got."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from specreason.engines.base import THINK_END
from specreason.engines.scripted_tokenizer import THINK_START

DELIMITER = "\n\n"

# Prompt text and seed to the text the model would go on with if nothing stopped it; then it ends the sequence.
Respond = Callable[[str, int], str]
# Prompt text, judge suffix included, to the number whose first token the model decodes; None: it is no number.
Score = Callable[[str], int | None]


def follow(steps: Sequence[str], answer: str) -> Respond:
    """Go on where the prompt stands: with the rest of a step begun, the steps after it, and the answer."""

    def respond(prompt: str, seed: int) -> str:
        thinking = prompt.rpartition(THINK_START)[2]
        if THINK_END in thinking:
            return _rest(answer, thinking.rpartition(THINK_END)[2].lstrip())
        *complete, begun = thinking.lstrip().split(DELIMITER)
        remaining = [*steps[len(complete) :], answer]
        return _rest(remaining[0], begun) + "".join(remaining[1:])

    return respond


def score_by_index(scores: Sequence[int | None], judge_suffix: str) -> Score:
    """`scores[n]` for the n-th step of the thinking; the list goes round."""

    def score(prompt: str) -> int | None:
        thinking = prompt.removesuffix(judge_suffix).removesuffix(DELIMITER).rpartition(THINK_START)[2]
        return scores[thinking.count(DELIMITER) % len(scores)]

    return score


def _rest(text: str, begun: str) -> str:
    return text[len(begun) :] if text.startswith(begun) else text
