"""Figure 7: the base's utility scores against the rewards of a process reward model, draft by draft."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from specreason.evaluation.clusters import mean_of_cases
from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.kinds import REWARD
from specreason.evaluation.report.measures import MeasuredCell, spread
from specreason.evaluation.report.rows import Row
from specreason.evaluation.report.values import Figure, LeftOut
from specreason.evaluation.report.wording import share
from specreason.evaluation.rewards.correlation import spearman
from specreason.evaluation.runs import Columns
from specreason.evaluation.scientific import np
from specreason.words import counted

NUM_BINS = 10
HIGHEST_DIGIT = 9.0


def reward(cells: Sequence[MeasuredCell], rewards: Columns, sql: str, *, parts: int) -> Figure | LeftOut:
    """By cell, process reward model and bin of its rewards, the mean utility score of drafts."""
    kind = REWARD
    names = _names_of_models(rewards)
    places: dict[tuple[UUID, str, str], list[int]] = defaultdict(list)
    for place, key in enumerate(zip(rewards["batch_id"], rewards["prm"], rewards["revision"], strict=True)):
        places[key].append(place)
    rows: list[Row] = []
    said = []
    for each in cells:
        for model in sorted(names):
            here = [
                place for batch in each.pooled.batches for place in places.get((batch.batch_id, *model), ())
            ]
            found = _Steps(rewards, here)
            if len(found.score):
                head = (each.pooled.key, each.pooled.label, names[model])
                rows += [(*head, *row) for row in found.by_bin()]
                said.append(f"{names[model]} on {each.pooled.label}: {found.in_words()}")
    if not rows:
        return kind.left_out()
    remarks = [f"Of the many steps those of one in {parts} problems were read."] if parts > 1 else []
    says = f"Spearman's rank correlation of utility score and reward, {'; '.join(said)}."
    return kind.figure(rows, says=says, sql=sql, remarks=remarks)


class _Steps:
    """The scored drafts of one cell and one model, in an order of their values: sums are the same for the same rows."""

    def __init__(self, rewards: Columns, here: Sequence[int]) -> None:
        names = ("problem_digest", "score", "utility_score", "is_accepted")
        columns = [np.array([rewards[name][place] for place in here]) for name in names]
        order = np.lexsort(columns[::-1])
        self.problem, self.score, self.utility, accepted = (column[order] for column in columns)
        self.is_accepted = accepted.astype(bool)

    def by_bin(self) -> list[Row]:
        """A row for each bin with drafts, from the lowest rewards on."""
        bins = np.minimum((self.score * NUM_BINS).astype(int), NUM_BINS - 1)
        rows: list[Row] = []
        for number in np.unique(bins).tolist():
            here = bins == number
            utility = _of_digits(mean_of_cases(self.utility[here], self.problem[here]))
            edges = (number / NUM_BINS, (number + 1) / NUM_BINS)
            kept = float(self.is_accepted[here].mean())
            rows.append((number, *edges, *spread(utility), int(here.sum()), kept))
        return rows

    def in_words(self) -> str:
        found = spearman(self.utility, self.score, self.problem)
        over = f"over {counted(len(self.score), 'draft')}"
        return f"none {over}, as all scores are equal" if found is None else f"{share(found)} {over}"


def _of_digits(mean: Interval) -> Interval:
    """The mean of digits lies among them."""
    if mean.low is None or mean.high is None:
        return mean
    return Interval(mean=mean.mean, low=max(0.0, mean.low), high=min(HIGHEST_DIGIT, mean.high))


def _names_of_models(rewards: Columns) -> dict[tuple[str, str], str]:
    """By model and revision its name, with the revision where there are several of it."""
    models = set(zip(rewards["prm"], rewards["revision"], strict=True))
    several = {prm for prm, _ in models if sum(other == prm for other, _ in models) > 1}
    return {(prm, rev): f"{prm}@{rev}" if prm in several else prm for prm, rev in models}
