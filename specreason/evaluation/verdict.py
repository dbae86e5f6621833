"""What a grader says of one answer."""

from __future__ import annotations

from dataclasses import dataclass

# The layer of a verdict on what no layer compares within bounds; the answer counts as wrong.
GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an answer equals the gold answer. `layer` decided it, such as "text" or "number"; `why` is a sentence."""

    is_correct: bool
    layer: str
    why: str
