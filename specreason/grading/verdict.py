"""What a grader says of one answer."""

from __future__ import annotations

from dataclasses import dataclass

# Layers that decide nothing: within its bounds nobody could, or the grader saw before that nobody would.
GIVEN_UP, TOO_LARGE = "given up", "too large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an answer equals the gold answer. `layer` decided it, such as "text" or "number"; `why` is a sentence."""

    is_correct: bool
    layer: str
    why: str

    @property
    def is_given_up(self) -> bool:
        """Whether the answer counts as wrong only because nothing decided it."""
        return self.layer in (GIVEN_UP, TOO_LARGE)
