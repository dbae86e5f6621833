"""The calls of engines behind the steps of a batch, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

from specreason.evaluation.scientific import np


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """One element for each step of which a model wrote something. Times are in seconds.

    `problem` and `repeat` name its job. `is_draft`: it has a draft, with a verdict. `waited_s` is the waiting for both,
    `draft_s` the whole latency of the draft's call. `is_written`: a model wrote text without a draft or in place of
    one, the base where `by_base`. What a step does not have is 0.
    """

    problem: np.ndarray
    repeat: np.ndarray
    is_draft: np.ndarray
    is_accepted: np.ndarray
    draft_tokens: np.ndarray
    draft_ttft_s: np.ndarray
    draft_s: np.ndarray
    waited_s: np.ndarray
    is_written: np.ndarray
    by_base: np.ndarray
    written_tokens: np.ndarray
    written_ttft_s: np.ndarray
    written_s: np.ndarray
    kept_tokens: np.ndarray


def number_of_jobs(problems: np.ndarray, repeats: np.ndarray) -> int:
    """How many jobs these are, each named by its problem and repeat."""
    return len(np.unique(problems.astype(np.int64) << 16 | repeats))
