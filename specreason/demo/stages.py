"""The recipe of the demo pair as data: the stages of its training, their order and their length.

A shallow base learns to write; three of its six layers become the drafter, which is trained on by itself. The base then
learns to judge: fresh layers are put on top of those that know what to write, because comparing a step with what the
base itself would have written needs both. Last, the work of every layer is given to two: the deep base is trained on.
"""

from dataclasses import dataclass, replace

from specreason.demo.main_lines import Recipe


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of training with one mix and one learning-rate course (AdamW's; Muon's is MATRIX_RATE times it)."""

    name: str
    steps: int
    # Sequences of eleven operations in a batch. A batch holds more of shorter ones.
    batch: int
    rate: float
    last_rate: float
    recipe: Recipe = Recipe()  # noqa: RUF009  # frozen
    warmup: int = 100
    # Up to this step the exercises are short, 2 to 6 operations: the models learn there to look up an operation.
    short_until: int = 0
    # Candidates come from the drafter, too.
    drafts: bool = False
    # Layers put on top at the beginning, silent at first.
    append: int = 0
    # Whether the work of each layer is given to two at the beginning.
    spread: bool = False
    # The share of multiplications, which are the hardest. The measured exercises have fewer.
    multiply: float = 1 / 3

    def scaled(self, scale: float) -> "Stage":
        return replace(self, steps=max(1, int(self.steps * scale)), short_until=int(self.short_until * scale))


# Muon's learning rate for each unit of AdamW's.
MATRIX_RATE = 10.0
# The share of a batch's places for which the drafter writes a candidate, which takes time.
DRAFTED_SHARE = 0.25
# Of all triples of the shallow base's six layers, this one still finds most operations.
DRAFTER_LAYERS = {0, 2, 4}

_JUDGED = Recipe(candidates=1, slipped=0.5)

# 80 minutes on two cores with light work beside it: 20, 2, 29, 23 and 6.
WRITE = Stage("write", 1500, 32, 2e-3, 6e-4, short_until=300)
DRAFTER = Stage("drafter", 240, 32, 2e-3, 2e-4, Recipe(learn_terse=True, slipped=0.1), multiply=0.25)
BASE = (
    Stage("judge", 900, 16, 1.2e-3, 5e-4, _JUDGED, warmup=30, append=7, multiply=0.25, short_until=250),
    Stage("judge-drafts", 600, 16, 8e-4, 1e-4, _JUDGED, warmup=30, drafts=True, multiply=0.25),
    Stage("deep", 100, 16, 3e-4, 3e-5, _JUDGED, warmup=20, drafts=True, spread=True, multiply=0.25),
)
