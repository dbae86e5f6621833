"""What the rows of batches say together: one method for each analysis that the API offers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from specreason.client.analysis import comparison
from specreason.client.analysis.comparison import ComparedPair, Comparison, Parting
from specreason.client.analysis.cost_values import BatchCost, Estimate
from specreason.client.analysis.reward_values import StoredRewards
from specreason.client.analysis.search import FoundStep, search
from specreason.client.decoding import decode, to_json
from specreason.client.transport import Transport, body_of
from specreason.config import ScoreMethod
from specreason.evaluation.figures.values import BatchFigures
from specreason.evaluation.judge.judgement import Judgement
from specreason.evaluation.report.values import Report
from specreason.evaluation.rewards.values import BatchRewards


class Analysis:
    """Reached as `Client.analysis`. Every method raises as those of `Client` do."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def compare(self, a: UUID, b: UUID, *, k: int | None = None, price: float | None = None) -> Comparison:
        """Batch B against batch A, problem by problem: the figures of both, with differences, intervals and ratios.

        `k` is that of pass@k and majority@k; by default the usual number of graded repeats in both. `price` is that of
        one GPU-hour, by default the API's own.
        """
        asked = {"a": str(a), "b": str(b), "k": k, "price": price}
        return decode(Comparison, self._get("/api/compare", asked))

    def compared_problems(
        self, a: UUID, b: UUID, *, outcomes: tuple[str, ...] = (), problem: str | None = None
    ) -> Iterator[ComparedPair]:
        """Every pair of jobs of the problems in common, in the order of A's problems and repeats.

        `outcomes` are of problems: "won", "lost", "tied", "ungraded". `problem` is an id, or else an index in A.
        """
        return comparison.compared_problems(self._transport, a, b, outcomes=outcomes, problem=problem)

    def parting(self, job_a: UUID, job_b: UUID) -> Parting:
        """The first step at which the traces of two jobs part."""
        return decode(Parting, self._get("/api/compare/traces", {"a": str(job_a), "b": str(job_b)}))

    def cost(self, batch_id: UUID, *, against: UUID | None = None, price: float | None = None) -> BatchCost:
        """What the batch cost, beside `against` or else the base alone; `price` is that of one GPU-hour.

        Without one the API uses its own, if it has one.
        """
        asked = {"against": against and str(against), "price": price}
        return decode(BatchCost, self._get(f"/api/batches/{batch_id}/cost", asked))

    def estimate(
        self,
        *,
        num_problems: int,
        pair: str = "demo",
        config: Mapping[str, Any] | None = None,
        price: float | None = None,
    ) -> Estimate:
        """What so many problems would take under `config`, from the newest jobs like them. Nothing is stored."""
        asked = {"num_problems": num_problems, "pair": pair, "price": price}
        asked["config"] = json.dumps(dict(config or {}))
        return decode(Estimate, self._get("/api/estimate", asked))

    def figures(self, batch_id: UUID, *, k: int | None = None) -> BatchFigures:
        """Right answers, latency, tokens, drafts, TTFT and TPOT of the jobs that succeeded, and whether drafting pays.

        `k` is that of pass@k and majority@k; by default 2, 4, … and the most graded repeats that a problem has.
        """
        return decode(BatchFigures, self._get(f"/api/batches/{batch_id}/figures", {"k": k}))

    def judge(
        self,
        batch_id: UUID,
        *,
        threshold: float | None = None,
        score_method: ScoreMethod | str | None = None,
    ) -> Judgement:
        """What the judge of a batch is worth, and what other thresholds would have done; also the one given."""
        asked = {"threshold": threshold, "score_method": score_method}
        return decode(Judgement, self._get(f"/api/batches/{batch_id}/judge", asked))

    def report(self, batch_ids: Sequence[UUID] = (), *, eval: str | None = None) -> Report:
        """Cells, figures and tables of several batches together, each figure with the SQL behind it.

        Either the batches are named, at most 256, or `eval`, the evaluation to which all of its batches belong.
        `specreason.report.folder.write_report` draws it.
        """
        asked = {"batch": list(map(str, batch_ids)) or None, "eval": eval}
        return decode(Report, self._get("/api/report", asked))

    def rewards(self, batch_id: UUID) -> BatchRewards:
        """What process reward models say of the batch's steps, and how far the base's utility scores agree."""
        return decode(BatchRewards, self._get(f"/api/batches/{batch_id}/rewards", {}))

    def store_rewards(
        self,
        batch_id: UUID,
        rewards: Sequence[Mapping[str, Any]],
        *,
        prm: str,
        revision: str,
        replace: bool = False,
    ) -> StoredRewards:
        """Store a model's scores of steps: mappings of `job_id`, `step_index`, `score` and, if any, `draft_score`.

        All or none; sent again while the API is away, because the same again changes nothing. Raises InvalidField,
        unless `replace`, for a step that has another score of this model.
        """
        body = {"prm": prm, "revision": revision, "replace": replace, "rewards": to_json(list(rewards))}
        path = f"/api/batches/{batch_id}/rewards"
        return decode(StoredRewards, body_of(self._transport.request("POST", path, safe=True, json=body)))

    def search(self, batch_id: UUID, words: str, *, drafts: bool = False) -> Iterator[FoundStep]:
        """The batch's steps whose kept text has the words; with `drafts` also those of rejected drafts.

        `words` are as in a web search: all must stand there; `"a phrase"`, `OR`, `-word`, `begin*`. Formulas are found
        as they are written, such as `\\frac{1}{2}`.
        """
        return search(self._transport, batch_id, words, drafts=drafts)

    def _get(self, path: str, asked: Mapping[str, Any]) -> Any:
        params = {name: value for name, value in asked.items() if value is not None}
        return body_of(self._transport.request("GET", path, safe=True, params=params))
