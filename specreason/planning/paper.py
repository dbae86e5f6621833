"""What the paper publishes, and what a public rerun of its code measured: the figures of a forecast without rows.

SpecReason, arXiv 2504.07891. All its runs have a budget of 8,192 thinking tokens, temperature 0.6, vLLM 0.8.2, and two
A6000 of 48 GB at a tensor parallelism of two; the 70B model has four A100 of 80 GB (§5.1, §A.1). Lengths of chains and
absolute latencies are drawn, not printed, but for those of Fig. 5. So the lengths here come from the rerun (the fork
RuthvikAtte/specreason, QwQ-32B and R1-1.5B, threshold 7, 167 runs of 11 AIME problems, hardware not recorded), or are
fitted and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from specreason.planning.workload import StepStatistics, scores_with

# A range: the smallest and the largest figure over the datasets.
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One pair's results. Each range runs over AIME, MATH500 and GPQA Diamond, which the text rarely tells apart."""

    base: str
    drafter: str
    # The pair's acceptance threshold: 7, or "higher" without a number for Skywork (§5.2).
    threshold: float
    # The share of steps that the drafter wrote (§5.2).
    acceptance: Ends
    # Latency of the base alone over that of SpecReason (§5.2).
    speedup: Ends
    # Latency of SpecReason over that of SpecReason+Decode (§5.2).
    decode_speedup: Ends
    # The share of SpecDecode's latency that SpecReason+Decode saves (§5.2).
    saved: Ends
    # Thinking tokens of the base alone over those under SpecReason (§A.2, Fig. 9).
    fewer_tokens: Ends


QWQ_R1: Final = Published(
    base="Qwen/QwQ-32B",
    drafter="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    threshold=7,
    acceptance=(0.381, 0.800),
    speedup=(1.5, 2.5),
    decode_speedup=(1.7, 1.9),
    saved=(0.194, 0.442),
    fewer_tokens=(1.0, 1.3),
)
QWQ_ZR1: Final = Published(
    base="Qwen/QwQ-32B",
    drafter="Zyphra/ZR1-1.5B",
    threshold=7,
    acceptance=(0.365, 0.713),
    speedup=(1.6, 3.0),
    decode_speedup=(1.7, 1.8),
    saved=(0.308, 0.580),
    fewer_tokens=(1.2, 2.0),
)
SKYWORK_R1: Final = Published(
    base="Skywork/Skywork-OR1-32B-Preview",
    drafter="deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    threshold=8,
    acceptance=(0.393, 0.702),
    speedup=(1.4, 2.5),
    decode_speedup=(1.6, 2.2),
    saved=(0.088, 0.522),
    fewer_tokens=(1.0, 1.8),
)
SKYWORK_ZR1: Final = Published(
    base="Skywork/Skywork-OR1-32B-Preview",
    drafter="Zyphra/ZR1-1.5B",
    threshold=8,
    acceptance=(0.414, 0.666),
    speedup=(1.7, 2.4),
    decode_speedup=(1.6, 2.1),
    saved=(0.251, 0.518),
    fewer_tokens=(1.1, 2.3),
)
PAIRS: Final = (QWQ_R1, QWQ_ZR1, SKYWORK_R1, SKYWORK_ZR1)

# R1-70B with R1-1.5B on AIME: acceptance and speedup (§A.1). Its threshold is "stricter", without a number.
LARGE_ACCEPTANCE, LARGE_SPEEDUP = 0.232, 1.5
# Time per token, on two A6000 over that on four A100: of QwQ-32B over R1-70B, and of R1-1.5B over itself (§A.1).
LARGE_TOKEN_RATIO, SMALL_TOKEN_RATIO = 1.5, 1.1
# QwQ-32B and R1-1.5B, seconds at the thresholds 3 and 7, on a sample of each dataset (§5.3).
THRESHOLD_S: Final = {"aime": (109.4, 261.9), "math500": (35.7, 69.2), "gpqa": (72.7, 223.0)}
# The seconds by which SpecReason+Decode is faster at these two, on MATH500 (§5.3).
DECODE_SAVES_S: Final = (8.1, 28.8)
# The same pair, AIME: seconds with no, and with 40, first steps on the base (§5.3).
FIRST_STEPS, FIRST_STEPS_S = 40, (270.4, 292.6)
# The text names these two of QwQ-32B and R1-1.5B on AIME alone (§A.1).
AIME_ACCEPTANCE, AIME_SPEEDUP = 0.408, 1.9

# From here on, the rerun. Tokens of a draft, and of a step that the base wrote, in means.
DRAFT_TOKENS, WRITTEN_TOKENS = 31.5, 35.0
# Shares of the scores 0 to 9: 46.4 % reach 7, with a mean of 7.48, and the others have 4.00. How they spread around
# these means is as in another report on QwQ-32B's scores (ReasonBranch, 7,740 drafts).
SCORES: Final = (0.049, 0.011, 0.011, 0.113, 0.0, 0.352, 0.0, 0.260, 0.186, 0.018)
# Kept thinking tokens under SpecReason: of AIME those of the rerun. The others are fitted, so that the mean of both
# clocks gives Fig. 5's latency at threshold 7.
THINK_TOKENS: Final = {"aime": 5054.0, "math500": 2600.0, "gpqa": 4500.0}
DATASETS: Final = tuple(THINK_TOKENS)

# Guesses. A problem in its chat template, and the answer that our loop asks for: the paper's loop has none of its own.
PROMPT_TOKENS, ANSWER_TOKENS = 200.0, 400.0
# The question for a score in the base's chat template: ours, and "~70 new tokens" of the paper (§4.1).
SUFFIX_TOKENS = 69.0
# A token drafted inside the base's engine is right so often. The paper does not say; this is fitted: only towards the
# upper end does the roofline give the published gains of SpecReason+Decode, and fewer is what others report.
TOKEN_ACCEPTANCE: Ends = (0.7, 0.85)


def published(base: str, drafter: str) -> Published:
    """Return the pair of these models; of other models QwQ-32B with R1-1.5B, of which the paper says most."""
    return next((pair for pair in PAIRS if (pair.base, pair.drafter) == (base, drafter)), QWQ_R1)


def acceptance_on(pair: Published, dataset: str) -> float:
    """Return the acceptance on one dataset, at the pair's threshold.

    MATH500 has the highest (§5.2 says so for QwQ-32B; taken to hold for all). AIME's is known for one pair. All others
    are taken to be the lowest.
    """
    lowest, highest = pair.acceptance
    if dataset == "math500":
        return highest
    return AIME_ACCEPTANCE if pair is QWQ_R1 and dataset == "aime" else lowest


def statistics_on(pair: Published, dataset: str) -> tuple[StepStatistics, StepStatistics]:
    """Return the mean job on a dataset: with few tokens and good token-level drafts, and with many and worse ones."""
    think = THINK_TOKENS[dataset]
    scores = scores_with(acceptance_on(pair, dataset), threshold=pair.threshold, like=SCORES)
    few, many = (
        StepStatistics(
            prompt_tokens=PROMPT_TOKENS,
            think_tokens=think,
            base_tokens=think * fewer,
            drafter_tokens=think,
            draft_tokens=DRAFT_TOKENS,
            written_tokens=WRITTEN_TOKENS,
            suffix_tokens=SUFFIX_TOKENS,
            answer_tokens=ANSWER_TOKENS,
            scores=scores,
            token_acceptance=token_acceptance,
        )
        for fewer, token_acceptance in zip(pair.fewer_tokens, reversed(TOKEN_ACCEPTANCE), strict=True)
    )
    return few, many
