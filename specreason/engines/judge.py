"""The question that asks an ordinary base for a score (paper §4.1): its wording, and its place in the chat template."""

from __future__ import annotations

from specreason.engines.tokenizer import HFTokenizer
from specreason.pairs import PairConfig

QUESTION = (
    "Look at the newest part of the reasoning only. Is it correct and does it follow from what came before? "
    "Ignore style. Reply with one digit from 0 (wrong) to 9 (certainly right)."
)
# The space at the end is a token of its own before a digit, in the Qwen and the Llama vocabularies alike.
OPENING = "The score of the newest part is: "


def judge_suffix(config: PairConfig, base: HFTokenizer) -> str:
    """The pair's own suffix if it has one, else the question as a message in the base's chat template."""
    return config.judge_suffix or base.judge_suffix(QUESTION, OPENING)
