"""The deltas of a stream together are the text of the answer that waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.openai.live.chunks import Choice, Deltas
from specreason.engines.base import THINK_END
from specreason.reasoning.steps import Phase

PIECES = st.lists(st.sampled_from(["a", " ", "\n\n", THINK_END, "b c", "</", "😀", ""]), max_size=12)


@given(texts=st.lists(PIECES.map("".join), max_size=8), ending=st.sampled_from(["", THINK_END]))
def test_deltas_together_are_the_whole_text_without_its_ends(texts: list[str], ending: str) -> None:
    deltas = Deltas(ending)
    sent = "".join(deltas.take(text) for text in texts)
    assert sent == "".join(texts).strip().removesuffix(ending).strip()


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["First.\n\n", "Then."], ["First.", "\n\nThen."]),
        (["Alone.</think>"], ["Alone."]),
        (["Closed.\n\n", "</think>"], ["Closed.", ""]),
        (["</think>", " is a tag"], ["", "</think> is a tag"]),
        (["\n", " \n"], ["", ""]),
    ],
)
def test_what_may_be_the_end_of_the_thinking_is_held_back(texts: list[str], told: list[str]) -> None:
    deltas = Deltas(THINK_END)
    assert [deltas.take(text) for text in texts] == told


def test_thinking_and_answer_are_deltas_of_different_fields() -> None:
    choice = Choice()
    assert choice.delta(Phase.THINK, "So.\n\n") == {"reasoning": "So.", "reasoning_content": "So."}
    assert choice.delta(Phase.THINK, THINK_END) is None
    assert choice.delta(Phase.ANSWER, "\n\n4</think>") == {"content": "4</think>"}
    assert choice.num_steps == 3
