"""How Math-Shepherd is asked about the steps of a solution: the text, and the tokens at which it answers. Pure.

The protocol is that of Wang et al. 2024 (Math-Shepherd, ACL, arXiv 2312.08935) and of the card of
`peiyi9979/math-shepherd-mistral-7b-prm`: the problem, then every step with its number, each with the step tag behind
it. At a tag the model predicts one of two tokens, good or bad; the score is the share of the good one among the two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

MATH_SHEPHERD = "peiyi9979/math-shepherd-mistral-7b-prm"
STEP_TAG = "ки"
GOOD, BAD = "+", "-"
# The loop keeps it as the end of the last step; to the reward model it is no word of a solution.
_THINK_TAG = re.compile("</?think>")


@dataclass(frozen=True, slots=True)
class Marked:
    """A problem and steps as one text. `tags` are the places of the step tags that were put in, one for each step."""

    text: str
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """The ids of a text, and the places among them at which the model answers, in ascending order."""

    ids: tuple[int, ...]
    places: tuple[int, ...]

    def up_to(self, num_places: int) -> Encoded:
        """The beginning, up to the last of so many places: a causal model says there what it says in the whole."""
        places = self.places[:num_places]
        return Encoded(self.ids[: places[-1] + 1] if places else (), places)


def words_of(step: str) -> str:
    """A step as the model is to read it: without the tags of thinking and without white space around it."""
    return _THINK_TAG.sub("", step).strip()


def marked(problem: str, steps: Sequence[str]) -> Marked:
    """The problem and its steps, which `words_of` has made; none is empty."""
    parts, tags = [problem.strip()], []
    length = len(parts[0])
    for number, step in enumerate(steps, 1):
        part = f"{' ' if number == 1 else chr(10)}Step {number}: {step} "
        length += len(part)
        tags.append(length)
        length += len(STEP_TAG)
        parts += [part, STEP_TAG]
    return Marked("".join(parts), tuple(tags))


def places_of(
    tags: Sequence[int], ids: Sequence[int], spans: Sequence[tuple[int, int]], tag_id: int
) -> list[int]:
    """The place of the token that each tag is; `spans` are the beginning and end of each token in the text.

    A step may contain the letters of the tag itself: a token of the same id elsewhere is none of these. Raises
    ValueError if the tokenizer has made something else of a tag.
    """
    starts = [start for start, _ in spans]
    places = [bisect_right(starts, tag) - 1 for tag in tags]
    if any(
        place < 0 or ids[place] != tag_id or spans[place][1] <= tag
        for place, tag in zip(places, tags, strict=True)
    ):
        raise ValueError("the tokenizer makes something else of a step tag inside a text than of one alone")
    return places
