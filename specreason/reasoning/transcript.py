"""The transcript of one run: prompt and kept steps as token ids, in both models' vocabularies.

It knows no policy and calls no engine. Steps are kept as ids, as in the paper (§4.1). Between two models whose
vocabularies differ, each step passes once as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from specreason.engines.base import Completion, FinishReason, ModelPair, Role
from specreason.reasoning.steps import Phase, StepRecord


class Transcript:
    """Append-only. `ids(role)` are the token ids that this model continues."""

    def __init__(self, pair: ModelPair, problem: str, steps: Sequence[StepRecord] = ()) -> None:
        self._pair = pair
        self.problem = problem
        prompt = pair.prompt.replace("{problem}", problem)
        self._ids = {role: list(pair.engine(role).tokenizer.render_prompt(prompt)) for role in Role}
        self.num_prompt_tokens = {role: len(ids) for role, ids in self._ids.items()}
        self.steps: list[StepRecord] = []
        for step in steps:
            self.append(step)

    def followed_by(self, step: StepRecord) -> Transcript:
        """Another transcript, as if `step` were kept."""
        then = copy(self)
        then._ids = {role: list(ids) for role, ids in self._ids.items()}
        then.steps = list(self.steps)
        then.append(step)
        return then

    def num_tokens(self, role: Role) -> int:
        return len(self._ids[role])

    def ids(self, role: Role) -> tuple[int, ...]:
        return tuple(self._ids[role])

    def append(self, step: StepRecord) -> None:
        author = step.author or Role.BASE
        for role in Role:
            self._ids[role].extend(self.translate(step.kept_ids, author, role))
        self.steps.append(step)

    def translate(self, ids: tuple[int, ...], author: Role, reader: Role) -> tuple[int, ...]:
        """`ids` written by `author`, as `reader` reads them."""
        if author is reader or self._pair.shares_vocabulary:
            return ids
        return self._pair.engine(reader).tokenizer.encode(self._pair.engine(author).tokenizer.decode(ids))

    def kept_part(self, completion: Completion, author: Role) -> tuple[tuple[int, ...], str]:
        """The ids and the text to keep: all but an end-of-sequence token, which would end the next call, too."""
        ids = completion.token_ids
        if completion.finish_reason is FinishReason.EOS:
            ids = ids[:-1]
        return ids, self._pair.engine(author).tokenizer.decode(ids)

    @property
    def thinking_closed(self) -> bool:
        return any(
            step.decision.closes_thinking or step.finish_reason is FinishReason.THINK_END
            for step in self.steps
            if step.phase is Phase.THINK
        )

    @property
    def ended_inside_thinking(self) -> bool:
        """Whether the last kept step ended the sequence although the thinking is not closed."""
        if not self.steps or self.thinking_closed:
            return False
        return self.steps[-1].finish_reason is FinishReason.EOS
